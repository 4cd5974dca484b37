"""Dates of one series that two coaches give, in one order: priced, divided and told by who gives each."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.checkout import jobs
from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.actions.giving_up import cancel_in_series
from tenpo.checkout.queries.series import Scope
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.test_book_series import book, make_dates, party_of
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.core.errors import RuleError
from tenpo.ledger.models import Account
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.orders.tests.make import credit_left, ledger_sum, make_credit, make_share_policy, make_sponsorship
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.actions.standing_in import hand_over
from tenpo.schedule.actions.time_off import add_time_off
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.test_session_coaches import earns, split_rule
from tests.work import work

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
HOUR = timedelta(hours=1)


@pytest.fixture
def lead() -> User:
    return make_coach("Sofia Lindqvist")


@pytest.fixture
def other() -> User:
    return make_coach("Jonas Feld")


def dates_of(lead: User, other: User, number: int = 3) -> list[Session]:
    """The dates of a series of one coach, of which the second is handed over to another."""
    away = make_dates(number, lead)[1]
    off = add_time_off(lead, starts_at=away.starts_at - HOUR, ends_at=away.ends_at, stand_in=other, by=lead)
    hand_over(off, by=lead)
    dates = list(Session.objects.filter(series=away.series_id).order_by("starts_at"))
    assert [one.coach for one in dates[:3]] == [lead, other, lead][:number]
    return dates


def shares(booked: list[Booking]) -> list[tuple[int, int, int, int]]:
    lines = [one.line for one in booked if one.line]
    return [(one.company_share, one.sponsor_share, one.credit_spent, one.own_share) for one in lines]


ALL_OF_IT, NOTHING = (2_000, 0, 0, 0), (0, 0, 0, 2_000)


@pytest.mark.parametrize("chosen", [[0, 1, 2], [1, 2], [2, 1], [1]])
def test_the_company_pays_of_each_date_by_its_own_coachs_policy(lead, other, chosen):
    dates, lena = dates_of(lead, other), make_member()
    policy = make_share_policy(percent=100, coach=lead)

    booked = book([dates[n] for n in chosen], lena)

    by_date = {one.session_id: one for one in booked}
    for n in chosen:
        place = by_date[dates[n].pk]
        assert shares([place]) == [NOTHING if n == 1 else ALL_OF_IT]
        assert place.line is not None
        assert place.line.share_policy == (None if n == 1 else policy)
    assert Payment.objects.get().amount == 2_000
    assert ledger_sum(Account.Kind.COMPANY) == -2_000 * (len(chosen) - 1)


def test_the_policy_of_everybody_holds_for_whoever_has_none_of_their_own(lead, other):
    dates, lena = dates_of(lead, other), make_member()
    make_share_policy(percent=50)
    make_share_policy(percent=25, coach=lead)

    booked = book(dates, lena, "Mia")

    assert [one.line.company_share for one in booked if one.line] == [500, 500, 1_000, 1_000, 500, 500]


def test_what_one_date_takes_is_not_there_for_the_next_whoever_gives_it(lead, other):
    dates, lena = dates_of(lead, other), make_member()
    make_share_policy(percent=50, coach=lead)
    make_sponsorship(lena, percent=50, pot=2_500)
    make_credit(lena, 700)

    booked = book(dates, lena)

    assert shares(booked) == [(1_000, 1_000, 0, 0), (0, 1_000, 700, 300), (1_000, 500, 0, 500)]
    assert Payment.objects.get(payer=lena, description="3 × Yoga").amount == 800


@pytest.mark.parametrize("start", [0, 1], ids=["from one of the lead", "from the one handed over"])
def test_each_earns_of_their_own_dates_by_their_own_rule(lead, other, start):
    split_rule(90, coach=lead)
    split_rule(40, coach=other)
    dates, lena = dates_of(lead, other), make_member()

    book(dates[start:], lena, "Mia")

    assert earns(dates[1]) == [(None, 1_200, 0), (other, 800, 0)] * 2
    assert earns(dates[2]) == [(None, 200, 0), (lead, 1_800, 0)] * 2


def test_a_rule_of_one_coach_divides_nothing_of_anothers(lead, other):
    split_rule(90, coach=lead)
    dates, lena = dates_of(lead, other), make_member()

    book(dates, lena)

    assert earns(dates[0]) == earns(dates[2]) == [(None, 200, 0), (lead, 1_800, 0)]
    assert earns(dates[1]) == []


def test_a_coach_who_books_dates_of_their_own_and_of_another_earns_of_neither(lead, other):
    split_rule(90, coach=lead)
    split_rule(40, coach=other)
    dates = dates_of(lead, other)

    book(dates, other)

    assert earns(dates[0]) == [(None, 200, 0), (lead, 1_800, 0)]
    assert earns(dates[1]) == []


@pytest.mark.parametrize(("number", "names"), [(2, 0), (10, 4)])
def test_dates_of_two_coaches_are_held_with_one_statement_more(lead, other, number, names):
    dates, lena = dates_of(lead, other, number), make_member()
    make_share_policy(percent=100)
    party = party_of(lena, *(f"Guest {n}" for n in range(names)))
    make_booking(make_session(price=0), lena)

    with CaptureQueriesContext(connection) as captured:
        book_places(*dates, participants=party, by=lena)

    asked = [query["sql"] for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]]
    assert len(asked) == 5, "\n".join(asked)


def test_the_quotes_say_what_is_paid(lead, other):
    dates, lena = dates_of(lead, other), make_member()
    theirs = make_share_policy(percent=100, coach=lead)
    api = Api(lena)

    from_own = api.get(f"/sessions/{dates[0].pk}/following/quote?places=2").json()["quote"]
    from_handed_over = api.get(f"/sessions/{dates[1].pk}/following/quote").json()["quote"]
    page = signed_in(lena).get(f"/sessions/{dates[1].pk}/book/following/").content.decode()

    assert (from_own["company_share"], from_own["own_share"]) == (8_000, 4_000)
    assert (from_handed_over["company_share"], from_handed_over["own_share"]) == (2_000, 2_000)
    assert from_own["share_policy_id"] == from_handed_over["share_policy_id"] == str(theirs.pk)
    assert "Book and pay €20" in page
    with pytest.raises(RuleError) as refused:
        book(dates, lena, "Mia", agreed=0)
    assert refused.value.code == "price_changed"
    sent = {
        "session_ids": [str(one.pk) for one in dates], "participant_ids": [api.get("/me").json()["participant_id"]],
        "provider": "sandbox", "source": SUCCEEDS, "agreed_amount": from_handed_over["own_share"],
    }  # fmt: skip
    assert api.post("/series-bookings", sent).json()["payment"]["amount"] == 2_000


def test_a_quote_by_several_policies_names_none(lead, other):
    dates, lena = dates_of(lead, other), make_member()
    make_share_policy(percent=100, coach=lead)
    of_other = make_share_policy(percent=50, coach=other)
    api = Api(lena)

    both = api.get(f"/sessions/{dates[0].pk}/following/quote").json()["quote"]
    alone = api.get(f"/sessions/{dates[1].pk}/quote").json()

    assert (both["company_share"], both["share_policy_id"]) == (5_000, None)
    assert (alone["company_share"], alone["share_policy_id"]) == (1_000, str(of_other.pk))


def told_of(kind: str) -> dict[User, Notification]:
    """Who was told such a thing, each of them once."""
    work()
    found = list(Notification.objects.filter(kind=kind).select_related("user"))
    assert len(found) == len({one.user for one in found})
    return {one.user: one for one in found}


def is_of(notice: Notification, dates: list[Session]) -> bool:
    """Whether it tells of these dates, by the first of them, and of no other."""
    starts = [one.starts_at.isoformat() for one in dates]
    assert notice.payload.get("dates", []) == (starts if len(dates) > 1 else [])
    return (notice.payload["session_id"], notice.payload["starts_at"]) == (str(dates[0].pk), starts[0])


def title(notice: Notification) -> str:
    return say(notice.kind, notice.payload).title


@pytest.mark.parametrize("start", [0, 1], ids=["from one of the lead", "from the one handed over"])
def test_each_coach_is_told_of_what_is_booked_on_their_own_dates(lead, other, start):
    dates, lena = dates_of(lead, other, 4), make_member("Lena Ott")

    book(dates[start:], lena, "Mia")

    told = told_of("coach.booked")
    theirs = [dates[n] for n in (0, 2, 3) if n >= start]
    assert told.keys() == {lead, other}
    assert is_of(told[lead], theirs)
    assert title(told[lead]) == f"Lena Ott, Mia booked {len(theirs)} dates of Yoga"
    assert is_of(told[other], [dates[1]])
    assert title(told[other]) == "Lena Ott, Mia booked Yoga"
    assert "2 of" in say("coach.booked", told[other].payload).text
    mine = told_of("booking.confirmed")[lena]
    assert is_of(mine, dates[start:])
    names = ["Sofia Lindqvist", "Jonas Feld"]
    said = say("booking.confirmed", mine.payload)
    assert said.text.startswith(f"With {' and '.join(names[::-1] if start else names)}: ")


def test_each_coach_is_told_of_who_comes_to_their_own_dates(lead, other):
    dates, lena = dates_of(lead, other), make_member("Lena Ott")
    booked = book(dates, lena, "Mia")
    [of_mia] = [one for one in booked if one.session_id == dates[1].pk and one.participant.name == "Mia"]

    cancel_booking(of_mia, by=lena)

    told = told_of("coach.booked")
    assert (title(told[lead]), title(told[other])) == (
        "Lena Ott, Mia booked 2 dates of Yoga", "Lena Ott booked Yoga"
    )  # fmt: skip
    assert {user: title(one) for user, one in told_of("coach.booking_cancelled").items()} == {
        other: "Mia cancelled Yoga"
    }


def test_each_coach_is_told_of_what_is_given_up_of_their_own_dates(lead, other):
    dates, lena = dates_of(lead, other), make_member("Lena Ott")
    booked = book(dates, lena, "Mia")
    work()

    given_up = cancel_in_series(booked[0], scope=Scope.ALL, by=lena)

    told = told_of("coach.booking_cancelled")
    assert told.keys() == {lead, other}
    assert is_of(told[lead], [dates[0], dates[2]])
    assert title(told[lead]) == "Lena Ott cancelled 2 dates of Yoga"
    assert is_of(told[other], [dates[1]])
    assert title(told[other]) == "Lena Ott cancelled Yoga"
    assert is_of(told_of("booking.given_up")[lena], dates)
    # The job that looks after it finds that all of them were told.
    [job] = ProcrastinateJob.objects.filter(task_name="checkout.tell_given_up")
    jobs.tell_given_up(act=job.args["act"], booking_ids=job.args["booking_ids"])
    assert told_of("coach.booking_cancelled") == told
    assert credit_left(lena) == sum(one.line.price for one in given_up if one.line) == 6_000


def test_whoever_gives_one_date_with_the_lead_is_told_of_that_one(lead, other):
    dates, lena = make_dates(3, lead), make_member("Lena Ott")
    edit_session(dates[1], by=lead, beside=[other])

    booked = book(dates, lena)
    told = told_of("coach.booked")
    cancel_in_series(booked[0], scope=Scope.ALL, by=lena)
    gone = told_of("coach.booking_cancelled")

    for notices in (told, gone):
        assert notices.keys() == {lead, other}
        assert is_of(notices[lead], dates)
        assert is_of(notices[other], [dates[1]])


def test_a_coach_who_books_dates_of_their_own_and_of_another_is_not_told_of_their_own(lead, other):
    dates = dates_of(lead, other)

    book(dates, other)

    told = told_of("coach.booked")
    assert told.keys() == {lead}
    assert is_of(told[lead], [dates[0], dates[2]])
    assert is_of(told_of("booking.confirmed")[other], dates)
