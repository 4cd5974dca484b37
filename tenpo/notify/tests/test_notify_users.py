import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.checkout.notifications import PAYMENT_FAILED
from tenpo.checkout.tests.make import make_booking
from tenpo.core.outbox import drain
from tenpo.notify.actions.deliveries import send_delivery
from tenpo.notify.actions.telling import notify_users
from tenpo.notify.kinds import Notice
from tenpo.notify.models import Channel, Delivery, Notification, NotificationPreference
from tenpo.people.tests.make import make_member
from tenpo.schedule.booking_notifications import CONFIRMED, NEW_BOOKING
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


def test_a_booking_tells_the_member_by_both_channels_and_the_coach_in_the_app():
    member = make_member("Maya")
    session = make_session(title="Yoga")
    booking = make_booking(session, member)

    drain()

    mine = Notification.objects.get(user=member)
    assert mine.kind == CONFIRMED.code
    assert mine.payload["booking_id"] == str(booking.pk)
    states = dict(Delivery.objects.filter(notification=mine).values_list("channel", "state"))
    assert states == {"in_app": "sent", "email": "queued"}
    assert Notification.objects.get(user=session.coach).kind == NEW_BOOKING.code
    jobs = ProcrastinateJob.objects.filter(task_name="notify.send_delivery")
    assert [job.args for job in jobs] == [{"delivery_id": str(mine.deliveries.get(channel="email").pk)}]
    assert [job.queue_name for job in jobs] == ["mail"]

    assert send_delivery(mine.deliveries.get(channel="email").pk) is True
    assert [message.subject for message in mail.outbox] == ["You are booked: Yoga"]


def test_the_same_cause_tells_nobody_twice():
    member = make_member()

    first = notify_users([Notice(CONFIRMED, member.pk, {"session": "Yoga"})], cause="x")
    again = notify_users([Notice(CONFIRMED, member.pk, {"session": "Yoga"})], cause="x")
    other = notify_users([Notice(CONFIRMED, member.pk, {"session": "Yoga"})], cause="y")

    assert (len(first), len(again), len(other)) == (1, 0, 1)
    assert Delivery.objects.count() == 4


def test_once_holds_across_causes():
    member = make_member()

    notify_users([Notice(CONFIRMED, member.pk, once="full:1")], cause="x")
    notify_users([Notice(CONFIRMED, member.pk, once="full:1")], cause="y")

    assert Notification.objects.count() == 1


def test_the_choice_of_channels_holds():
    member = make_member()
    NotificationPreference.objects.create(user=member, kind=CONFIRMED.code, channel=Channel.EMAIL, is_on=False)
    NotificationPreference.objects.create(user=member, kind=NEW_BOOKING.code, channel=Channel.IN_APP, is_on=False)

    notify_users([Notice(CONFIRMED, member.pk), Notice(NEW_BOOKING, member.pk)], cause="x")

    notification = Notification.objects.get()
    assert [delivery.channel for delivery in notification.deliveries.all()] == [Channel.IN_APP]


def test_what_nobody_may_miss_comes_by_mail_whatever_was_chosen():
    member = make_member()
    for channel in Channel:
        NotificationPreference.objects.create(user=member, kind=PAYMENT_FAILED.code, channel=channel, is_on=False)

    notify_users([Notice(PAYMENT_FAILED, member.pk)], cause="x")

    notification = Notification.objects.get()
    assert not notification.in_app
    assert [delivery.channel for delivery in notification.deliveries.all()] == [Channel.EMAIL]


def test_a_quiet_notice_stays_in_the_app():
    member = make_member()

    notify_users([Notice(PAYMENT_FAILED, member.pk, is_quiet=True)], cause="x")

    assert [delivery.channel for delivery in Delivery.objects.all()] == [Channel.IN_APP]


def test_a_disabled_user_is_not_told():
    member = make_member()
    type(member).objects.filter(pk=member.pk).update(disabled_at=member.created_at)

    assert notify_users([Notice(CONFIRMED, member.pk)], cause="x") == []
    assert not Notification.objects.exists()


@pytest.mark.parametrize("count", [1, 30])
def test_telling_takes_as_many_statements_for_one_as_for_thirty(count):
    members = [make_member() for _ in range(count)]

    with CaptureQueriesContext(connection) as captured:
        notify_users([Notice(CONFIRMED, member.pk, {"session": "Yoga"}) for member in members], cause="x")

    sql = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(sql) == 5, "\n".join(sql)


def test_nobody_to_tell_asks_nothing_more(django_assert_num_queries):
    assert notify_users([], cause="x") == []


@pytest.mark.django_db(transaction=True)
def test_the_live_signal_comes_with_the_commit():
    member = make_member()
    with connection.cursor() as cursor:
        cursor.execute("LISTEN tenpo_live")

    (told,) = notify_users([Notice(CONFIRMED, member.pk)], cause="x")

    heard = list(connection.connection.notifies(timeout=2, stop_after=1))
    assert f'"user": "{member.pk}"' in heard[0].payload
    assert f'"id": "{told}"' in heard[0].payload
