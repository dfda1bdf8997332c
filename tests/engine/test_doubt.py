"""What a killed run may have left at the destination is put right, also where the feed went back to what it was."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reverse_etl.rows import Op, Row
from tests.engine.account import Killed
from tests.engine.shop import Shop


def _kill(op: Op, rows: Sequence[Row]) -> None:
    raise Killed


def _killed(shop: Shop, point: str) -> None:
    setattr(shop.account, point, _kill)
    with pytest.raises(Killed):
        shop.run(object="full")
    setattr(shop.account, point, None)


def test_a_value_that_was_sent_unconfirmed_is_emptied_when_the_feed_has_none_again(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.run(object="full")
    any_shop.people["ada"]["phone"] = "+4930111"
    _killed(any_shop, "after")
    assert any_shop.account.rows["ada@example.com"]["phone"] == "+4930111"

    any_shop.people["ada"]["phone"] = None
    _killed(any_shop, "before")  # and once more, with nothing taken
    any_shop.run(object="full")
    assert any_shop.account.rows == any_shop.eligible()
    assert any_shop.run(object="full").sent == 0


def test_a_value_whose_emptying_was_not_confirmed_is_emptied_again(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.people["ada"]["phone"] = "+4930111"
    any_shop.run(object="full")
    any_shop.people["ada"]["phone"] = None
    _killed(any_shop, "before")
    _killed(any_shop, "before")
    any_shop.run(object="full")
    assert any_shop.account.rows == any_shop.eligible()


def test_a_new_row_that_was_sent_unconfirmed_is_emptied_where_the_feed_has_no_value_now(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.people["ada"]["phone"] = "+4930111"
    _killed(any_shop, "after")
    any_shop.people["ada"]["phone"] = None
    _killed(any_shop, "before")
    any_shop.run(object="full")
    assert any_shop.account.rows == any_shop.eligible()


def test_a_field_that_no_sync_ever_filled_is_left_alone_by_a_row_in_doubt(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.run(object="full")
    any_shop.account.rows["ada@example.com"]["phone"] = "theirs"
    any_shop.people["ada"]["first_name"] = "Ida"
    _killed(any_shop, "after")
    any_shop.run(object="full")
    assert any_shop.account.rows["ada@example.com"] == any_shop.eligible()["ada@example.com"] | {"phone": "theirs"}
