"""What a record is called, by each reader's words."""

import re
from pathlib import Path

import pytest
from django.utils import translation

import tenpo
from tenpo.audit.action_words import ACTS, THINGS
from tenpo.audit.words import say_action, say_thing

PACKAGE = Path(tenpo.__file__).parent
CODE = re.compile(r'\b(?:record|publish)\(\s*"([a-z_]+)\.([a-z_]+)"')


def codes() -> set[tuple[str, str]]:
    """The actions that the program records, and the events that it tells of."""
    files = (path for path in PACKAGE.rglob("*.py") if "tests" not in path.parts)
    return {found for path in files for found in CODE.findall(path.read_text())}


@pytest.mark.parametrize(
    ("code", "english", "german"),
    [
        ("user.profile_changed", "User: profile changed", "Person: Profil geändert"),
        ("payout_batch.made", "Payout batch: made", "Auszahlungslauf: gemacht"),
        ("gadget.turned_round", "Gadget: turned round", "Gadget: turned round"),
        ("gadget", "Gadget", "Gadget"),
    ],
)
def test_an_action_is_said_in_the_readers_words(code, english, german):
    assert say_action(code) == english
    with translation.override("de"):
        assert (say_action(code), say_thing("session")) == (german, "Termin")


def test_every_action_has_words():
    seen = codes()

    assert len(seen) > 120
    assert {thing for thing, _act in seen} - set(THINGS) == set()
    assert {act for _thing, act in seen} - set(ACTS) == set()
