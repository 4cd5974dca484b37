from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from tenpo.core.models import Business, OutboxMessage
from tenpo.core.outbox import publish
from tenpo.notify.models import NotificationPreference
from tenpo.notify.tests.make import make_delivery, make_notification
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.booking_notifications import CONFIRMED, SESSION_CANCELLED

pytestmark = pytest.mark.django_db
ROOT = "/api/v1"
MISSING = "00000000-0000-7000-8000-000000000000"


def client_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_notifications_come_in_words_and_facts():
    member = make_member()
    told = make_notification(member, session="Yoga", booking_id=str(uuid4()))
    make_notification(make_member())

    body = client_of(member).get(f"{ROOT}/notifications").json()

    (item,) = body["items"]
    assert (item["id"], item["kind"], item["title"]) == (str(told.pk), "booking.confirmed", "You are booked: Yoga")
    assert item["url"] == f"http://localhost:8000/bookings/{told.payload['booking_id']}/"
    assert item["read_at"] is None
    assert body["next_cursor"] is None


def test_the_unread_ones_can_be_counted_listed_and_read():
    member = make_member()
    first, second = make_notification(member), make_notification(member)
    client = client_of(member)

    assert client.get(f"{ROOT}/notifications/unread-count").json() == {"unread": 2}
    read = client.post(f"{ROOT}/notifications/{first.pk}/reading").json()
    assert read["read_at"] is not None
    listed = client.get(f"{ROOT}/notifications", {"unread": "true"}).json()
    assert [item["id"] for item in listed["items"]] == [str(second.pk)]
    assert client.post(f"{ROOT}/notifications/reading").json() == {"marked": 1}
    assert client.post(f"{ROOT}/notifications/reading").json() == {"marked": 0}


def test_looking_does_not_mark():
    member = make_member()
    told = make_notification(member)

    client_of(member).get(f"{ROOT}/notifications/{told.pk}")

    told.refresh_from_db()
    assert told.read_at is None


@pytest.mark.parametrize(("method", "end"), [("get", ""), ("post", "/reading")])
def test_somebody_elses_is_not_there(method, end):
    told = make_notification(make_member())

    answer = getattr(client_of(make_admin()), method)(f"{ROOT}/notifications/{told.pk}{end}")

    assert answer.status_code == 404
    told.refresh_from_db()
    assert told.read_at is None


def test_choices_can_be_read_and_changed():
    member = make_member()
    client = client_of(member)
    change = {"items": [{"kind": CONFIRMED.code, "channel": "email", "is_on": False}]}

    before = client.get(f"{ROOT}/notification-preferences").json()["items"]
    after = client.patch(f"{ROOT}/notification-preferences", change, content_type="application/json").json()["items"]

    assert [item["email"] for item in before if item["kind"] == CONFIRMED.code] == [True]
    assert [item["email"] for item in after if item["kind"] == CONFIRMED.code] == [False]
    assert len(before) == len(after)


def test_a_refused_choice_changes_nothing():
    member = make_member()
    items = [
        {"kind": CONFIRMED.code, "channel": "email", "is_on": False},
        {"kind": SESSION_CANCELLED.code, "channel": "email", "is_on": False},
    ]

    answer = client_of(member).patch(
        f"{ROOT}/notification-preferences", {"items": items}, content_type="application/json"
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "email_stays")
    assert not NotificationPreference.objects.exists()


def test_admins_see_and_retry_deliveries():
    delivery = make_delivery(make_member("Maya"), state="dead")
    client = client_of(make_admin())

    (item,) = client.get(f"{ROOT}/deliveries", {"state": "dead"}).json()["items"]
    again = client.post(f"{ROOT}/deliveries/{delivery.pk}/retries")
    twice = client.post(f"{ROOT}/deliveries/{delivery.pk}/retries")

    assert (item["id"], item["kind"], item["channel"]) == (str(delivery.pk), "booking.confirmed", "email")
    assert again.json()["state"] == "queued"
    assert (twice.status_code, twice.json()["code"]) == (409, "not_dead")


def test_admins_see_and_retry_events():
    publish("thing.done", subject=Business(pk=uuid4()), n=1)
    OutboxMessage.objects.update(dead_at=timezone.now())
    client = client_of(make_admin())

    (item,) = client.get(f"{ROOT}/outbox-messages").json()["items"]
    again = client.post(f"{ROOT}/outbox-messages/{item['id']}/retries").json()

    assert (item["name"], item["state"], item["payload"]) == ("thing.done", "dead", {"n": 1})
    assert again["state"] == "waiting"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "deliveries", 403),
        ("get", "outbox-messages", 403),
        ("post", f"deliveries/{MISSING}/retries", 404),
        ("post", "outbox-messages/1/retries", 404),
    ],
)
def test_the_machine_room_is_for_admins(method, path, status):
    assert getattr(client_of(make_member()), method)(f"{ROOT}/{path}").status_code == status
    assert getattr(Client(), method)(f"{ROOT}/{path}").status_code == 401


@pytest.mark.parametrize("path", [f"deliveries/{MISSING}/retries", "outbox-messages/1/retries"])
def test_what_is_not_there_cannot_be_retried(path):
    assert client_of(make_admin()).post(f"{ROOT}/{path}").status_code == 404
