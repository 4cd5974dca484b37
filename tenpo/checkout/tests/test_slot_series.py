"""A time that comes back: the same slot in several weeks, in one order, all of the dates or none."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from icalendar import Calendar

from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.actions.giving_up import cancel_in_series
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.actions.slot_series import book_slot_series
from tenpo.checkout.queries.series import Scope
from tenpo.checkout.tests.make import told
from tenpo.checkout.tests.slot_make import BERLIN, HOUR, NINE, QUESTIONS, everything, working_coach
from tenpo.checkout.tests.slot_make import book as book_one
from tenpo.core.errors import RuleError
from tenpo.core.limits import SLOTS_UNPAID
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.notify.actions.deliveries import send_delivery
from tenpo.notify.models import Delivery
from tenpo.orders.models import Order
from tenpo.orders.tests.make import credit_left, make_cancellation_policy, make_credit, make_share_policy
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import DECLINED, SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions import slot_series as taking
from tenpo.schedule.actions import slots as slot_actions
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.actions.moving import move_slot
from tenpo.schedule.actions.services import withdraw_service
from tenpo.schedule.actions.time_off import add_time_off
from tenpo.schedule.models import Booking, Series, Service, Session
from tenpo.schedule.slot_queries import SlotSearch, find_slots
from tenpo.schedule.slot_series import SeriesWish, dates_every, look_for_dates
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.time_make import make_hours, make_service
from tests.at_once import at_once, meet_after, outcomes, without_constraint

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
WEEK = timedelta(weeks=1)


@pytest.fixture
def coach() -> User:
    return working_coach()


def make_weekly(*coaches: User, **terms: Any) -> Service:
    return make_service(*coaches, **{"most_in_series": 10, **terms})


def weekly(times: int, first: datetime = NINE, weeks: int = 1) -> list[datetime]:
    return dates_every(first, "Europe/Berlin", weeks=weeks, times=times)


def book(service: Service, member: User, starts: list[datetime], *names: str, **how: Any) -> list[Booking]:
    party = [member.participant, *add_guests(names, by=member)]
    values = {"minutes": 60, "provider": "sandbox", "source": SUCCEEDS, "by": member, "participants": party, **how}
    return book_slot_series(service, starts=starts, **values)


def refusal_of(service: Service, member: User, starts: list[datetime], **how: Any) -> RuleError:
    """Why it is refused, once it is sure that nothing moved."""
    before = (*everything(), Series.objects.count())
    with pytest.raises(RuleError) as refusal:
        book(service, member, starts, **how)
    assert (*everything(), Series.objects.count()) == before
    return refusal.value


def faults(refusal: RuleError) -> list[tuple[datetime, str]]:
    assert refusal.code == "dates_taken"
    return [(date["starts_at"], date["code"]) for date in refusal.facts["dates"]]


def test_the_same_time_for_ten_weeks_is_one_order_with_one_payment(coach):
    lena, starts = make_member(), weekly(10)
    service = make_weekly(coach, questions=QUESTIONS, buffer_before=10, buffer_after=15)

    booked = book(service, lena, starts, answers={"goal": "Run", "rules": True})

    assert {one.state for one in booked} == {"confirmed"}
    assert [one.starts_at for one in booked] == starts
    sessions = list(Session.objects.order_by("starts_at"))
    assert [one.starts_at for one in sessions] == starts
    assert {(one.is_private, one.capacity, one.seats_taken, one.price) for one in sessions} == {(True, 1, 1, 6_000)}
    assert [one.busy_from for one in sessions] == [start - timedelta(minutes=10) for start in starts]
    assert [one.busy_until for one in sessions] == [start + timedelta(minutes=75) for start in starts]
    assert all(one.answers for one in Booking.objects.all())
    series = Series.objects.get()
    assert {one.series_id for one in sessions} == {series.pk}
    assert series.rule.startswith("FREQ=WEEKLY;INTERVAL=1;BYDAY=MO;UNTIL=")
    assert Order.objects.get().lines.count() == 10
    assert (Payment.objects.get().amount, Payment.objects.get().description) == (60_000, "10 × Service 1")
    assert (told(lena), told(coach)) == (["booking.confirmed"], ["coach.booked"])


def test_one_mail_brings_all_dates_for_the_calendar(coach, mailoutbox):
    lena, starts = make_member(), weekly(3)

    booked = book(make_weekly(coach, capacity=2), lena, starts, "Mia")
    told(lena)
    send_delivery(Delivery.objects.get(notification__user=lena, channel="email").pk)

    [mail] = mailoutbox
    assert mail.subject == "You are booked: Service 1, 3 dates"
    [(name, content, kind)] = mail.attachments
    events = Calendar.from_ical(content).walk("VEVENT")
    assert (name, kind) == (f"dates-{NINE.astimezone(UTC):%Y-%m-%d}.ics", "text/calendar; method=PUBLISH")
    assert [event.decoded("dtstart") for event in events] == starts
    assert [str(event["uid"]).split("@")[0] for event in events] == [f"booking-{one.pk}" for one in booked[::2]]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
def test_six_stays_six_on_the_coachs_clock_when_clocks_change(zone):
    """Twenty-six weeks from any day on see at least one change; the reader's clock has nothing to say."""
    coach, lena = make_coach(), make_member()
    User.objects.filter(pk=coach.pk).update(time_zone=zone)
    coach.refresh_from_db()
    make_hours(coach, opens=18 * 60, closes=19 * 60)
    day = datetime.now(ZoneInfo(zone)) + timedelta(days=7)
    first = day.replace(hour=18, minute=0, second=0, microsecond=0)

    book(make_weekly(coach, most_in_series=26), lena, dates_every(first, zone, weeks=1, times=26))

    starts = list(Session.objects.values_list("starts_at", flat=True))
    assert len(starts) == 26
    assert {f"{start.astimezone(ZoneInfo(zone)):%H:%M}" for start in starts} == {"18:00"}
    assert len({start.time() for start in starts}) == 2


@pytest.mark.parametrize(("number", "names"), [(2, 0), (10, 0), (2, 2), (10, 2)])
def test_ten_dates_take_as_many_statements_as_two(coach, number, names):
    lena = make_member()
    service = make_weekly(coach, capacity=3, prices={1: 6_000})
    make_share_policy(percent=100)
    party = [lena.participant, *add_guests([f"Guest {n}" for n in range(names)], by=lena)]
    book_one(service, lena, NINE + HOUR)

    with CaptureQueriesContext(connection) as captured:
        book_slot_series(service, starts=weekly(number), minutes=60, coach=coach, participants=party, by=lena)

    asked = [query["sql"] for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]]
    # Of each who comes it is asked what the first date has, and what all of them have.
    assert len(asked) == 8 + 2 * len(party), "\n".join(asked)


def test_what_is_not_free_is_named_with_what_is_free_on_its_day_and_nothing_is_booked(coach):
    lena, starts = make_member(), weekly(5)
    service = make_weekly(coach)
    book_one(service, make_member(), starts[1])
    add_time_off(coach, starts_at=starts[2] - HOUR, ends_at=starts[2] + 8 * HOUR, by=coach)
    elsewhere = make_session(price=0)
    set_times(Session.objects.filter(pk=elsewhere.pk), starts_at=starts[3], ends_at=starts[3] + HOUR)
    book_places(elsewhere, participants=[lena.participant], by=lena)

    refusal = refusal_of(service, lena, starts)

    assert faults(refusal) == [
        (starts[1], "slot_taken"), (starts[2], "slot_not_offered"), (starts[3], "participant_elsewhere"),
    ]  # fmt: skip
    nearest = [date["nearest"] for date in refusal.facts["dates"]]
    assert nearest[0] == [starts[1] + HOUR, starts[1] + 1.5 * HOUR, starts[1] + 2 * HOUR]
    assert nearest[1] == []
    assert nearest[2][0] == starts[3] + HOUR
    # What was named can be left out, or be at another time of its day.
    assert len(book(service, lena, [starts[0], nearest[0][0], nearest[2][0], starts[4]])) == 4


def test_also_the_first_date_is_named(coach):
    service, starts = make_weekly(coach), weekly(3)
    book_one(service, make_member(), starts[0])

    assert faults(refusal_of(service, make_member(), starts)) == [(starts[0], "slot_taken")]


def test_every_second_week_with_some_left_out(coach):
    starts = weekly(5, weeks=2)

    book(make_weekly(coach), make_member(), [starts[0], starts[2], starts[4]])

    assert Series.objects.get().rule.startswith("FREQ=WEEKLY;INTERVAL=4;")


@pytest.mark.parametrize(
    "starts",
    [
        [NINE],
        [NINE, NINE],
        [NINE, NINE + HOUR],
        [NINE, NINE + timedelta(days=3)],
        [NINE, NINE + 7 * WEEK],
        [NINE, NINE + 9 * WEEK, *weekly(3, NINE + 10 * WEEK)],
        [NINE, NINE + 6 * WEEK, NINE + 11 * WEEK],
        [*weekly(9, weeks=2), NINE + 20 * WEEK],
    ],
    ids=["one", "twice", "one day", "no week", "too far for two", "a gap", "too far for three", "too far for all"],
)
def test_dates_are_whole_weeks_apart_and_not_without_end(coach, starts):
    before = everything()

    with pytest.raises(ValidationError) as refusal:
        book(make_weekly(coach), make_member(), starts)

    assert refusal.value.message_dict.keys() == {"starts"}
    assert everything()[:4] == before[:4]


@pytest.mark.parametrize("given_by", ["its coach", "nobody"])
def test_dates_of_another_century_are_not_looked_at_where_the_first_is_not_free(coach, monkeypatch, given_by):
    service, lena = make_weekly(coach), make_member()
    book_one(service, make_member())
    monkeypatch.setattr(taking, "look_for_dates", lambda *_args: pytest.fail("they are looked at"))

    with pytest.raises(ValidationError) as refusal:
        book(service, lena, [NINE, NINE + 52_000 * WEEK], coach=coach if given_by == "its coach" else lena)

    assert refusal.value.message_dict.keys() == {"starts"}


@pytest.mark.parametrize("weeks", [[0, 6], [0, 5, 10], [0, 8, 9, 10], [*range(0, 18, 2), 18]])
def test_as_far_as_a_series_reaches_of_which_half_was_left_out(coach, weeks):
    starts = [weekly(number + 1)[-1] for number in weeks]

    assert len(book(make_weekly(coach), make_member(), starts)) == len(weeks)


def test_as_many_as_the_service_says_and_one_more(coach):
    service = make_weekly(coach, most_in_series=3)

    assert refusal_of(service, make_member(), weekly(4)).code == "too_many_dates"
    assert len(book(service, make_member(), weekly(3))) == 3


def test_with_all_who_come_no_more_places_than_may_be(coach):
    service = make_weekly(coach, most_in_series=26, capacity=4, prices={1: 1_000})

    with pytest.raises(ValidationError):
        book(service, make_member(), weekly(16), "Mia", "Ben", "Tim")
    assert len(book(service, make_member(), weekly(15), "Mia", "Ben", "Tim")) == 60


@pytest.mark.parametrize("terms", [{"most_in_series": 1}, {"most_in_series": 1, "needs_approval": True}])
def test_what_is_booked_one_by_one_is_refused(coach, terms):
    assert refusal_of(make_weekly(coach, **terms), make_member(), weekly(2)).code == "not_in_series"


@pytest.mark.parametrize("terms", [{"needs_approval": True}, {"coaches_rule": "all"}])
def test_a_service_says_so_itself(coach, terms):
    with pytest.raises(ValidationError) as refusal:
        make_weekly(coach, **terms)

    assert refusal.value.message_dict.keys() == {"most_in_series"}


def test_notice_and_window_hold_of_the_first_date(coach):
    service = make_weekly(coach, window_days=24)
    starts = weekly(6)

    assert len(book(service, make_member(), starts)) == 6
    late = weekly(2, NINE + 2 * WEEK + HOUR)
    assert faults(refusal_of(service, make_member(), late)) == [(late[0], "slot_not_offered")]
    soon = make_weekly(coach, notice_minutes=24 * 24 * 60)
    assert faults(refusal_of(soon, make_member(), weekly(3, NINE + HOUR)))[0][1] == "slot_not_offered"


def test_as_many_a_week_as_one_may_count_with_what_is_there(coach):
    lena, starts = make_member(), weekly(3)
    service = make_weekly(coach, most_per_week=1)
    book_one(service, lena, starts[1] + timedelta(days=2))

    refusal = refusal_of(service, lena, starts)

    assert faults(refusal) == [(starts[1], "too_many")]
    assert refusal.facts["dates"][0]["nearest"] == []


def test_whoever_may_not_see_or_book_it(coach):
    service, lena = make_weekly(coach), make_member()

    with pytest.raises(PermissionDenied):
        book(service, lena, weekly(2), participants=[make_member().participant])
    withdraw_service(service, by=coach)
    with pytest.raises(Http404):
        book(service, lena, weekly(2))
    assert not Booking.objects.exists()


def test_of_several_coaches_one_is_chosen_who_then_gives_all_of_it(coach):
    other, lena = working_coach(), make_member()
    service = make_weekly(coach, other, coaches_rule="any")

    with pytest.raises(ValidationError):
        book(service, lena, weekly(2))
    booked = book(service, lena, weekly(3), coach=other)

    assert {one.session.coach_id for one in Booking.objects.select_related("session")} == {other.pk}
    # A series is with one coach, so one date is not moved to another.
    with pytest.raises(RuleError) as refused:
        move_slot(booked[1], starts_at=NINE + WEEK + HOUR, coach=coach, by=other)
    assert refused.value.code == "other_coach"


def test_one_date_moves_and_the_others_stay(coach):
    lena, starts = make_member(), weekly(3)
    policy = make_cancellation_policy((24, 100), reschedules=1)
    booked = book(make_weekly(coach, cancellation_policy=policy), lena, starts)

    move_slot(booked[1], starts_at=starts[1] + 2 * HOUR, by=lena)

    assert list(Session.objects.order_by("starts_at").values_list("starts_at", flat=True)) == [
        starts[0], starts[1] + 2 * HOUR, starts[2]
    ]  # fmt: skip
    assert Session.objects.filter(series=Series.objects.get()).count() == 3


@pytest.mark.parametrize(("scope", "left"), [(Scope.THIS, [0, 2, 3]), (Scope.FOLLOWING, [0]), (Scope.ALL, [])])
def test_this_one_and_the_following_or_all_are_given_up(coach, scope, left):
    lena, starts = make_member(), weekly(4)
    booked = book(make_weekly(coach), lena, starts)

    cancel_in_series(booked[1], scope=scope, by=lena)

    kept = Session.objects.filter(status="planned").order_by("starts_at").values_list("starts_at", flat=True)
    assert list(kept) == [starts[n] for n in left]
    assert credit_left(lena) == 6_000 * (4 - len(left))
    search = SlotSearch(since=starts[1], until=starts[1] + HOUR, minutes=60)
    assert find_slots(Service.objects.get(), search)[0].starts_at == starts[1]


def test_three_who_come_share_the_groups_price_on_each_date(coach):
    lena = make_member()
    service = make_weekly(coach, capacity=4, prices={1: 6_000, 3: 10_000})

    booked = book(service, lena, weekly(2), "Mia", "Ben")

    assert [one.line.price for one in booked] == [3_334, 3_333, 3_333] * 2
    assert Payment.objects.get().amount == 20_000
    assert set(Session.objects.values_list("capacity", "seats_taken")) == {(3, 3)}


def test_a_date_on_which_one_of_them_cannot_is_named(coach):
    lena, starts = make_member(), weekly(3)
    service = make_weekly(coach, capacity=2)
    elsewhere = make_session(price=0)
    set_times(Session.objects.filter(pk=elsewhere.pk), starts_at=starts[1], ends_at=starts[1] + HOUR)
    party = [lena.participant, *add_guests(["Mia"], by=lena)]
    book_places(elsewhere, participants=party[1:], by=lena)

    assert faults(refusal_of(service, lena, starts, participants=party)) == [(starts[1], "participant_elsewhere")]


def test_what_was_shown_is_what_is_paid(coach):
    service, lena = make_weekly(coach), make_member()

    assert refusal_of(service, lena, weekly(3), agreed=6_000).code == "price_changed"
    assert len(book(service, lena, weekly(3), agreed=18_000)) == 3


def test_another_card_pays_all_dates(coach):
    lena = make_member()
    held = book(make_weekly(coach), lena, weekly(3), source=DECLINED)
    assert {one.state for one in held} == {"held"}

    pay_booking(held[1], by=lena, provider="sandbox", source=SUCCEEDS)

    assert set(Booking.objects.values_list("state", flat=True)) == {"confirmed"}
    assert Payment.objects.get(state="succeeded").amount == 18_000


@pytest.mark.parametrize("how", ["lapses", "is given up"])
def test_what_is_not_paid_goes_whole_and_its_times_are_free(coach, how):
    lena, other, service = make_member(), make_member(), make_weekly(coach)
    make_credit(lena, 1_000)
    held = book(service, lena, weekly(3), source=DECLINED)

    with time_machine.travel(timezone.now() + timedelta(minutes=60 * (how == "lapses")), tick=False):
        if how == "lapses":
            assert release_lapsed_everywhere() == 3
        else:
            cancel_booking(held[1], by=lena)

        assert set(Booking.objects.values_list("state", flat=True)) == {"cancelled"}
        assert set(Session.objects.values_list("status", flat=True)) == {"cancelled"}
        assert (Order.objects.get().state, credit_left(lena)) == (Order.State.VOID, 1_000)
        assert len(book(service, other, weekly(3))) == 3


def test_what_ran_out_stands_in_nobodys_way(coach):
    service, lena = make_weekly(coach), make_member()
    book(service, lena, weekly(3), source=DECLINED)

    with time_machine.travel(timezone.now() + timedelta(minutes=60), tick=False):
        assert len(book(service, make_member(), weekly(3, NINE + WEEK))) == 3
        assert len(book(service, lena, weekly(3, NINE + HOUR))) == 3


def test_who_holds_as_many_as_one_may_books_no_series_and_a_series_counts_by_its_dates(coach):
    lena = make_member()
    service = make_weekly(coach, most_in_series=SLOTS_UNPAID)
    held = book(service, lena, weekly(SLOTS_UNPAID), source=DECLINED)

    assert refusal_of(service, lena, weekly(2, NINE + HOUR), source=DECLINED).code == "too_many_unpaid"
    cancel_booking(held[0], by=lena)
    assert len(book(service, lena, weekly(2, NINE + HOUR), source=DECLINED)) == 2


@pytest.mark.parametrize("others", [0, 1])
def test_what_waits_for_days_is_counted_by_its_dates(coach, others):
    make_account_to_pay_to()
    lena, service = make_member(), make_weekly(coach, most_in_series=SLOTS_UNPAID + 1)
    for _one in range(others):
        book_one(service, lena, NINE + HOUR, source=DECLINED)
    most = weekly(SLOTS_UNPAID + 1 - others)

    assert refusal_of(service, lena, most, provider="transfer", source="").code == "too_many_unpaid"
    assert len(book(service, lena, most[:-1], provider="transfer", source="")) == SLOTS_UNPAID - others


def test_what_a_card_holds_for_minutes_is_one_long_series_and_none_for_days(coach):
    make_account_to_pay_to()
    lena, service = make_member(), make_weekly(coach, most_in_series=SLOTS_UNPAID + 1)
    held = book(service, lena, weekly(SLOTS_UNPAID + 1), source=DECLINED)
    before = everything()

    assert refusal_of(service, lena, weekly(2, NINE + HOUR), source=DECLINED).code == "too_many_unpaid"
    with pytest.raises(RuleError) as refusal:
        pay_booking(held[0], by=lena, provider="transfer")

    assert (refusal.value.code, everything()) == ("too_many_unpaid", before)
    until = Booking.objects.values_list("held_until", flat=True).distinct().get()
    assert until == held[0].held_until
    assert pay_booking(held[0], by=lena, provider="sandbox", source=SUCCEEDS).state == "confirmed"


def test_a_look_at_ten_dates_is_one_statement_and_shows_what_is_accepted(coach):
    lena, starts = make_member(), weekly(10)
    service = make_weekly(coach)
    book_one(service, make_member(), starts[4])
    wish = SeriesWish(60, None, [(lena.participant, False)])

    with CaptureQueriesContext(connection) as captured:
        found = look_for_dates(service, wish, [coach.pk], partial(dates_every, NINE, weeks=1, times=10))[coach.pk]

    assert len(captured) == 1
    assert [date.at for date in found] == starts
    assert [date.is_free for date in found] == [n != 4 for n in range(10)]
    chosen = [date.at if date.is_free else date.nearest[0].starts_at for date in found]
    assert [f"{at.astimezone(BERLIN):%H:%M}" for at in chosen].count("09:00") == 9
    assert len(book(service, lena, chosen)) == 10


def race(coach: User, people: int) -> list[Any]:
    """Several people want series that overlap in two weeks, at once."""
    service = make_weekly(coach, cancellation_policy=make_cancellation_policy((24, 100)))
    wanted = [(make_member(), weekly(4, NINE + (n % 2) * 2 * WEEK)) for n in range(people)]
    return at_once([partial(book, service, who, starts) for who, starts in wanted])


@pytest.mark.django_db(transaction=True)
def test_of_series_that_overlap_one_is_booked_whole_and_the_others_not_at_all(coach):
    found = race(coach, 4)

    assert outcomes([len(one) if isinstance(one, list) else one for one in found]) == {"4": 1, "dates_taken": 3}
    assert Session.objects.count() == Booking.objects.filter(state="confirmed").count() == 4
    assert (Series.objects.count(), Order.objects.count(), Payment.objects.count()) == (1, 1, 1)


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_series_that_overlap_control(coach, monkeypatch):
    """Without the coach's lock and the constraint, two have the same two dates."""
    lock = slot_actions._LOCK
    # To count that a coach's time changes is a lock as well.
    counting, asking = lock.index(",\n    counted AS"), lock.index("SELECT {columns}")
    monkeypatch.setattr(
        slot_actions,
        "_LOCK",
        (lock[:counting] + "\n    " + lock[asking:])
        .replace("FOR NO KEY UPDATE OF r", "")
        .replace("FOR NO KEY UPDATE", ""),
    )

    meet_after(monkeypatch, taking, "look_for_dates", 2)

    with without_constraint("schedule_sessioncoach", "session_coach_never_in_two_at_once"):
        found = race(coach, 2)
        starts = Counter(Session.objects.values_list("starts_at", flat=True))
        Booking.objects.update(starts_at=None, ends_at=None, state="cancelled", cancelled_at=timezone.now())
        Session.objects.update(status="cancelled", cancelled_at=timezone.now())

    assert not [one for one in found if not isinstance(one, list)]
    assert outcomes([len(one) if isinstance(one, list) else one for one in found]) == {"4": 2}
    assert sorted(starts.values()) == [1, 1, 1, 1, 2, 2]
