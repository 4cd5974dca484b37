"""Who may see what: every route, asked by everybody, for what is theirs, another's and missing.

What is expected stands in `matrix.txt`. A route without a row fails here, and so does a row without a route.
"""

import re
import statistics
from time import perf_counter
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from tenpo.config import rsgi
from tenpo.orders.models import OrderQuerySet
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.people.models import User, UserQuerySet
from tenpo.schedule.models import BookingQuerySet, Service
from tests.matrix.asking import Answer, ask, has_name, thing_of
from tests.matrix.bodies import OPERATIONS
from tests.matrix.table import ACTORS, METHODS, OUTSIDE, PROBES, Row, pattern_of, patterns, rows
from tests.world import PEOPLE, World

ROWS = rows()
DEAD_KEYS = ("revoked", "expired", "unknown", "rubbish")
REFUSED = ("in", "401", "403", "404")

# What an answer says although its reader could not find it elsewhere, and why that is right.
SAID = {
    # The link is the secret; it says who invites whom.
    "/invite/{token}/": ("Ada Addermark", "addermark@example.com"),
    # Whoever has the link reads what its visitor said of themselves.
    "/intro/{intro_token}/": ("Vera Visitormark",),
    "/intro/{confirm_token}/": ("Vito Visitormark",),
    "/intro/{intro_token}/booking.ics": ("intro",),
    "/api/v1/invites/{token}/acceptance": ("addermark@example.com",),
    # Whoever has the address reads the calendar of its owner.
    "/calendar/feed/{feed_token}.ics": (
        "Cora-door",
        "Cora-couch",
        "booking",
        "time",
        "asked",
        "session of time",
        "session of asked",
        "at_bank",
        "declined",
        "offer",
        "waiting",
        "came",
        "here",
        "expected",
        "absent",
    ),
}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_everybody_is_answered_as_the_table_says(world, row):
    check(world, row)


def check(world: World, row: Row) -> None:
    """Hold a row against what everybody is answered, what they read in it, and what nothing would be answered."""
    answers = answers_of(world, row)

    seen = Row(row.method, row.address, tuple(seen_cell(row, answers, actor) for actor in ACTORS))
    assert seen.line() == row.line(), f"\nThe table:  {row.line()}\nThe answer: {seen.line()}"
    assert [cell for cell in row.cells if cell.rstrip("+") in REFUSED and cell.endswith("+")] == []
    assert [told for actor, answer in answers.items() for told in leaks(world, row, actor, answer)] == []
    if has_name(row):
        for actor, answer in answers.items():
            check_missing(world, row, actor, answer)


def check_missing(world: World, row: Row, actor: str, answer: Answer) -> None:
    """Ask for nothing: whoever may not see the thing must get the answer that they get for the thing."""
    gone = ask(world, row, actor, is_missing=True)

    assert gone.status < 500
    assert not gone.cell.endswith("+"), f"{actor} changed something by asking for nothing"
    if answer.cell == "403" and sees(world, row, actor):
        # They may know that it is there, and that this is not for them to do.
        assert gone.cell in ("403", "404")
    elif answer.cell in REFUSED or not sees(world, row, actor):
        assert gone.whole == answer.whole, f"{actor} can tell another's from a missing one"
    else:
        assert gone.cell in ("404", "200", "409", "in"), actor


def test_every_route_has_its_rows() -> None:
    """Beside Django's own routes, what stands outside it."""
    served = {pattern_of(row) for row in ROWS}

    assert sorted({*patterns(), *OUTSIDE} - served) == [], "needs a row in matrix.txt"


def test_every_row_has_its_route():
    assert [str(row) for row in ROWS if "nothing serves" in pattern_of(row)] == []


def test_every_operation_of_the_api_has_its_row() -> None:
    known = {plain(str(row)) for row in ROWS}

    assert [operation for operation in OPERATIONS if plain(operation) not in known] == []


@pytest.mark.timeout(400)
def test_no_page_of_ours_takes_a_method_that_has_no_row(world):
    known = {(row.method, pattern_of(row)) for row in ROWS}
    wrong = [
        f"{method} {row.path}: {answer.cell}"
        for row in {pattern_of(row): row for row in ROWS if is_our_page(row)}.values()
        for method in METHODS
        if (method, pattern_of(row)) not in known
        for answer in [ask(world, Row(method, row.path, row.cells), "admin")]
        if answer.status != 405
    ]

    assert wrong == []


def test_what_stands_outside_django_is_known():
    assert {*rsgi.application.streams} == {*OUTSIDE, *PROBES}


@pytest.mark.control
def test_control_a_row_that_is_taken_away_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [row for row in ROWS if row.path not in ("/bookings/{booking}/", "/api/v1/orders/{order}")]
    monkeypatch.setattr("tests.matrix.test_matrix.ROWS", kept)

    with pytest.raises(AssertionError, match="booking_id>/"):
        test_every_route_has_its_rows()
    with pytest.raises(AssertionError, match="orders"):
        test_every_operation_of_the_api_has_its_row()


@pytest.mark.control
@pytest.mark.parametrize("name", ["GET /bookings/{booking}/cancel/", "POST /api/v1/bookings/{booking}/cancellation"])
def test_control_a_booking_that_everybody_sees_is_noticed(world, monkeypatch, name):
    monkeypatch.setattr(BookingQuerySet, "visible_to", lambda rows, user: rows.all())

    with pytest.raises(AssertionError, match="The answer"):
        check(world, row_of(name))


@pytest.mark.control
def test_control_a_list_of_everybody_is_noticed(world, monkeypatch):
    """The status of a list says nothing; the marks in it do."""
    monkeypatch.setattr(UserQuerySet, "visible_to", lambda rows, user: rows.all())

    with pytest.raises(AssertionError, match="reads 'Otto Ottermark'"):
        check(world, row_of("GET /api/v1/people"))


@pytest.mark.control
def test_control_more_work_for_anothers_is_noticed(world, monkeypatch):
    """As where a row is found first, and only then is asked whose it is."""

    def found_first(rows: OrderQuerySet, user: User) -> OrderQuerySet:
        mine = [order.pk for order in rows.all() if user.is_admin or order.buyer == user]
        return rows.filter(pk__in=[*mine, UUID(int=0)])

    row = row_of("GET /api/v1/orders/{order}")
    asked = ask(world, row, "other")
    monkeypatch.setattr(OrderQuerySet, "visible_to", found_first)

    assert ask(world, row, "other").statements > asked.statements


TIMED = [
    "GET /bookings/{booking}/",
    "GET /orders/{order}/",
    "GET /api/v1/orders/{order}",
    "GET /api/v1/payments/{payment}",
    "POST /api/v1/invites/{invite}/revocation",
]
PAIRS = 24
MILLISECONDS = 5


@pytest.mark.parametrize("name", TIMED)
def test_anothers_takes_as_long_as_what_is_missing(world, name):
    """The same work is shown for every route by the number of statements; here by the clock, asked in turns."""
    row = row_of(name)
    took: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(PAIRS):
        for is_missing in (True, False):
            started = perf_counter()
            ask(world, row, "other", is_missing=is_missing)
            took[is_missing].append((perf_counter() - started) * 1_000)

    # The quickest of each are the least disturbed by whatever else the machine does.
    quick = {is_missing: statistics.median(sorted(times)[: PAIRS // 2]) for is_missing, times in took.items()}
    assert abs(quick[True] - quick[False]) < MILLISECONDS + quick[True] / 4


def answers_of(world: World, row: Row) -> dict[str, Answer]:
    """What everybody is answered."""
    keys = ("write",) if row.is_page else ("read", "write", "boss", *DEAD_KEYS)
    return {actor: ask(world, row, actor) for actor in ("anon", *PEOPLE, *keys)}


def seen_cell(row: Row, answers: dict[str, Answer], actor: str) -> str:
    """What the table should say of an actor."""
    if actor == "dead" and not row.is_page:
        # It is nobody's business what a key once was.
        assert answers["revoked"].status != 401 or len({str(told(answers[key])) for key in DEAD_KEYS}) == 1
        return answers["revoked"].cell
    if actor in answers and not (row.is_page and actor == "write"):
        return answers[actor].cell
    # A key is nothing to a page: whoever sends one is a stranger.
    return "-" if answers["write"].cell == answers["anon"].cell else answers["write"].cell


def told(answer: Answer) -> tuple[str, str, dict[str, str]]:
    """What the caller can read of an answer."""
    return answer.cell, answer.text, answer.headers


def leaks(world: World, row: Row, actor: str, answer: Answer) -> list[str]:
    """The marks in an answer that its reader may not see."""
    reader = {"read": "member", "write": "anon" if row.is_page else "member", "boss": "admin"}.get(actor, actor)
    text = answer.text + str(answer.headers)
    said = SAID.get(row.path, ())
    return [
        f"{actor} reads {secret.text!r} ({secret.of})"
        for secret in world.secrets
        if secret.text in text and reader not in secret.readers and not {secret.text, secret.of} & set(said)
    ]


def sees(world: World, row: Row, actor: str) -> bool:
    """Whether an actor may know that the thing of a row is there."""
    thing = thing_of(world, row)
    name = {"read": "member", "write": "member", "boss": "admin"}.get(actor, actor)
    if name not in PEOPLE or (row.is_page and actor == "write"):
        if isinstance(thing, Service):
            # What is open to visitors they see without signing in.
            return row.is_page and Service.objects.visible_to(AnonymousUser()).filter(pk=thing.pk).exists()
        return isinstance(thing, str) and "token" in row.address
    user: User = world.people[name]
    if isinstance(thing, str):
        return "token" in row.address or name in ("member", "admin")
    rows_ = type(thing)._default_manager.all()
    if isinstance(thing, SandboxCharge):
        # A provider's memory; what of it can be seen is the payment's payer's.
        rows_, thing = Payment.objects.all(), Payment.objects.get(reference=str(thing.pk))
    visible: QuerySet[Any] = rows_.visible_to(user) if hasattr(rows_, "visible_to") else rows_.filter(user=user)
    return visible.filter(pk=thing.pk).exists()


def row_of(name: str) -> Row:
    """The row of a method and an address."""
    return next(row for row in ROWS if str(row) == name)


def is_our_page(row: Row) -> bool:
    """A page of Tenpo's: neither the API, which says its methods itself, nor one of allauth's."""
    return not row.path.startswith(("/api/v1/", "/account/", "/_allauth/")) and row.path not in OUTSIDE


def plain(operation: str) -> str:
    """A method and an address without the names in its braces and without its question."""
    bare = re.sub(r"\{\w+\}", "{}", re.split(r"[?#]", operation)[0])
    return re.sub(r"/webhooks/(sandbox|plugnmeet)$", "/webhooks/{}", bare)
