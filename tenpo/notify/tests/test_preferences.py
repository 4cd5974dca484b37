from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.notify.actions.preferences import set_preferences, switch_off_email
from tenpo.notify.models import Channel, NotificationPreference
from tenpo.notify.queries import unsubscribe_path
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.booking_notifications import CONFIRMED, NEW_BOOKING, SESSION_CANCELLED

pytestmark = pytest.mark.django_db
PAGE = "/me/notifications/"


def client_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def chosen(user) -> dict[tuple[str, str], bool]:
    rows = NotificationPreference.objects.filter(user=user).values_list("kind", "channel", "is_on")
    return {(kind, channel): is_on for kind, channel, is_on in rows}


@pytest.mark.parametrize(
    ("make", "labels"),
    [
        (make_member, ["Your bookings"]),
        (make_coach, ["Your bookings", "Your teaching"]),
        (make_admin, ["Your bookings", "Running the business"]),
    ],
)
def test_each_role_chooses_among_its_kinds(make, labels):
    groups = client_of(make()).get(PAGE).context["groups"]

    assert [str(group["label"]) for group in groups] == labels


def test_only_what_changes_is_written():
    member = make_member()

    assert set_preferences(member, {(CONFIRMED.code, Channel.EMAIL): True}, by=member) == 0
    assert set_preferences(member, {(CONFIRMED.code, Channel.EMAIL): False}, by=member) == 1
    assert set_preferences(member, {(CONFIRMED.code, Channel.EMAIL): False}, by=member) == 0

    assert chosen(member) == {(CONFIRMED.code, "email"): False}
    assert AuditLog.objects.filter(action="notification_preferences.changed").count() == 1


def test_a_choice_can_be_taken_back():
    member = make_member()
    set_preferences(member, {(CONFIRMED.code, Channel.EMAIL): False}, by=member)

    set_preferences(member, {(CONFIRMED.code, Channel.EMAIL): True}, by=member)

    assert chosen(member) == {(CONFIRMED.code, "email"): True}


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ((SESSION_CANCELLED.code, Channel.EMAIL), "email_stays"),
        ((NEW_BOOKING.code, Channel.EMAIL), "unknown_kind"),
        (("nothing", Channel.IN_APP), "unknown_kind"),
    ],
)
def test_what_cannot_be_chosen_is_refused_and_nothing_moves(key, code):
    member = make_member()

    with pytest.raises(RuleError) as refusal:
        set_preferences(member, {(CONFIRMED.code, Channel.EMAIL): False, key: False}, by=member)

    assert refusal.value.code == code
    assert chosen(member) == {}


def test_nobody_chooses_for_others():
    with pytest.raises(PermissionDenied):
        set_preferences(make_member(), {}, by=make_admin())


def test_the_page_takes_over_what_is_ticked():
    member = make_member()
    ticked = {f"in_app:{kind.code}": "on" for kind, _ in _rows(member)}

    answer = client_of(member).post(PAGE, ticked)

    assert answer.status_code == 302
    assert set(chosen(member).values()) == {False}
    assert {channel for _kind, channel in chosen(member)} == {"email"}


def _rows(member) -> list[Any]:
    groups = client_of(member).get(PAGE).context["groups"]
    return [row for group in groups for row in group["rows"]]


def test_one_click_switches_a_mail_off_without_signing_in():
    member = make_member()
    client = Client(enforce_csrf_checks=True)

    answer = client.post(unsubscribe_path(member, CONFIRMED.code), {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert chosen(member) == {(CONFIRMED.code, "email"): False}


def test_opening_the_link_changes_nothing():
    member = make_member()

    page = Client().get(unsubscribe_path(member, CONFIRMED.code))

    assert "A booking is confirmed" in page.content.decode()
    assert chosen(member) == {}


def test_switching_off_twice_is_written_once():
    member = make_member()

    switch_off_email(member, CONFIRMED.code)
    switch_off_email(member, CONFIRMED.code)

    assert chosen(member) == {(CONFIRMED.code, "email"): False}
    assert AuditLog.objects.filter(action="notification_preferences.changed").count() == 1


def test_what_nobody_may_miss_stays():
    member = make_member()

    switch_off_email(member, SESSION_CANCELLED.code)

    assert chosen(member) == {}


def test_a_forged_link_is_not_there():
    path = unsubscribe_path(make_member(), CONFIRMED.code)

    assert Client().post(f"{path[:-3]}xy/").status_code == 404
    assert Client().post(reverse("notify:unsubscribe", args=["x"])).status_code == 404
