"""Several places in one order: together or none, with one payment; one place is a party of one."""

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.actions.settling import mark_paid, settle_from_provider
from tenpo.checkout.tests.make import make_booking, told
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.core.errors import RuleError
from tenpo.core.limits import PLACES_AT_ONCE
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.ledger.models import Account, Transfer
from tenpo.notify.models import Notification
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.models import Order
from tenpo.orders.tests.make import (
    credit_left,
    ledger_sum,
    make_credit,
    make_share_policy,
    make_sponsorship,
)
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, SUCCEEDS, decide_charge
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import NAME_LENGTH, Participant, User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions import seats
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.actions.sessions import complete_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.queries import first_of_each_session, my_bookings
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, outcomes, without_constraint

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def later(**time: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**time), tick=False)


def party_of(host: User, *names: str) -> list[Participant]:
    """Somebody and their guests."""
    return [host.participant, *add_guests(names, by=host)]


def book(session: Session, host: User, *names: str, card: str = SUCCEEDS, **how: Any) -> list[Booking]:
    party = party_of(host, *names)
    return book_places(session, participants=party, by=host, **({"provider": "sandbox", "source": card} | how))


def test_three_places_are_one_order_with_one_payment():
    lena, session = make_member(), make_session(price=5_000, capacity=3)
    make_share_policy(percent=40)

    booked = book(session, lena, "Mia", "Ben")

    assert [one.participant.name for one in booked] == [lena.name, "Mia", "Ben"]
    assert {one.state for one in booked} == {"confirmed"}
    assert {one.booked_by_id for one in booked} == {lena.pk}
    [order] = Order.objects.all()
    assert order.state == Order.State.PAID
    assert list(order.lines.values_list("company_share", "own_share")) == [(2_000, 3_000)] * 3
    [payment] = Payment.objects.all()
    assert (payment.amount, payment.order_id, payment.description) == (9_000, order.pk, f"3 × {session.title}")
    assert Session.objects.get(pk=session.pk).seats_taken == 3
    assert ledger_sum(Account.Kind.COMPANY) == -6_000
    paid = Transfer.objects.filter(kind=Transfer.Kind.PAYMENT).order_by("id")
    assert [one.amount for one in paid] == [3_000] * 3
    assert {one.subject_id for one in paid} == {one.line_id for one in booked}


def test_what_one_place_spends_is_not_there_for_the_next():
    lena, session = make_member(), make_session(price=5_000)
    make_share_policy(percent=20)
    make_sponsorship(lena, percent=50, pot=3_000)
    make_credit(lena, 2_500)

    booked = book(session, lena, "Mia", "Ben")

    shares = [(one.line.sponsor_share, one.line.credit_spent, one.line.own_share) for one in booked]
    # Half of each price is the sponsor's, while there is something left of the pot; then credit, then the card.
    assert shares == [(2_500, 1_500, 0), (500, 1_000, 2_500), (0, 0, 4_000)]
    assert Payment.objects.get(order_id=booked[0].line.order_id).amount == 6_500
    assert credit_left(lena) == 0


def test_a_party_that_is_covered_is_booked_at_once_and_pays_nothing():
    lena, session = make_member(), make_session(price=5_000)
    make_share_policy(percent=100)

    booked = book(session, lena, "Mia", provider="")

    assert {one.state for one in booked} == {"confirmed"}
    assert not Payment.objects.exists()
    assert Order.objects.get().state == Order.State.PAID


@pytest.mark.parametrize("size", [1, 5])
def test_a_party_is_held_with_three_statements_however_large(size):
    lena, session = make_member(), make_session(price=5_000)
    make_share_policy(percent=100)
    party = party_of(lena, *(f"Guest {n}" for n in range(size - 1)))
    make_booking(make_session(price=0), lena)

    with CaptureQueriesContext(connection) as captured:
        book_places(session, participants=party, by=lena)

    asked = [query["sql"] for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]]
    assert len(asked) == 3, "\n".join(asked)


def test_nobody_gets_a_seat_when_there_are_not_enough():
    lena, session = make_member(), make_session(capacity=2)

    with pytest.raises(RuleError, match="Only 2 seats are left") as refused:
        book(session, lena, "Mia", "Ben")

    assert (refused.value.code, refused.value.facts) == ("full", {"left": 2})
    assert not Booking.objects.exists()
    assert not Order.objects.exists()
    assert Session.objects.get(pk=session.pk).seats_taken == 0


def test_nobody_gets_a_seat_when_one_of_them_has_one_already():
    lena, session = make_member(), make_session()
    book(session, lena, "Mia")

    with pytest.raises(RuleError) as refused:
        book_places(session, participants=add_guests(["Ben", "Mia"], by=lena), by=lena, provider="sandbox")

    assert refused.value.code == "already_booked"
    assert Booking.objects.count() == 2
    assert Session.objects.get(pk=session.pk).seats_taken == 2


def test_nobody_gets_a_seat_when_one_of_them_is_elsewhere():
    lena = make_member()
    first, second = (make_session(starts_in=timedelta(days=9)) for _ in range(2))
    book_places(first, participants=add_guests(["Mia"], by=lena), by=lena, provider="sandbox", source=SUCCEEDS)

    with pytest.raises(RuleError) as refused:
        book(second, lena, "Mia")

    assert refused.value.code == "participant_elsewhere"
    assert not Booking.objects.filter(session=second).exists()


@pytest.mark.parametrize("whose", ["another's guest", "another", "a guest who was left out"])
def test_one_books_for_oneself_and_ones_guests(whose):
    lena, other, session = make_member(), make_member(), make_session()
    [theirs] = add_guests(["Max"], by=other)
    [left_out] = add_guests(["Mia"], by=lena)
    Participant.objects.filter(pk=left_out.pk).update(left_out_at=lena.created_at)
    left_out.refresh_from_db()
    who = {"another's guest": theirs, "another": other.participant, "a guest who was left out": left_out}[whose]

    with pytest.raises(PermissionDenied):
        book_places(session, participants=[lena.participant, who], by=lena, provider="sandbox", source=SUCCEEDS)

    assert not Booking.objects.exists()


@pytest.mark.parametrize("party", ["nobody", "somebody twice", "too many"])
def test_a_party_is_somebody_each_once_and_not_too_many(party):
    lena, session = make_member(), make_session(capacity=50)
    people = {
        "nobody": [],
        "somebody twice": [lena.participant, lena.participant],
        "too many": party_of(lena, *(f"Guest {n}" for n in range(PLACES_AT_ONCE))),
    }[party]

    with pytest.raises(ValidationError):
        book_places(session, participants=people, by=lena, provider="sandbox", source=SUCCEEDS)

    assert not Booking.objects.exists()


def test_as_many_as_may_be_are_booked_at_once():
    lena, session = make_member(), make_session(capacity=50)

    booked = book(session, lena, *(f"Guest {n}" for n in range(PLACES_AT_ONCE - 1)))

    assert len(booked) == PLACES_AT_ONCE


def test_what_was_shown_is_what_all_pay():
    lena, session = make_member(), make_session(price=5_000)

    with pytest.raises(RuleError) as refused:
        book(session, lena, "Mia", agreed=5_000)

    assert refused.value.code == "price_changed"
    assert len(book(session, lena, "Mia", agreed=10_000)) == 2


def test_a_declined_card_keeps_all_seats_and_another_pays_all():
    lena, session = make_member(), make_session(price=5_000)
    make_credit(lena, 6_000)
    held = book(session, lena, "Mia", card=DECLINED)
    assert {one.state for one in held} == {"held"}
    assert ledger_sum(Account.Kind.RESERVED) == 6_000

    paid = pay_booking(held[1], by=lena, provider="sandbox", source=SUCCEEDS)

    assert paid.pk == held[1].pk
    assert set(Booking.objects.values_list("state", flat=True)) == {"confirmed"}
    tries = Payment.objects.filter(order_id=paid.line.order_id).order_by("id")
    assert list(tries.values_list("amount", "state")) == [(4_000, "failed"), (4_000, "succeeded")]
    assert ledger_sum(Account.Kind.RESERVED) == 0


@pytest.mark.parametrize("by_host", [False, True])
def test_what_is_not_paid_yet_is_given_up_as_a_whole(by_host):
    coach, lena = make_coach(), make_member()
    session = make_session(coach, price=5_000)
    make_credit(lena, 6_000)
    held = book(session, lena, "Mia", "Ben", card=DECLINED)

    cancel_booking(held[2], by=coach if by_host else lena)

    assert set(Booking.objects.values_list("state", flat=True)) == {"cancelled"}
    assert Order.objects.get().state == Order.State.VOID
    assert Session.objects.get(pk=session.pk).seats_taken == 0
    assert credit_left(lena) == 6_000


def test_each_page_of_what_is_held_says_what_all_of_it_costs_and_one_that_is_paid_its_own():
    host, session = make_member("Maria Lopez"), make_session(capacity=5, price=1_600)
    make_share_policy(percent=50)
    mine, mia, _ben = book(session, host, "Mia", "Ben", card=DECLINED)
    client = Client()
    client.force_login(host)
    pages = [f"/bookings/{mia.pk}/", f"/sessions/{session.pk}/", f"/bookings/{mine.pk}/pay/"]

    for page in pages:
        shown = client.get(page).content.decode()
        assert "<span>Price of 3 places</span><b>€48</b>" in shown, page
        assert "Pay €24" in shown, page
    assert "Maria Lopez, Mia, Ben" in client.get(pages[0]).content.decode()

    pay_booking(mine, provider="sandbox", source=SUCCEEDS, by=host)

    for page in pages[:2]:
        assert "<span>Price</span><b>€16</b>" in client.get(page).content.decode()


def test_what_is_not_paid_in_time_is_let_go_as_a_whole():
    lena, session = make_member(), make_session(price=5_000)
    held = book(session, lena, "Mia", card=DECLINED)

    with later(minutes=60):
        assert release_lapsed_everywhere() == 2

        assert {Booking.objects.get(pk=one.pk).ending for one in held} == {"expired"}
        assert Order.objects.get().state == Order.State.VOID
        assert told(lena) == ["payment.failed", "booking.hold_lapsed"]


def test_money_that_comes_when_the_seats_are_gone_is_credit_in_full():
    lena, session = make_member(), make_session(price=5_000)
    held = book(session, lena, "Mia", card=NEEDS_CONFIRMATION)
    payment = Payment.objects.get()
    assert decide_charge(SandboxCharge.objects.get().pk, succeeds=True)
    cancel_booking(held[0], by=lena)

    settle_from_provider(payment)
    settle_from_provider(payment)

    assert credit_left(lena) == 10_000
    assert set(Booking.objects.values_list("state", flat=True)) == {"cancelled"}


def test_an_admin_marks_one_transfer_for_all():
    lena, admin, session = make_member(), make_admin(), make_session(price=5_000)
    make_account_to_pay_to()
    held = book(session, lena, "Mia", provider="transfer", card="")
    ends = {one.held_until for one in held}

    mark_paid(Payment.objects.get(), by=admin)

    assert len(ends) == 1
    assert set(Booking.objects.values_list("state", flat=True)) == {"confirmed"}
    assert ledger_sum(Account.Kind.SALES) == 10_000


def test_one_of_several_is_given_up_by_its_own_policy():
    lena, session = make_member(), make_session(price=5_000, capacity=3)
    booked = book(session, lena, "Mia", "Ben")

    cancel_booking(booked[1], by=lena)

    assert [Booking.objects.get(pk=one.pk).state for one in booked] == ["confirmed", "cancelled", "confirmed"]
    assert credit_left(lena) == 5_000
    assert Session.objects.get(pk=session.pk).seats_taken == 2
    cancel_booking(booked[0], by=lena)
    cancel_booking(booked[2], by=lena)
    assert credit_left(lena) == 15_000


def test_a_session_that_is_called_off_gives_all_back_and_says_so_once():
    coach, lena = make_coach(), make_member()
    session = make_session(coach, price=5_000)
    make_credit(lena, 2_000)
    book(session, lena, "Mia", "Ben")

    cancel_session(session, reason="Ill", by=coach)

    assert credit_left(lena) == 15_000
    assert told(lena) == ["booking.confirmed", "session.cancelled"]
    [off] = Notification.objects.filter(kind="session.cancelled", user=lena)
    assert (off.payload["credit"], off.payload["for"]) == (15_000, f"{lena.name}, Mia, Ben")


def test_a_party_is_told_once_and_so_is_its_coach():
    coach, lena = make_coach(), make_member()
    session = make_session(coach, price=5_000)

    book(session, lena, "Mia", "Ben")

    assert told(lena) == ["booking.confirmed"]
    assert told(coach) == ["coach.booked"]
    [news] = Notification.objects.filter(kind="coach.booked")
    assert news.payload["participant"] == f"{lena.name}, Mia, Ben"


def test_each_place_earns_and_nobody_of_their_own():
    coach, lena = make_coach(), make_member()
    create_split_rule(name="Shares", business_percent=20, creator_percent=80, teacher_percent=0, by=make_admin())
    session = make_session(coach, price=5_000)
    booked = book(session, lena, "Mia")

    with later(days=30):
        complete_session(session, by=coach)

        assert [one.line.is_split for one in booked] == [True, True]
        assert ledger_sum(Account.Kind.EARNINGS) == 8_000


@pytest.mark.django_db(transaction=True)
def test_a_seat_that_a_party_gives_back_goes_to_the_line():
    lena, waiting = make_member(), make_member()
    session = make_session(capacity=2)
    booked = book(session, lena, "Mia")
    place = join_waitlist(session, participant=waiting.participant, by=waiting)

    cancel_booking(booked[1], by=lena)

    place.refresh_from_db()
    assert place.state == Booking.State.OFFERED


PARTIES, SIZE, SEATS = 20, 3, 10


def race() -> tuple[Session, list[Any]]:
    """Twenty parties of three for ten seats, each with a card, at once."""
    session = make_session(capacity=SEATS, price=1_000)
    hosts = [(host, party_of(host, "Mia", "Ben")) for host in (make_member() for _ in range(PARTIES))]
    works = [
        partial(book_places, session, participants=party, by=host, provider="sandbox", source=SUCCEEDS)
        for host, party in hosts
    ]
    return session, at_once(works)


@pytest.mark.django_db(transaction=True)
def test_many_parties_at_once_never_more_than_the_seats_and_never_half_a_party():
    session, found = race()

    assert outcomes([len(one) if isinstance(one, list) else one for one in found]) == {"3": 3, "full": PARTIES - 3}
    sizes = [order.lines.count() for order in Order.objects.all()]
    assert sizes == [SIZE] * 3
    assert Booking.objects.seated().filter(session=session).count() == 9
    assert Payment.objects.filter(state="succeeded", amount=3_000).count() == 3


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_many_parties_control(monkeypatch):
    """Without the condition and the constraint, all of them sit on ten chairs."""
    monkeypatch.setattr(seats, "_TAKE_SEATS", seats._TAKE_SEATS.replace("s.seats_taken + %s <= s.capacity", "%s > 0"))

    with without_constraint("schedule_session", "session_seats_within_capacity"):
        session, _found = race()
        assert Booking.objects.seated().filter(session=session).count() == PARTIES * SIZE


def test_the_api_books_for_several_and_a_repeat_books_nothing_more():
    lena, session = make_member(), make_session(price=5_000)
    api = Api(lena)
    mia = api.post("/guests", {"name": "Mia"}).json()
    me = api.get("/me").json()["participant_id"]
    quote = api.get(f"/sessions/{session.pk}/quote?places=2").json()
    body = {
        "session_id": str(session.pk), "participant_ids": [me, mia["id"]], "provider": "sandbox", "source": SUCCEEDS,
        "agreed_amount": quote["own_share"],
    }  # fmt: skip

    first, again = api.post("/group-bookings", body, key="one"), api.post("/group-bookings", body, key="one")

    assert (first.status_code, first.json()) == (201, again.json())
    found = first.json()
    assert [one["participant_id"] for one in found["bookings"]] == [me, mia["id"]]
    assert {one["state"] for one in found["bookings"]} == {"confirmed"}
    assert found["payment"]["amount"] == 10_000
    assert Booking.objects.count() == 2
    assert api.post("/group-bookings", {**body, "participant_ids": []}).status_code == 422
    assert api.post("/group-bookings", {**body, "participant_ids": [me, me]}).status_code == 422
    one_seat = {**body, "session_id": str(make_session(price=5_000, capacity=1).pk)}
    refused = api.post("/group-bookings", one_seat).json()
    assert (refused["code"], refused["left"]) == ("full", 1)


def page(session: Session) -> str:
    return f"/sessions/{session.pk}/book/"


def test_more_than_come_at_once_is_said_and_makes_nobody_a_guest():
    lena, session = make_member(), make_session(price=5_000, capacity=20)
    client = Client()
    client.force_login(lena)
    names = "\n".join(f"Child {n}" for n in range(PLACES_AT_ONCE))
    typed = {"party": "on", "who": [str(lena.participant.pk)], "names": names}

    answer = client.post(page(session), {**typed, "provider": "sandbox", "test_card": SUCCEEDS, "agreed": 50_000})

    assert answer.status_code == 422
    assert "At most 10 come together; these are 11." in answer.content.decode()
    # It stands by the field, and is said as soon as it is typed.
    alone = client.get(page(session)).content.decode()
    assert "At most 10 of you, whoever books among them." in alone
    assert f'data-most="{PLACES_AT_ONCE * (NAME_LENGTH + 2)}"' in alone
    looked = client.get(page(session), typed).content.decode()
    assert "At most 10 come together; these are 11." in looked
    # As it is typed it stands by the field as well, where a phone shows it, and nowhere else.
    seen = client.get(page(session), typed, headers={"HX-Request": "true"}).content.decode()
    assert re.search(r'<div id="party-limit" role="status">\s*<div class="alert warn', seen)
    assert "party-limit" in seen.split('hx-select-oob="')[1].split('"')[0]
    assert '<div class="alert warn' not in looked
    # There is no price for fewer than were named, and nothing to press.
    assert "€" not in looked
    assert '<button type="submit" class="button primary" disabled>' in looked
    small = client.get(page(make_session(capacity=3)), {**typed, "names": "Mia\nBen\nTim"}).content.decode()
    assert "At most 3 come together; these are 4." in small
    assert not Participant.objects.guests_of(lena).exists()


def test_too_few_places_for_a_party_are_said_while_it_is_named():
    lena, session = make_member(), make_session(capacity=4)
    book(session, make_member(), "Tim", "Ida")
    client = Client()
    client.force_login(lena)

    looked = client.get(page(session), {"party": "on", "who": [str(lena.participant.pk)], "names": "Mia"})

    assert "Last place" in looked.content.decode()
    assert "You can wait together." in looked.content.decode()


def test_the_page_books_for_oneself_and_for_who_is_named_and_keeps_the_names():
    lena, session = make_member(), make_session(price=5_000)
    [mia] = add_guests(["Mia"], by=lena)
    client = Client()
    client.force_login(lena)
    typed = {"party": "on", "who": [str(lena.participant.pk), str(mia.pk)], "names": "Ben\nmia\n"}

    shown = client.get(page(session), typed)
    assert "150" in shown.content.decode()
    answer = client.post(page(session), {**typed, "provider": "sandbox", "test_card": SUCCEEDS, "agreed": 15_000})

    assert answer.status_code == 302
    assert sorted(Booking.objects.values_list("participant__name", flat=True)) == sorted([lena.name, "Mia", "Ben"])
    assert [one.name for one in Participant.objects.guests_of(lena)] == ["Ben", "Mia"]
    result = client.get(answer["Location"]).content.decode()
    assert f"{lena.name}, Mia, Ben" in result
    receipt = client.get(f"/orders/{Order.objects.get().pk}/").content.decode()
    assert all(name in receipt for name in ("Mia", "Ben"))


def test_the_page_books_alone_as_ever_and_brings_somebody_later():
    lena, session = make_member(), make_session(price=5_000)
    client = Client()
    client.force_login(lena)
    client.post(page(session), {"provider": "sandbox", "test_card": SUCCEEDS, "agreed": 5_000})
    assert client.get(page(session)).status_code == 302

    more = {"more": "on", "party": "on", "names": "Mia"}
    assert client.get(page(session), {"more": ""}).status_code == 200
    client.post(page(session), {**more, "provider": "sandbox", "test_card": SUCCEEDS, "agreed": 5_000})

    assert list(Booking.objects.order_by("id").values_list("participant__name", flat=True)) == [lena.name, "Mia"]
    assert client.post(page(session), {**more, "names": "", "agreed": 5_000, "provider": "sandbox"}).status_code == 422


def test_the_roster_says_who_booked_where_it_is_not_who_comes():
    host, session = make_member("Maria Lopez"), make_session(capacity=5)
    book(session, host, "Mia")
    client = Client()
    client.force_login(session.coach)

    shown = client.get(f"/teaching/{session.pk}/").content.decode()
    text = client.get(f"/teaching/{session.pk}/roster.csv").getvalue().decode()

    own, guest = (shown.index(f'<span class="row-title">{name}</span>') for name in ("Maria Lopez", "Mia"))
    said = "booked by Maria Lopez"
    assert said in shown[min(own, guest) :]
    assert shown.count(said) == 1
    assert shown.index(said) > guest
    assert text.count("Maria Lopez") == 3
    rows = {one["name"]: one["booked_by"] for one in Api(session.coach).get(f"/sessions/{session.pk}/roster").json()}
    assert rows == {"Maria Lopez": "Maria Lopez", "Mia": "Maria Lopez"}


def rows_of(page: str) -> list[str]:
    """The rows of a page, as text."""
    found = re.findall(r'<li class="row .*?</li>', page.partition("<main")[2], flags=re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", row)) for row in found]


def test_my_bookings_have_a_row_for_each_session_with_everybody_in_it():
    host, session = make_member("Maria"), make_session(title="Yoga", capacity=5)
    mine, mia, ben = book(session, host, "Mia", "Ben")
    make_booking(make_session(title="Breathing"), host)
    client = Client()
    client.force_login(host)

    page = client.get("/bookings/").content.decode()

    yoga = next(row for row in rows_of(page) if "Yoga" in row)
    assert len(rows_of(page)) == 2
    assert "Maria , Mia , Ben" in yoga
    assert yoga.count("Booked") == 1
    assert all(f'href="/bookings/{one.pk}/"' in page for one in (mine, mia, ben))

    cancel_booking(mia, by=host)

    coming, past = (client.get(f"/bookings/?when={when}").content.decode() for when in ("coming", "past"))
    assert "Maria , Ben" in next(row for row in rows_of(coming) if "Yoga" in row)
    assert ["Mia" in row for row in rows_of(past)] == [True]


def test_my_bookings_cost_the_same_however_many_come_and_are_paged_by_sessions():
    host = make_member()
    party, client, costs = party_of(host, "Mia", "Ben"), Client(), []
    client.force_login(host)
    for number in range(1, 5):
        book_places(make_session(price=0), participants=party[: 2 + number % 2], by=host)
        client.get("/bookings/")
        with CaptureQueriesContext(connection) as captured:
            page = client.get("/bookings/").content.decode()
        costs.append(len(captured))
        assert len(rows_of(page)) == number

    assert len(set(costs)) == 1
    firsts = first_of_each_session(my_bookings(host, when="coming"))
    assert (firsts.count(), Booking.objects.count()) == (4, 10)
