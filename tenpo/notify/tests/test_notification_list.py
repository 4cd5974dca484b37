from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tenpo.notify.models import Notification, NotificationPreference
from tenpo.notify.tests.make import make_notification
from tenpo.people.tests.make import make_member
from tenpo.schedule.booking_notifications import CONFIRMED

pytestmark = pytest.mark.django_db
LIST = "/notifications/"


def client_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_stranger_is_asked_to_sign_in():
    assert Client().get(LIST).status_code == 302


def test_nothing_yet_is_said_in_one_sentence():
    page = client_of(make_member()).get(LIST).content.decode()

    assert "will be told here" in page


def test_each_sees_their_own_with_unread_marked():
    member, other = make_member(), make_member()
    make_notification(member, session="Yoga")
    make_notification(other, session="Boxing")

    page = client_of(member).get(LIST).content.decode()

    assert "You are booked: Yoga" in page
    assert "Boxing" not in page
    assert "1 unread" in page
    assert 'class="row unread"' in page


def test_what_went_by_mail_alone_is_not_listed():
    member = make_member()
    NotificationPreference.objects.create(user=member, kind=CONFIRMED.code, channel="in_app", is_on=False)
    make_notification(member)

    assert "Yoga" not in client_of(member).get(LIST).content.decode()


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_takes_as_many_statements_for_one_as_for_thirty(count):
    member = make_member()
    for _ in range(count):
        make_notification(member)
    client = client_of(member)
    client.get(LIST)

    with CaptureQueriesContext(connection) as captured:
        client.get(LIST)

    assert len(captured) == 4, [query["sql"] for query in captured]


def test_opening_marks_it_read_and_goes_to_its_page():
    member = make_member()
    told = make_notification(member, booking_id="0192e2f0-0000-7000-8000-000000000000")

    answer = client_of(member).get(reverse("notify:notification-open", args=[told.pk]))

    assert answer.status_code == 302
    told.refresh_from_db()
    assert told.read_at is not None


def test_opening_again_keeps_the_first_reading():
    member = make_member()
    told = make_notification(member)
    first = timezone.now() - timedelta(days=1)
    Notification.objects.filter(pk=told.pk).update(read_at=first)

    client_of(member).get(reverse("notify:notification-open", args=[told.pk]))

    told.refresh_from_db()
    assert told.read_at == first


def test_somebody_elses_is_not_there():
    told = make_notification(make_member())

    answer = client_of(make_member()).get(reverse("notify:notification-open", args=[told.pk]))

    assert answer.status_code == 404
    told.refresh_from_db()
    assert told.read_at is None


def test_all_are_marked_read_at_once():
    member, other = make_member(), make_member()
    mine, theirs = [make_notification(member) for _ in range(3)], make_notification(other)

    client_of(member).post(reverse("notify:notification-read-all"))

    assert Notification.objects.unread().filter(user=member).count() == 0
    theirs.refresh_from_db()
    assert theirs.read_at is None
    assert len(mine) == 3


def test_reading_all_takes_a_post():
    assert client_of(make_member()).get(reverse("notify:notification-read-all")).status_code == 405


def test_more_than_a_page_goes_on():
    member = make_member()
    for number in range(31):
        make_notification(member, session=f"Class {number}")
    client = client_of(member)

    first = client.get(LIST)
    second = client.get(LIST, {"cursor": first.context["next_cursor"]})

    assert len(first.context["told"]) == 30
    assert [told.words.title for told in second.context["told"]] == ["You are booked: Class 0"]


def test_a_page_that_we_did_not_make_is_not_there():
    assert client_of(make_member()).get(LIST, {"cursor": "no"}).status_code == 404


def test_what_a_person_typed_is_text():
    member = make_member()
    make_notification(member, session="<script>alert(1)</script>")

    assert "<script>alert(1)" not in client_of(member).get(LIST).content.decode()
