"""The account that bank transfers go to: who changes it has everybody's money sent elsewhere."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from tenpo.audit.models import AuditLog
from tenpo.core.business import current_business
from tenpo.core.models import Business
from tenpo.core.outbox import drain
from tenpo.core.tests.make import ACCOUNT, make_account_to_pay_to
from tenpo.notify.kinds import all_kinds, say
from tenpo.notify.models import Notification
from tenpo.orders.actions.business import find_changes, update_business
from tenpo.people.actions.accounts import revoke_role
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

OTHER = "AT611904300234573201"


def stored() -> dict[str, Any]:
    return dict(Business.objects.values("offers_bank_transfer", *ACCOUNT).get())


def told() -> dict[User, str]:
    drain(1_000)
    rows = Notification.objects.filter(kind="admin.account_changed").select_related("user")
    said = {row.user: say(row.kind, row.payload) for row in rows}
    return {user: " ".join([words.title, words.text, *map(str, words.facts)]) for user, words in said.items()}


def test_it_is_stored_as_a_bank_has_it_and_written_down():
    update_business(
        by=make_admin(), offers_bank_transfer=True, bank_holder="  Nordlicht   GmbH ",
        bank_iban="de02 1203 0000 0000 2020 51", bank_bic="byladem1001", bank_name="DKB",
    )  # fmt: skip

    assert stored() == {"offers_bank_transfer": True, **ACCOUNT}
    row = AuditLog.objects.get(action="business.changed")
    assert row.after == {"offers_bank_transfer": True, **ACCOUNT}
    assert row.before == {"offers_bank_transfer": False, **dict.fromkeys(ACCOUNT, "")}


def test_every_admin_is_told_also_the_one_who_did_it():
    make_account_to_pay_to()
    admin, other = make_admin("Ada"), make_admin("Grace")
    member, coach = make_member(), make_coach()
    gone = make_admin("Gone")
    revoke_role(gone, role="admin", by=admin)

    update_business(by=admin, bank_iban=OTHER)

    words = told()
    assert set(words) == {admin, other}
    assert {member, coach}.isdisjoint(words)
    for said in words.values():
        assert "Bank transfers go to another account: AT61 1904 3002 3457 3201" in said
        assert "Ada changed it." in said
        assert "DE02 1203 0000 0000 2020 51" in said
    assert not all_kinds()["admin.account_changed"].email_is_optional


def test_of_an_account_that_goes_every_admin_is_told_too():
    make_account_to_pay_to()
    admin = make_admin()

    update_business(by=admin, offers_bank_transfer=False, **dict.fromkeys(ACCOUNT, ""))

    assert stored() == {"offers_bank_transfer": False, **dict.fromkeys(ACCOUNT, "")}
    assert "Nobody reads an account for bank transfers any more" in told()[admin]


def test_saying_the_same_again_changes_nothing_and_tells_nobody():
    make_account_to_pay_to()
    admin = make_admin()
    again: dict[str, Any] = {**ACCOUNT, "bank_iban": "DE02 1203 0000 0000 2020 51", "bank_bic": "byladem1001"}

    assert find_changes(again) == {}
    update_business(by=admin, **again)

    assert not AuditLog.objects.filter(action="business.changed").exists()
    assert told() == {}


def test_whatever_else_changes_tells_nobody():
    make_account_to_pay_to()

    update_business(by=make_admin(), name="Nordlicht", offers_bank_transfer=False)

    assert told() == {}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"bank_iban": "DE00120300000000202051"}, "bank_iban"),
        ({"bank_iban": "DE0212030000000020205"}, "bank_iban"),
        ({"bank_iban": "9" * 35}, "bank_iban"),
        ({"bank_bic": "NOBANK"}, "bank_bic"),
        ({"bank_holder": " "}, "bank_holder"),
        ({"bank_holder": "x" * 71}, "bank_holder"),
        ({"bank_name": "x" * 81}, "bank_name"),
        ({"bank_name": "a\0b"}, "bank_name"),
        ({"bank_iban": ""}, "bank_iban"),
        ({"bank_iban": "", "offers_bank_transfer": False}, "bank_iban"),
        (dict.fromkeys(ACCOUNT, ""), "bank_iban"),
    ],
    ids=[
        "check digits", "short", "long", "bic", "nobody's", "long name", "long bank", "nul", "others without it",
        "others without it, not offered", "offered without",
    ],
)  # fmt: skip
def test_what_is_no_account_changes_nothing(changes, field):
    make_account_to_pay_to()
    before = stored()

    with pytest.raises(ValidationError) as refusal:
        update_business(by=make_admin(), **changes)

    assert list(refusal.value.message_dict) == [field]
    assert stored() == before
    assert not AuditLog.objects.filter(action="business.changed").exists()
    assert told() == {}


def test_it_is_not_offered_before_there_is_an_account():
    current_business()

    with pytest.raises(ValidationError) as refusal:
        update_business(by=make_admin(), offers_bank_transfer=True)

    assert list(refusal.value.message_dict) == ["bank_iban"]
    assert not Business.objects.get().offers_bank_transfer


def test_who_offered_it_before_there_was_an_account_goes_on_and_may_change_the_rest():
    make_account_to_pay_to(**dict.fromkeys(ACCOUNT, ""))

    update_business(by=make_admin(), name="Nordlicht", hold_minutes=20)

    assert Business.objects.get().name == "Nordlicht"
    assert Business.objects.get().offers_bank_transfer
    update_business(by=make_admin(), offers_bank_transfer=False)
    assert not Business.objects.get().offers_bank_transfer


@pytest.mark.parametrize("who", [make_member, make_coach])
def test_only_admins_change_it(who):
    make_account_to_pay_to()

    with pytest.raises(PermissionDenied):
        update_business(by=who(), bank_iban=OTHER)

    assert stored()["bank_iban"] == ACCOUNT["bank_iban"]


@pytest.mark.parametrize("change", [{"bank_holder": ""}, {"bank_iban": ""}])
def test_the_database_refuses_half_an_account(change):
    make_account_to_pay_to()

    with pytest.raises(IntegrityError, match="business_account_has_a_holder"), transaction.atomic():
        Business.objects.update(**change)
