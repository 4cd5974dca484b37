from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.core.limits import PAYOUT_ACCOUNT_WAITS_HOURS, PAYOUT_ACCOUNTS_KEPT
from tenpo.core.models import OutboxMessage
from tenpo.payments.actions.payout_accounts import (
    add_payout_account,
    choose_payout_account,
    remove_payout_account,
    update_payout_terms,
)
from tenpo.payments.actions.payouts import ask_for_payout, cancel_payout
from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms
from tenpo.payments.payout_methods.base import details_of
from tenpo.payments.queries import payout_terms
from tenpo.payments.tests.make import (
    BANK,
    DETAILS,
    IBANS,
    make_earnings,
    make_payout,
    make_payout_account,
    make_terms,
)
from tenpo.people.tests.make import make_admin, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


@pytest.mark.parametrize(
    ("method", "masked"),
    [
        ("sepa", "DE89 •••• 3000"),
        ("crypto", "Ethereum 0x5aAe •••• eAed"),
        ("manual", "By hand"),
    ],
)
def test_an_account_shows_its_mask_and_keeps_the_rest_sealed(method, masked):
    make_terms()
    mia = make_member("Mia")

    account = make_payout_account(mia, method)

    assert account.masked == masked
    assert details_of(account).items() >= DETAILS[method].items()
    with connection.cursor() as cursor:
        cursor.execute("SELECT details FROM payments_payoutaccount")
        [(sealed,)] = cursor.fetchall()
    for value in DETAILS[method].values():
        assert value.encode() not in bytes(sealed)


def test_nothing_that_could_be_paid_to_is_said_elsewhere():
    make_terms()

    make_payout_account(make_member(), "sepa")

    said = [*AuditLog.objects.values_list("after", flat=True), *OutboxMessage.objects.values_list("payload", flat=True)]
    assert IBANS[0] not in str(said)
    assert OutboxMessage.objects.filter(name="payout_account.added").exists()


def test_the_first_can_be_paid_to_at_once_and_the_next_after_a_while():
    make_terms()
    mia = make_member()

    first = make_payout_account(mia, is_usable=False)
    second = make_payout_account(mia, "sepa", is_usable=False)

    assert first.is_default
    assert not second.is_default
    assert first.usable_from <= timezone.now()
    waits = timedelta(hours=PAYOUT_ACCOUNT_WAITS_HOURS)
    assert abs(second.usable_from - timezone.now() - waits) < timedelta(minutes=1)


def test_one_that_follows_a_removed_one_is_not_the_first():
    make_terms()
    mia = make_member()
    remove_payout_account(make_payout_account(mia), by=mia)

    account = make_payout_account(mia, "sepa", is_usable=False)

    assert account.usable_from > timezone.now()


def test_nothing_is_paid_to_a_new_one_before_its_time():
    make_terms()
    mia = make_member()
    make_payout_account(mia)
    make_earnings(mia, 5_000)
    new = make_payout_account(mia, "sepa", is_usable=False)

    with pytest.raises(RuleError) as refusal:
        ask_for_payout(new, source="earnings", amount=5_000, by=mia)
    PayoutAccount.objects.filter(pk=new.pk).update(usable_from=timezone.now())
    asked = ask_for_payout(new, source="earnings", amount=5_000, by=mia)

    assert refusal.value.code == "account_too_new"
    assert asked.state == Payout.State.ASKED


def test_only_oneself_adds_a_way_to_be_paid():
    make_terms()

    with pytest.raises(PermissionDenied):
        add_payout_account(make_member(), method="manual", holder="Eve", details=DETAILS["manual"], by=make_admin())

    assert not PayoutAccount.objects.exists()


@pytest.mark.parametrize(
    ("method", "details", "field"),
    [
        ("sepa", {"iban": "DE89370400440532013001"}, "iban"),
        ("sepa", {"iban": IBANS[0], "bic": "NO"}, "bic"),
        ("crypto", {"network": "ethereum", "address": "0x12"}, "address"),
        ("crypto", {"network": "dogecoin", "address": "D"}, "network"),
        ("manual", {"note": " "}, "note"),
        ("manual", {"note": "x" * 201}, "note"),
    ],
)
def test_what_is_typed_wrong_is_refused_at_its_field(method, details, field):
    make_terms()
    mia = make_member()

    with pytest.raises(ValidationError) as error:
        add_payout_account(mia, method=method, holder="Mia", details=details, by=mia)

    assert list(error.value.error_dict) == [field]


@pytest.mark.parametrize("holder", ["", "  ", "*", "x" * 71])
def test_a_holder_that_no_bank_could_read_is_refused(holder):
    make_terms()
    mia = make_member()

    with pytest.raises(ValidationError) as error:
        add_payout_account(mia, method="manual", holder=holder, details=DETAILS["manual"], by=mia)

    assert list(error.value.error_dict) == ["holder"]


def test_a_way_that_is_not_offered_is_refused():
    make_terms(pays_crypto=False)
    mia = make_member()

    with pytest.raises(RuleError) as refusal:
        make_payout_account(mia, "crypto")

    assert refusal.value.code == "method_not_offered"


def test_bank_accounts_are_offered_once_the_business_has_one():
    update_payout_terms(by=None)

    with pytest.raises(RuleError) as refusal:
        make_payout_account(make_member(), "sepa")

    assert refusal.value.code == "method_not_offered"


def test_there_is_an_end_to_how_many_one_keeps():
    make_terms()
    mia = make_member()
    for _ in range(PAYOUT_ACCOUNTS_KEPT):
        make_payout_account(mia)

    with pytest.raises(RuleError) as refusal:
        make_payout_account(mia)

    assert refusal.value.code == "too_many_payout_accounts"


def test_one_is_the_default():
    make_terms()
    mia = make_member()
    first, second = make_payout_account(mia), make_payout_account(mia, "sepa")

    choose_payout_account(second, by=mia)
    third = make_payout_account(mia, is_default=True)

    assert PayoutAccount.objects.get(owner=mia, is_default=True) == third
    with pytest.raises(PermissionDenied):
        choose_payout_account(first, by=make_admin())


def test_a_removed_one_is_not_paid_to_and_not_chosen():
    make_terms()
    mia = make_member()
    account = make_payout_account(mia)
    make_earnings(mia, 5_000)

    removed = remove_payout_account(account, by=mia)
    again = remove_payout_account(account, by=mia)

    assert again.disabled_at == removed.disabled_at
    assert not removed.is_default
    for refused in (
        lambda: ask_for_payout(account, source="earnings", amount=5_000, by=mia),
        lambda: choose_payout_account(account, by=mia),
    ):
        with pytest.raises(RuleError) as refusal:
            refused()
        assert refusal.value.code == "account_disabled"


def test_one_that_a_payout_goes_to_stays_until_that_is_over():
    mia = make_member()
    payout = make_payout(mia)

    with pytest.raises(RuleError) as refusal:
        remove_payout_account(payout.account, by=mia)
    cancel_payout(payout, by=mia)
    removed = remove_payout_account(payout.account, by=mia)

    assert refusal.value.code == "payout_under_way"
    assert removed.disabled_at


def test_an_admin_may_remove_one_and_another_member_may_not():
    make_terms()
    account = make_payout_account(make_member())

    with pytest.raises(PermissionDenied):
        remove_payout_account(account, by=make_member())
    removed = remove_payout_account(account, by=make_admin())

    assert removed.disabled_at


def test_terms_are_the_admins():
    with pytest.raises(PermissionDenied):
        update_payout_terms(by=make_member(), minimum=1)
    changed = update_payout_terms(by=make_admin(), minimum=5_000, fee=100, second_amount=100_000, **BANK)

    assert changed == payout_terms()
    assert PayoutTerms.objects.count() == 1
    [changed_from] = AuditLog.objects.filter(action="payout_terms.changed").values_list("before__minimum", flat=True)
    assert changed_from == 1_000


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"minimum": 100, "fee": 100}, "minimum"),
        ({"fee": -1}, "minimum"),
        ({"second_amount": 0}, "second_amount"),
        ({"bank_iban": BANK["bank_iban"]}, "bank_bic"),
        ({"bank_iban": "DE00", "bank_bic": "BYLADEM1001"}, "bank_iban"),
        ({"schedule": "hourly"}, "schedule"),
    ],
)
def test_terms_that_make_no_sense_are_refused(changes, field):
    with pytest.raises(ValidationError) as error:
        update_payout_terms(by=None, **changes)

    assert field in error.value.message_dict
    assert payout_terms().minimum == 1_000
