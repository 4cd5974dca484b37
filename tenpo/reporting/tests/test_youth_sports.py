"""The views of source Y that money concerns, table by table."""

from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking, make_manual, make_top_up
from tenpo.orders.models import Line, Order
from tenpo.orders.tests.make import make_credit, make_share_policy
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import StripeAccount
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.people.actions.accounts import update_profile
from tenpo.people.models import Role, RoleGrant
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.reporting.tests.read import view_rows
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("takes_transfers")]

rows = partial(view_rows, "youth_sports")


def test_a_user_has_a_first_and_a_last_name_and_no_secret():
    admin, coach, member = make_admin(), make_coach(), make_member("Anouk de Vries")

    found = {row["id"]: row for row in rows("User")}

    assert found[str(member.pk)] == {
        "id": str(member.pk), "email": member.email, "first_name": "Anouk de", "last_name": "Vries",
        "phone_number": None, "password": None, "role": "PARENT", "resetToken": None, "resetTokenExpiresAt": None,
        "createdAt": member.created_at, "updatedAt": member.created_at,
    }  # fmt: skip
    assert [found[str(user.pk)]["role"] for user in (admin, coach)] == ["ADMIN", "TRAINER"]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Lena Fischer", "Lena", "Fischer"),
        ("Pelé", "Pelé", None),
        ("  Mei  Tanaka ", "Mei", "Tanaka"),
        (" ", None, None),
    ],
)
def test_the_last_word_of_a_name_is_the_last_name(name, first, last):
    member = make_member("Somebody")
    type(member).objects.filter(pk=member.pk).update(name=name)

    [row] = rows("User", id=str(member.pk))

    assert (row["first_name"], row["last_name"]) == (first, last)


def test_a_trainer_has_their_account_at_stripe_and_nothing_that_lets_anybody_in():
    coach = make_coach("Maya Berg")
    update_profile(coach, by=coach, headline="Fifteen years in a hospital", bio="Short and quiet.")
    StripeAccount.objects.create(
        user=coach, reference="acct_1", status="active", payouts_enabled=True, onboarded_at=timezone.now()
    )
    make_member()

    [row] = rows("Trainer")

    assert row == {
        "user_id": str(coach.pk), "first_name": "Maya", "last_name": "Berg", "bio": "Short and quiet.",
        "experience": "Fifteen years in a hospital", "photos": None, "price_per_hour": None, "session_duration": None,
        "contacts": {"email": coach.email}, "additionalSources": None, "external": None,
        "stripe_account_id": "acct_1", "stripe_onboarding_completed": True, "stripe_onboarding_url": None,
        "stripe_express_dashboard_url": None,
    }  # fmt: skip


def test_who_gave_up_teaching_stays_a_trainer_of_what_was_ordered():
    coach = make_coach()
    make_booking(make_session(coach), make_member())

    RoleGrant.objects.filter(user=coach, role=Role.COACH).delete()

    [trainer], [order] = rows("Trainer"), rows("TrainerOrder")
    assert trainer["user_id"] == order["trainer_id"] == str(coach.pk)
    assert trainer["stripe_onboarding_completed"] is False


def test_a_trainer_order_is_what_its_buyer_pays_of_a_session():
    make_share_policy(percent=60)
    session, member = make_session(price=10_050), make_member()
    booking = make_booking(session, member)
    payment = Payment.objects.get()

    [row] = rows("TrainerOrder")

    assert row == {
        "id": str(booking.line.pk), "user_id": str(member.pk), "trainer_id": str(session.coach_id),
        "stripe_payment_id": payment.reference, "amount": Decimal("40.20"), "currency": "EUR", "status": "paid",
        "payment_method": "card",
    }  # fmt: skip
    assert rows("Payment") == []


def test_what_wallet_and_credit_pay_is_in_an_order_and_what_is_free_is_none():
    rich, thrifty = make_member(), make_member()
    make_top_up(rich, 2_500)
    make_credit(thrifty, 5_000)
    by_wallet = make_booking(make_session(price=2_000), rich)
    by_credit = make_booking(make_session(price=3_000), thrifty)
    make_booking(make_session(price=0), rich)

    found = {row["id"]: row for row in rows("TrainerOrder")}

    assert len(found) == 2
    for booking, method, amount in ((by_wallet, "wallet", 20), (by_credit, "credit", 30)):
        row = found[str(booking.line.pk)]
        assert (row["payment_method"], row["amount"], row["stripe_payment_id"]) == (method, Decimal(amount), None)


def test_every_provider_has_a_word_and_only_a_card_s_has_a_name_at_stripe():
    make_manual(make_coach())
    ways = {}
    for provider in ("sandbox", "stripe", "transfer", "payroll"):
        Payment.objects.update(provider=provider, reference="pi_1")
        [row] = rows("TrainerOrder")
        ways[provider] = (row["payment_method"], row["stripe_payment_id"])

    assert ways == {
        "sandbox": ("card", "pi_1"), "stripe": ("card", "pi_1"), "transfer": ("bank", None),
        "payroll": ("payroll", None),
    }  # fmt: skip


def test_states_are_ours_where_the_source_leaves_them_open():
    make_booking(make_session(), make_member(), card=DECLINED)
    for state in Order.State.values:
        Order.objects.update(state=state, settled_at=None if state == Order.State.OPEN else timezone.now())
        assert [row["status"] for row in rows("TrainerOrder")] == [state]
    Payment.objects.update(order_id=None)
    for state in Payment.State.values:
        Payment.objects.update(state=state, paid_at=timezone.now() if state == "succeeded" else None)
        assert [row["status"] for row in rows("Payment")] == [state]


def test_a_payment_that_is_for_no_session_is_a_payment():
    member = make_member()
    payment = make_top_up(member, 2_550)

    [row] = rows("Payment")

    assert row == {
        "id": str(payment.pk), "user_id": str(member.pk), "event_id": None, "event_ticket_id": None,
        "stripe_payment_id": payment.reference, "amount": Decimal("25.50"), "currency": "EUR", "status": "succeeded",
        "payment_method": "card", "email": member.email,
    }  # fmt: skip
    assert rows("TrainerOrder") == []


def test_each_thing_is_one_row_and_the_last_payment_of_an_order_counts():
    booking = make_booking(make_session(), make_member(), card=DECLINED)
    Payment.objects.create(
        payer=booking.booked_by, order_id=booking.line.order_id, provider="sandbox", amount=10_000, currency="EUR",
        description="Again", state="succeeded", reference="ref-2", paid_at=timezone.now(),
    )  # fmt: skip
    make_top_up(booking.booked_by, 1_000)

    assert [row["stripe_payment_id"] for row in rows("TrainerOrder")] == ["ref-2"]
    assert len(rows("TrainerOrder")) == Line.objects.count()
    assert len(rows("Payment")) == 1
