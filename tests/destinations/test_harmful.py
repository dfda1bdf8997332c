"""Calls that succeed and do harm cannot be reached from a sync: which they are, and what shows it of each.

A destination's case lists every address that its code may spell, and a pattern of what its code must never spell. Here
is what each pattern has to catch, and for the harm that lies in a value or in a moment, the test that shows it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from conformance.suite import Conformance
from reverse_etl.destinations import registry

OWN = sorted(registry.BUILT_IN)
HERE = Path(__file__).parent
OF_ONES_OWN = {"webhook", "files"} & set(OWN)  #: places where nobody but the user says what a row does


class Harm(NamedTuple):
    """What could be done to people or to an account, and why it is not.

    Attributes:
        destination: At which vendor.
        what: What it does.
        spelled: The words of the call as code would spell them, which the destination's pattern has to catch.
        shown_by: Tests that show it, as file and name, where the harm is not in the words.
        columns: Columns that would do it, which no feed of an object that has them may have.
    """

    destination: str
    what: str
    spelled: tuple[str, ...] = ()
    shown_by: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


HARMS = (
    # who consents, and to what, is nobody's business but the person's
    Harm(
        "klaviyo",
        "taking somebody off a list by it unsubscribes who is not in the list from everything",
        ("/api/profile-subscription-bulk-delete-jobs",),
    ),
    Harm(
        "klaviyo",
        "subscribing lifts the suppression of who unsubscribed, complained or was suppressed",
        ("/api/profile-subscription-bulk-create-jobs", "/api/profile-suppression-bulk-delete-jobs"),
    ),
    Harm(
        "iterable",
        "a removal with channelUnsubscribe unsubscribes from the whole channel",
        shown_by=(
            "iterable/test_iterable.py::test_a_removal_leaves_the_list_and_nothing_else",
            "iterable/test_iterable.py::test_a_removal_keeps_the_profile_and_its_channels",
        ),
    ),
    Harm(
        "iterable",
        "a person's subscriptions are overwritten",
        ("/api/users/updateSubscriptions", "/api/subscriptions/"),
    ),
    Harm(
        "mailchimp",
        "status: subscribed subscribes again who unsubscribed",
        ("status",),
        ("mailchimp/test_mailchimp.py::test_who_unsubscribed_stays_so",),
    ),
    Harm(
        "braze",
        "a subscription is forced on who unsubscribed",
        ("opted_in", "/email/status"),
        ("braze/test_braze.py::test_who_unsubscribed_is_not_subscribed_again_by_any_run",),
    ),
    Harm(
        "customerio",
        "unsubscribing is written as an attribute",
        (),
        ("customerio/test_customerio.py::test_consent_cannot_be_written",),
    ),
    Harm(
        "intercom",
        "a person is unsubscribed from e-mails, or subscribed again",
        ("/contacts/{}/subscriptions",),
        columns=("unsubscribed_from_emails",),
    ),
    Harm("pipedrive", "a person is subscribed or unsubscribed", columns=("marketing_status",)),
    # who is gone cannot be brought back
    Harm("klaviyo", "a person is erased", ("/api/data-privacy-deletion-jobs",)),
    Harm("hubspot", "an unknown address is blocked for ever", ("/crm/objects/{}/contacts/gdpr-delete",)),
    Harm("hubspot", "a contact is taken from everybody", ("{}/batch/archive",)),
    Harm("customerio", "a person is deleted and blocked", ("suppress", "/api/v1/customers/{}/suppress", "delete")),
    Harm("mailchimp", "an address can never be imported again", ("/lists/{}/members/{}/actions/delete-permanent",)),
    Harm("sendgrid", "every contact is deleted", ("delete_all_contacts",)),
    Harm("sendgrid", "contacts are deleted, from all lists", ("ids",)),
    Harm("sendgrid", "the contacts of a list are deleted with it", ("delete_contacts",)),
    Harm("iterable", "a person is erased and kept out", ("/api/users/forget",)),
    Harm("braze", "a person is deleted", ("/users/delete",)),
    Harm(
        "salesforce",
        "records are deleted",
        ("hardDelete", "delete", "emptyRecycleBin"),
        ("salesforce/test_campaigns.py::test_nothing_but_a_membership_can_be_taken_away",),
    ),
    Harm("intercom", "a contact is archived or blocked", ("/contacts/{}/archive", "/contacts/{}/block")),
    Harm("pipedrive", "a person is deleted", ("DELETE",)),
    # two people become one for good
    Harm("braze", "two people become one", ("/users/merge",)),
    Harm("intercom", "two contacts become one", ("/contacts/merge",)),
    Harm("pipedrive", "two persons become one", ("/persons/{}/merge",)),
    # one call empties or replaces an audience
    Harm("meta", "an audience is replaced as a whole", ("/{}/usersreplace",)),
    Harm("google", "an audience is emptied", ("/v1/audienceMembers:removeAll",)),
    Harm("tiktok", "an audience is deleted", ("/open_api/v1.3/dmp/custom_audience/delete/",)),
    Harm("linkedin", "a segment is deleted", ("DELETE",)),
    Harm("sql", "a table is emptied, dropped or replaced", ("truncate", "drop table", "create or replace")),
    # it costs, or takes others with it
    Harm(
        "braze",
        "every attribute that is sent is billed, changed or not",
        shown_by=("braze/test_braze.py::test_a_change_is_billed_for_what_changed_alone",),
    ),
    Harm(
        "meta",
        "one event of more than seven days ago has the whole call refused",
        shown_by=("meta/test_conversions.py::test_an_event_that_is_too_old_does_not_take_the_others_with_it",),
    ),
    Harm(
        "meta",
        "an audience that Meta has flagged is written to",
        shown_by=("meta/test_meta.py::test_a_restricted_audience_is_noticed_before_anything_is_sent",),
    ),
    Harm(
        "meta",
        "a removal that Meta puts off counts as done",
        shown_by=("meta/test_meta.py::test_a_removal_from_a_small_audience_stays_pending_without_fault",),
    ),
)
#: What lies in wait at every vendor, and is looked at for all of them at once.
EVERYWHERE = {
    "an empty value overwrites a good one": "test_empty_values_do_what_their_policy_says",
    "a removal takes more than who left": "test_nobody_is_sent_without_consent_and_who_withdraws_leaves",
}


def case(name: str) -> ModuleType:
    """What a destination's tests declare of it: tests/destinations/<name>/case.py."""
    return importlib.import_module(f"tests.destinations.{name}.case")


def spelled(tree: ast.Module) -> set[str]:
    """Every text of a module but its docstrings, with {} for what an f-string fills in."""
    found = set()
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.add("".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            found.add(node.value)
    return found


@pytest.mark.parametrize("name", OWN)
def test_only_these_addresses_can_be_called(name: str) -> None:
    package = importlib.import_module(f"reverse_etl.destinations.{name}")
    modules = {
        info.name: importlib.import_module(f"{package.__name__}.{info.name}")
        for info in pkgutil.iter_modules(package.__path__)
    }
    texts = {module: spelled(ast.parse(inspect.getsource(code))) for module, code in modules.items()}

    found = {
        module: {text for text in of if re.fullmatch(r"(?:\{\})?(?:/[\w{}:.-]+)+", text)}
        for module, of in texts.items()
    }
    assert found == case(name).ADDRESSES
    assert not [text for of in texts.values() for text in of if case(name).HARMFUL.search(text)]


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.what)
def test_what_does_harm_cannot_be_reached(harm: Harm) -> None:
    assert harm.spelled or harm.shown_by or harm.columns
    for words in harm.spelled:
        assert case(harm.destination).HARMFUL.search(words), f"{words} could be spelled unnoticed"
    for place in harm.shown_by:
        assert is_a_test(HERE / place), place
    refused = {name for spec in registry.get(harm.destination).objects.values() for name in spec.refused_columns}
    assert set(harm.columns) <= refused


@pytest.mark.parametrize("what", EVERYWHERE)
def test_what_does_harm_everywhere_is_looked_at_everywhere(what: str) -> None:
    assert callable(getattr(Conformance, EVERYWHERE[what]))


def test_of_every_destination_it_is_said_what_would_do_harm() -> None:
    assert {harm.destination for harm in HARMS} == set(OWN) - OF_ONES_OWN


def is_a_test(place: Path) -> bool:
    """Tell whether there is a test of that name in that file."""
    file, _, name = str(place).partition("::")
    return f"def {name}(" in Path(file).read_text()
