"""What mails say of a policy: as it was booked, at the time at which it is read."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from django.utils.translation import override

from tenpo.checkout.tests.make import make_booking, told
from tenpo.core.words import say_full_when
from tenpo.notify.kinds import Facts
from tenpo.notify.models import Notification
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.booking_notifications import CANCELLED_BY_HOST, CONFIRMED
from tenpo.schedule.policy_queries import say_booked_policy
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


def test_the_confirmation_says_what_holds_of_cancelling_in_the_readers_language():
    member = make_member()
    policy = make_cancellation_policy((48, 100), (0, 50), grace_count=1, grace_days=90)
    make_booking(make_session(policy=policy), member)
    told(member)

    payload = Notification.objects.get(user=member, kind=CONFIRMED.code).payload

    said = dict(CONFIRMED.say(Facts(payload)).facts)["Cancelling"]
    assert said.startswith("Free until ")
    assert "Your first late cancellation or no-show in 90 days costs nothing." in said
    with override("de"):
        assert dict(CONFIRMED.say(Facts(payload)).facts)["Absagen"].startswith("Kostenlos bis ")
    over = {**payload, "starts_at": (timezone.now() - timedelta(hours=1)).isoformat()}
    assert "Cancelling" not in dict(CONFIRMED.say(Facts(over)).facts)
    older = {name: value for name, value in payload.items() if name != "terms"}
    assert "Cancelling" not in dict(CONFIRMED.say(Facts(older)).facts)


def test_the_confirmation_says_the_sentence_that_the_page_says_to_whoever_was_late_before():
    member = make_member()
    policy = make_cancellation_policy((48, 100), (0, 50), grace_count=1, grace_days=90)
    cancel_booking(make_booking(make_session(policy=policy, starts_in=timedelta(hours=5)), member), by=member)
    booking = make_booking(make_session(policy=policy, starts_in=timedelta(days=9)), member)
    told(member)

    payload = Notification.objects.filter(user=member, kind=CONFIRMED.code).latest("id").payload

    said = dict(CONFIRMED.say(Facts(payload)).facts)["Cancelling"]
    assert "Your free late cancellations and no-shows in 90 days are used up." in said
    used_up = said.split(". ", 1)[1]
    assert used_up in say_booked_policy(booking)
    # One that was kept before misses were is still read.
    older = {**payload, "terms": {name: value for name, value in payload["terms"].items() if name != "misses"}}
    assert "costs nothing" in dict(CONFIRMED.say(Facts(older)).facts)["Cancelling"]


@pytest.mark.parametrize("starts_in", [timedelta(hours=30), timedelta(days=4), timedelta(days=60)])
def test_what_is_kept_says_every_time_with_its_date(starts_in):
    member = make_member()
    make_booking(make_session(policy=make_cancellation_policy((24, 100), (0, 50)), starts_in=starts_in), member)
    told(member)

    payload = Notification.objects.get(user=member, kind=CONFIRMED.code).payload

    words, starts_at = CONFIRMED.say(Facts(payload)), datetime.fromisoformat(payload["starts_at"])
    assert words.text.startswith(say_full_when(starts_at))
    assert dict(words.facts)["When"].startswith(say_full_when(starts_at))
    assert f"Free until {say_full_when(starts_at - timedelta(hours=24))};" in dict(words.facts)["Cancelling"]


def test_what_is_free_says_nothing_of_cancelling():
    member = make_member()
    make_booking(make_session(price=0), member)
    told(member)

    assert "terms" not in Notification.objects.get(user=member, kind=CONFIRMED.code).payload


def test_who_is_let_off_reads_why():
    coach, member = make_coach(), make_member()
    booking = make_booking(make_session(coach, starts_in=timedelta(hours=5)), member)
    cancel_booking(booking, by=coach, waiver="Her child is ill")
    told(member)

    payload = Notification.objects.get(user=member, kind=CANCELLED_BY_HOST.code).payload

    text = CANCELLED_BY_HOST.say(Facts(payload)).text
    assert "You are let off what the policy says: Her child is ill" in text
    assert "€100 went back to you as credit" in text
