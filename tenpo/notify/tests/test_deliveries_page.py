from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.mail.backends.filebased import EmailBackend
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core.mail import Mail, compose
from tenpo.core.models import Business, OutboxMessage
from tenpo.core.outbox import drain, publish
from tenpo.notify.actions.deliveries import send_delivery
from tenpo.notify.models import Delivery, Notification
from tenpo.notify.notifications import MAIL_DEAD, OUTBOX_DEAD
from tenpo.notify.tests.make import make_delivery
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member

pytestmark = pytest.mark.django_db
PAGES = ["/deliveries/", "/deliveries/events/", "/mail/"]


def client_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def make_message(*, is_dead: bool = True) -> OutboxMessage:
    publish("thing.done", subject=Business(pk=uuid4()), n=1)
    message = OutboxMessage.objects.order_by("-id")[0]
    if is_dead:
        OutboxMessage.objects.filter(pk=message.pk).update(dead_at=timezone.now(), attempts=8, last_error="KeyError()")
        message.refresh_from_db()
    return message


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("make", [make_member, make_coach])
def test_for_others_they_are_not_there(make, path, settings):
    settings.SHOWS_WRITTEN_MAILS = True

    assert client_of(make()).get(path).status_code == 404


def test_deliveries_say_what_to_whom_and_what_became_of_it():
    delivery = make_delivery(make_member("Maya"), state="dead")
    Delivery.objects.filter(pk=delivery.pk).update(last_error="TimeoutError()", attempts=6)

    page = client_of(make_admin()).get("/deliveries/").content.decode()

    for words in ("You are booked: Yoga", "Maya", "Given up", "after 6 tries: TimeoutError()", "Try again"):
        assert words in page


def test_they_can_be_found_by_state_person_and_channel():
    maya = make_delivery(make_member("Maya"), state="dead")
    make_delivery(make_member("Tom"))
    client = client_of(make_admin())

    def found(**query: str) -> list[Delivery]:
        return [item.delivery for item in client.get("/deliveries/", query).context["sent"]]

    assert found(state="dead") == [maya]
    assert found(q="may") == [maya]
    assert len(found()) == 2
    assert {row.channel for row in found(channel="in_app")} == {"in_app"}
    assert len(found(state="nonsense")) == 2


@pytest.mark.parametrize("count", [1, 30])
@pytest.mark.parametrize("path", PAGES[:2])
def test_the_lists_take_as_many_statements_for_one_as_for_thirty(count, path):
    for _ in range(count):
        make_delivery(make_member())
        make_message()
    client = client_of(make_admin())
    client.get(path)

    with CaptureQueriesContext(connection) as captured:
        client.get(path)

    assert len(captured) == 4, [query["sql"] for query in captured]


def test_an_admin_tries_a_delivery_again():
    delivery = make_delivery(make_member(), state="dead")

    client_of(make_admin()).post(f"/deliveries/{delivery.pk}/retry/")

    delivery.refresh_from_db()
    assert delivery.state == "queued"


def test_what_is_not_dead_is_refused_in_words():
    delivery = make_delivery(make_member())

    page = client_of(make_admin()).post(f"/deliveries/{delivery.pk}/retry/", follow=True)

    assert "Only what was given up can be tried again." in page.content.decode()


def test_an_admin_passes_an_event_on_again():
    message = make_message()
    admin = make_admin()

    client_of(admin).post(f"/deliveries/events/{message.pk}/retry/")

    message.refresh_from_db()
    assert (message.state, message.attempts) == ("waiting", 0)
    assert AuditLog.objects.get(action="outbox_message.retried").object_id == message.event_id


def test_members_retry_nothing():
    delivery, message = make_delivery(make_member(), state="dead"), make_message()
    client = client_of(make_member())

    assert client.post(f"/deliveries/{delivery.pk}/retry/").status_code == 404
    assert client.post(f"/deliveries/events/{message.pk}/retry/").status_code == 404

    delivery.refresh_from_db()
    message.refresh_from_db()
    assert (delivery.state, message.state) == ("dead", "dead")


def test_events_can_be_found_by_state():
    make_message()
    make_message(is_dead=False)
    client = client_of(make_admin())

    def found(**query: str) -> list[str]:
        return [message.state for message in client.get("/deliveries/events/", query).context["page"].items]

    assert found() == ["waiting", "dead"]
    assert found(state="dead") == ["dead"]
    assert found(state="delivered") == []


def test_admins_are_told_once_an_hour_that_mails_were_given_up():
    admin, members = make_admin(), [make_member("Maya"), make_member("Tom")]
    deliveries = [make_delivery(member) for member in members]
    User.objects.filter(pk__in=[member.pk for member in members]).update(disabled_at=timezone.now())

    for delivery in deliveries:
        send_delivery(delivery.pk)
    drain()

    (told,) = Notification.objects.filter(user=admin)
    assert told.kind == MAIL_DEAD.code
    assert told.payload == {"person": "Maya"}


def test_a_dead_mail_about_dead_mails_is_not_told_of():
    admin = make_admin()
    delivery = make_delivery(admin, kind=MAIL_DEAD)
    other = make_admin()
    User.objects.filter(pk=admin.pk).update(disabled_at=timezone.now())

    send_delivery(delivery.pk)
    drain()

    assert not Notification.objects.filter(user=other).exists()


def test_admins_are_told_of_a_dead_event(settings):
    admin = make_admin()
    settings.OUTBOX_CONSUMERS = {**settings.OUTBOX_CONSUMERS, "broken": f"{__name__}.nothing_here"}
    publish("thing.done", subject=Business(pk=uuid4()), n=1)

    for _ in range(8):
        OutboxMessage.objects.filter(name="thing.done").update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        drain()
    drain()

    (told,) = Notification.objects.filter(user=admin)
    assert told.kind == OUTBOX_DEAD.code
    assert told.payload == {"event": "thing.done"}


@pytest.fixture
def mail_dir(settings, tmp_path):
    settings.SHOWS_WRITTEN_MAILS = True
    settings.MAIL_DIR = tmp_path
    settings.MAILERS = {
        "default": {
            "BACKEND": f"{EmailBackend.__module__}.{EmailBackend.__name__}",
            "OPTIONS": {"file_path": str(tmp_path)},
        }
    }
    return tmp_path


def test_a_written_mail_can_be_read(mail_dir):
    mail = Mail(
        subject="Grüße", paragraphs=("Your code is 1234.", "<b>bold</b>"), act_label="Go", act_url="http://x.test/go"
    )
    compose(mail, to="maya@example.com", name="Maya").send()
    client = client_of(make_admin())

    listed = client.get("/mail/")
    (written,) = listed.context["mails"]
    page = client.get("/mail/", {"open": written.name}).content.decode()

    assert "Grüße" in listed.content.decode()
    assert written.to == "Maya <maya@example.com>"
    assert "Your code is 1234." in page
    assert '<a href="http://x.test/go"' in page
    assert "<b>bold" not in page


@pytest.mark.parametrize("name", ["../secret_key", "x", "../../etc/passwd"])
def test_no_other_file_can_be_read(mail_dir, name):
    (mail_dir.parent / "secret_key").write_text("secret")

    assert client_of(make_admin()).get("/mail/", {"open": name}).status_code == 404


def test_with_a_mail_server_there_are_no_written_mails(mail_dir, settings):
    settings.SHOWS_WRITTEN_MAILS = False

    assert client_of(make_admin()).get("/mail/").status_code == 404


def test_an_empty_folder_is_said_in_a_sentence(mail_dir):
    assert "No mail has been written yet." in client_of(make_admin()).get("/mail/").content.decode()
