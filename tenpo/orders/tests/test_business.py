from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.topping_up import top_up
from tenpo.checkout.tests.make import make_auto_top_up, make_booking, make_top_up
from tenpo.core.business import current_business, forget_business
from tenpo.core.errors import RuleError
from tenpo.core.models import Business
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.orders.actions.business import update_business
from tenpo.orders.tests.make import make_sponsorship
from tenpo.payments.actions.wallets import give_money
from tenpo.payments.tests.make import make_payout
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


def test_what_changes_is_written_down_with_what_it_was():
    update_business(by=make_admin(), name="Nordlicht", offer_hours=24, currency="EUR")

    business = Business.objects.get()
    assert (business.name, business.offer_hours) == ("Nordlicht", 24)
    row = AuditLog.objects.get()
    assert row.action == "business.changed"
    assert (row.before, row.after) == ({"name": "Tenpo", "offer_hours": 12}, {"name": "Nordlicht", "offer_hours": 24})


def test_the_process_forgets_what_it_knew(django_capture_on_commit_callbacks):
    assert current_business().name == "Tenpo"

    with django_capture_on_commit_callbacks(execute=True):
        update_business(by=make_admin(), name="Nordlicht")

    assert current_business().name == "Nordlicht"


def test_changing_nothing_writes_nothing():
    update_business(by=make_admin(), name="Tenpo")

    assert not AuditLog.objects.exists()


@pytest.mark.parametrize("who", [make_member, make_coach])
def test_only_admins_decide(who):
    with pytest.raises(PermissionDenied):
        update_business(by=who(), name="Mine")

    forget_business()
    assert current_business().name == "Tenpo"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 81},
        {"currency": "XXX"},
        {"time_zone": "Mars/Olympus"},
        {"locale": "tlh"},
        {"accent_hue": 360},
        {"hold_minutes": 4},
        {"hold_minutes": 121},
        {"offer_hours": 0},
        {"credit_months": 121},
        {"invite_days": 91},
    ],
)
def test_what_is_not_valid_changes_nothing(changes):
    current_business()
    before = Business.objects.values().get()

    with pytest.raises(ValidationError) as refusal:
        update_business(by=make_admin(), **changes)

    assert list(refusal.value.message_dict) == list(changes)
    assert Business.objects.values().get() == before
    assert not AuditLog.objects.exists()


def test_the_currency_stays_once_something_was_sold():
    admin = make_admin()
    update_business(by=admin, currency="JPY")
    update_business(by=admin, currency="EUR")
    make_booking(make_session(), make_member())

    with pytest.raises(RuleError) as refusal:
        update_business(by=admin, currency="USD")

    assert refusal.value.code == "currency_fixed"
    assert Business.objects.get().currency == "EUR"
    update_business(by=admin, currency="EUR", name="Nordlicht")
    assert Business.objects.get().name == "Nordlicht"


def _wallet_money() -> None:
    make_top_up(make_member(), 5_000)


def _given() -> None:
    give_money(make_member(), amount=500, reason="Welcome", by=make_admin())


def _top_up_under_way() -> None:
    make_account_to_pay_to()
    member = make_member()
    top_up(member, amount=5_000, provider="transfer", by=member)


def _payout() -> None:
    make_payout(make_coach())


def _budget() -> None:
    make_sponsorship(pot=5_000)


def _auto_top_up() -> None:
    make_auto_top_up(make_member())


@pytest.mark.parametrize("move", [_wallet_money, _given, _top_up_under_way, _payout, _budget, _auto_top_up])
def test_the_currency_stays_once_money_moved_is_on_its_way_or_agreed_on(move: Callable[[], None]):
    move()

    with pytest.raises(RuleError) as refusal:
        update_business(by=make_admin(), currency="JPY")

    assert refusal.value.code == "currency_fixed"
