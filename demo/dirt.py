"""What happens to true values on their way into the systems: people mistype, tills upper-case, forms keep blanks."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo import columns
from demo.dice import Dice, Ints
from demo.reference import COUNTRIES, MAIL_DOMAINS, TYPO_DOMAINS

TEST_ADDRESS = "test@test.com"
_EMAIL_STYLES = (0.80, 0.07, 0.03, 0.03, 0.03, 0.015, 0.01, 0.005, 0.01)


def email(dice: Dice, label: str, keys: Ints, true: pa.Array) -> pa.Array:
    """Addresses as they were typed: most as they are, the rest shouted, padded, tagged, mistyped, invented."""
    style = dice.pick(f"e-mail style {label}", _EMAIL_STYLES, keys)
    typo = true
    for right, wrong in zip(MAIL_DOMAINS, TYPO_DOMAINS, strict=True):
        typo = pc.replace_substring(typo, f"@{right}", f"@{wrong}")
    variants = (
        true,
        pc.utf8_title(true),
        pc.utf8_upper(true),
        columns.join("  ", true, " "),
        pc.replace_substring(true, "@", "+shop@"),
        typo,
        pc.replace_substring(true, ".", "", max_replacements=1),
        columns.where(style >= 0, TEST_ADDRESS),
        columns.where(style < 0, true),
    )
    return pc.choose(pa.array(style), *variants)


def phone(dice: Dice, label: str, keys: Ints, country: Ints, significant: pa.Array) -> pa.Array:
    """The significant digits of a number in one of six ways of writing it."""
    calling = columns.choose([c.calling for c in COUNTRIES], country)
    trunk = columns.choose([c.trunk for c in COUNTRIES], country)
    bracket = columns.choose([f"({c.trunk})" if c.trunk else "" for c in COUNTRIES], country)
    area = pc.utf8_slice_codeunits(significant, 0, 3)
    middle = pc.utf8_slice_codeunits(significant, 3, 6)
    tail = pc.utf8_slice_codeunits(significant, 6, 20)
    variants = (
        columns.join("+", calling, significant),
        columns.join("+", calling, " ", area, " ", middle, " ", tail),
        columns.join("00", calling, " ", area, middle, tail),
        columns.join(trunk, area, "/", middle, "-", tail),
        columns.join("(", trunk, area, ") ", middle, " ", tail),
        columns.join("+", calling, " ", bracket, " ", area, ".", middle, ".", tail),
    )
    style = dice.pick(f"phone style {label}", (3, 2, 2, 1, 1, 1), keys)
    return pc.choose(pa.array(style), *variants)


def name(dice: Dice, label: str, keys: Ints, true: pa.Array) -> pa.Array:
    """Names as forms and tills keep them: sometimes upper case, lower case, padded or missing."""
    style = dice.pick(f"name style {label}", (0.86, 0.04, 0.03, 0.03, 0.04), keys)
    variants = (
        true,
        pc.utf8_upper(true),
        pc.utf8_lower(true),
        columns.join(true, " "),
        columns.where(np.zeros(len(keys), dtype=bool), true),
    )
    return pc.choose(pa.array(style), *variants)
