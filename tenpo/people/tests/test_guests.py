from functools import partial
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.core.limits import GUESTS_KEPT
from tenpo.people.actions.guests import add_guests, leave_out_guest, rename_guest
from tenpo.people.models import Participant, User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.permissions import can_book_for
from tests.at_once import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def names(user: User) -> list[str]:
    return [guest.name for guest in Participant.objects.guests_of(user)]


def test_guests_are_kept_by_name_in_the_order_that_was_asked_for():
    lena = make_member()
    [mia] = add_guests(["  Mia   Okafor "], by=lena)

    found = add_guests(["Ben", "mia okafor", "ben"], by=lena)

    assert [guest.name for guest in found] == ["Ben", "Mia Okafor", "Ben"]
    assert found[1] == mia
    assert names(lena) == ["Ben", "Mia Okafor"]
    assert AuditLog.objects.filter(action="guest.added").count() == 2


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\0b"])
def test_a_name_must_be_one(name):
    lena = make_member()

    with pytest.raises(ValidationError):
        add_guests(["Ben", name], by=lena)

    assert names(lena) == []


def test_so_many_are_kept_and_not_one_more():
    lena = make_member()
    add_guests([f"Guest {n}" for n in range(GUESTS_KEPT)], by=lena)
    add_guests(["guest 0"], by=lena)

    with pytest.raises(RuleError, match="Leave somebody out") as refused:
        add_guests(["Another"], by=lena)

    assert refused.value.code == "too_many_guests"
    assert len(names(lena)) == GUESTS_KEPT
    leave_out_guest(Participant.objects.guests_of(lena)[0], by=lena)
    add_guests(["Another"], by=lena)


@pytest.mark.django_db(transaction=True)
def test_the_last_place_is_given_once():
    lena = make_member()
    add_guests([f"Guest {n}" for n in range(GUESTS_KEPT - 1)], by=lena)

    outcomes = at_once([partial(add_guests, [f"Late {n}"], by=lena) for n in range(4)])

    assert sum(isinstance(outcome, RuleError) for outcome in outcomes) == 3
    assert len(names(lena)) == GUESTS_KEPT


def test_a_guest_is_renamed_but_never_like_another_one():
    lena = make_member()
    mia, _ben = add_guests(["Mia", "Ben"], by=lena)

    rename_guest(mia, name="MIA", by=lena)
    with pytest.raises(RuleError) as refused:
        rename_guest(mia, name="ben", by=lena)

    assert refused.value.code == "name_taken"
    assert names(lena) == ["Ben", "MIA"]


def test_who_is_left_out_is_asked_about_no_more_and_may_come_again():
    lena = make_member()
    [mia] = add_guests(["Mia"], by=lena)

    leave_out_guest(mia, by=lena)
    leave_out_guest(mia, by=lena)

    assert names(lena) == []
    assert AuditLog.objects.filter(action="guest.left_out").count() == 1
    mia.refresh_from_db()
    assert not can_book_for(lena, mia)
    [again] = add_guests(["Mia"], by=lena)
    assert again != mia


def test_guests_are_their_hosts_alone():
    lena, other, admin = make_member(), make_member(), make_admin()
    [mia] = add_guests(["Mia"], by=lena)

    for stranger in (other, admin):
        assert not can_book_for(stranger, mia)
        with pytest.raises(PermissionDenied):
            rename_guest(mia, name="Max", by=stranger)
        with pytest.raises(PermissionDenied):
            leave_out_guest(mia, by=stranger)
    assert can_book_for(lena, mia)
    assert mia in Participant.objects.visible_to(lena)
    assert mia not in Participant.objects.visible_to(other)
    assert names(lena) == ["Mia"]


@pytest.mark.parametrize("whose", ["nobody", "two", "left out with an account"])
def test_the_database_refuses_a_participant_who_is_not_somebodys(whose):
    lena, other = make_member(), make_member()
    mia = add_guests(["Mia"], by=lena)[0]
    changes: dict[str, Any] = {
        "nobody": {"guest_of": None},
        "two": {"user": other.pk, "guest_of": lena},
        "left out with an account": {"left_out_at": lena.created_at},
    }
    row = mia if whose == "nobody" else other.participant

    with pytest.raises(IntegrityError, match="participant_is_somebodys"), transaction.atomic():
        Participant.objects.filter(pk=row.pk).update(**changes[whose])


def test_the_page_adds_renames_and_leaves_out():
    lena = make_member()
    client = Client()
    client.force_login(lena)

    client.post("/me/guests/", {"name": "Mia"})
    [mia] = Participant.objects.guests_of(lena)
    assert "Mia" in client.get("/me/guests/").content.decode()
    client.post(f"/me/guests/{mia.pk}/", {"name": "Mia Okafor"})
    assert names(lena) == ["Mia Okafor"]
    assert client.post(f"/me/guests/{mia.pk}/", {"name": ""}).status_code == 422
    client.post(f"/me/guests/{mia.pk}/leave-out/")

    assert names(lena) == []
    assert client.get(f"/me/guests/{mia.pk}/").status_code == 404
