"""Intros: what visitors book without an account, each refusal, and what is kept of them."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.core.limits import INTRO_HELD_MINUTES, INTRO_KEPT_DAYS, INTROS_HELD_AT_ONCE
from tenpo.core.models import OutboxMessage
from tenpo.core.tokens import hash_token
from tenpo.people.models import Participant, User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions import intros, slots
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.intro_memory import forget_visitors
from tenpo.schedule.actions.intros import Visitor, ask_intro, cancel_intro, confirm_intro, mark_intro, move_intro
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.intro_mails import send_intro_mail
from tenpo.schedule.models import Intro, Service, Session
from tenpo.schedule.tests.intro_make import VERA, ask, begin, make_intro, make_intro_service, some_start
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import refuses
from tests.at_once import at_once, meet_after

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def vera(number: int) -> Visitor:
    return Visitor(f"Vera {number}", f"vera{number}@example.com", "UTC", "en")


def test_a_time_is_held_and_nobody_has_an_account_by_it():
    people = User.objects.count()
    service = make_intro_service()

    intro = ask(service, answers={})

    assert intro.state == "held"
    assert intro.held_until is not None
    assert intro.held_until - timezone.now() <= timedelta(minutes=INTRO_HELD_MINUTES)
    session = Session.objects.get(pk=intro.session_id)
    assert session.is_private
    assert (session.seats_taken, session.price, session.coach_id) == (1, 0, intro.coach_id)
    assert Participant.objects.get(pk=intro.participant_id).user is None
    assert User.objects.count() == people + 1
    with refuses("slot_taken"):
        ask(service, visitor=vera(2))


def test_nothing_that_is_written_down_for_ever_says_who_it_was():
    make_intro(visitor=VERA)

    written = "".join(
        f"{row.before}{row.after}{row.object_name}{row.actor_name}"
        for row in AuditLog.objects.filter(action__startswith="intro")
    )
    told = "".join(str(message.payload) for message in OutboxMessage.objects.all())
    assert "Vera" not in written + told
    assert "vera@example.com" not in written + told


def test_confirming_makes_it_theirs_and_again_changes_nothing():
    intro = ask(make_intro_service())

    confirm_intro(intro)
    confirmed_at = Intro.objects.get().confirmed_at
    confirm_intro(intro)

    there = Intro.objects.get()
    assert (there.state, there.held_until, there.confirmed_at) == ("confirmed", None, confirmed_at)
    assert AuditLog.objects.filter(action="intro.confirmed").count() == 1


def test_what_is_not_confirmed_in_time_is_free_again():
    service = make_intro_service()
    intro = ask(service)

    with time_machine.travel(timezone.now() + timedelta(minutes=INTRO_HELD_MINUTES, seconds=1), tick=False):
        with refuses("hold_over"):
            confirm_intro(intro)
        # Whoever comes next meets it, and need not wait for the job.
        again = ask(service, visitor=vera(2), starts_at=Session.objects.get(pk=intro.session_id).starts_at)
        release_lapsed_everywhere()

    assert again.state == "held"
    first = Intro.objects.get(pk=intro.pk)
    assert (first.state, first.ending) == ("cancelled", "expired")
    assert Session.objects.get(pk=intro.session_id).status == "cancelled"


def test_until_the_last_moment_it_can_be_confirmed():
    intro = ask(make_intro_service())
    assert intro.held_until is not None

    with time_machine.travel(intro.held_until - timedelta(milliseconds=1), tick=False):
        assert confirm_intro(intro).state == "confirmed"


def test_one_for_each_address_and_coach_and_only_the_mail_says_so():
    lena, tom = make_coach("Lena"), make_coach("Tom")
    service = make_intro_service(lena, tom)
    make_intro(service, coach=lena)

    again = ask(service, coach=lena, visitor=Visitor("V", "VERA@example.com", "UTC", "en"), hours=30)
    with_tom = ask(service, coach=tom, hours=31)

    # To whoever asks it is held like any other.
    assert (again.state, again.is_repeat, with_tom.is_repeat) == ("held", True, False)
    with refuses("hold_over"):
        confirm_intro(again)
    send_intro_mail(again.pk, "repeat")
    assert "There is one for each" in " ".join(mail.outbox[-1].body.split())
    assert again.link not in mail.outbox[-1].body


def test_of_two_that_were_asked_for_one_is_confirmed():
    service = make_intro_service()
    first, second = ask(service), ask(service, hours=30)

    confirm_intro(first)
    with refuses("has_one"):
        confirm_intro(second)

    assert Intro.objects.get(pk=second.pk).state == "held"


def test_a_service_may_give_several():
    service = make_intro_service(repeats_intro=True)

    make_intro(service)
    make_intro(service, hours=30)

    assert Intro.objects.filter(state="confirmed").count() == 2


def test_after_giving_it_up_there_is_another():
    service = make_intro_service()
    cancel_intro(make_intro(service))

    assert make_intro(service, hours=30).state == "confirmed"


def test_nobody_empties_a_calendar_by_asking():
    service = make_intro_service()
    for number in range(INTROS_HELD_AT_ONCE):
        ask(service, visitor=vera(number), hours=24 + number)

    with refuses("too_many_asked"):
        ask(service, visitor=vera(99), hours=48)

    confirm_intro(Intro.objects.earliest("id"))
    assert ask(service, visitor=vera(99), hours=48).state == "held"


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"price": 1_000}, "not_an_intro"),
        ({"format": "virtual"}, "not_an_intro"),
        ({"needs_approval": True}, "not_an_intro"),
        ({"durations": [30]}, "slot_not_offered"),
    ],
)
def test_what_costs_something_or_is_no_intro_takes_an_account(terms, code):
    service = make_intro_service(**terms)

    with refuses(code):
        ask(service)

    assert not Intro.objects.exists()
    assert not Session.objects.exists()


@pytest.mark.parametrize("open_to", ["members", "clients", "team"])
def test_what_is_not_open_to_visitors_is_not_there(open_to):
    with pytest.raises(Http404):
        ask(make_intro_service(open_to=open_to))

    assert not Intro.objects.exists()


@pytest.mark.parametrize(
    ("visitor", "field"),
    [
        (Visitor("", "vera@example.com", "UTC", "en"), "name"),
        (Visitor("x" * 121, "vera@example.com", "UTC", "en"), "name"),
        (Visitor("Ve\0ra", "vera@example.com", "UTC", "en"), "name"),
        (Visitor("Vera", "vera", "UTC", "en"), "email"),
        (Visitor("Vera", "vera@example.com\nBcc: x@example.com", "UTC", "en"), "email"),
        (Visitor("Vera", f"v@{'x' * 60}.{'y' * 60}.{'z' * 60}.{'w' * 60}.{'u' * 60}.com", "UTC", "en"), "email"),
    ],
)
def test_without_a_name_and_an_address_nothing_is_held(visitor, field):
    service = make_intro_service()

    with pytest.raises(ValidationError) as refusal:
        ask(service, visitor=visitor)

    assert field in refusal.value.message_dict
    assert not Intro.objects.exists()


def test_answers_are_asked_for():
    asked = [{"key": "why", "label": "Why?", "kind": "text", "required": True, "options": []}]
    service = make_intro_service(questions=asked)

    with pytest.raises(ValidationError):
        ask(service)
    key = Service.objects.get(pk=service.pk).questions[0]["key"]

    assert ask(service, answers={key: "Curious"}).answers == [{"label": "Why?", "answer": "Curious"}]


def test_what_is_taken_is_refused_with_the_nearest_that_are_free():
    lena = make_coach("Lena")
    service = make_intro_service(lena)
    make_session(lena, starts_at=some_start(), minutes=60)

    with refuses("slot_taken") as refusal:
        ask(service)

    assert some_start() + timedelta(hours=1) in refusal.value.facts["nearest"]


def test_any_of_several_takes_whoever_is_free():
    lena, tom = make_coach("Lena"), make_coach("Tom")
    service = make_intro_service(lena, tom, coaches_rule="any")

    first, second = ask(service, visitor=vera(1)), ask(service, visitor=vera(2))

    assert {first.coach_id, second.coach_id} == {lena.pk, tom.pk}


def test_it_is_given_up_by_its_link_and_the_time_is_free():
    intro = make_intro()

    cancel_intro(intro)
    cancel_intro(intro)

    there = Intro.objects.get()
    assert (there.state, there.ending) == ("cancelled", "visitor")
    assert Session.objects.get().status == "cancelled"
    assert AuditLog.objects.filter(action="intro.cancelled").count() == 1


def test_what_began_is_not_given_up_and_not_moved():
    intro = begin(make_intro())

    with refuses("started"):
        cancel_intro(intro)
    with refuses("started"):
        move_intro(intro, starts_at=some_start(50))


def test_it_is_moved_by_its_link():
    intro = make_intro()

    move_intro(intro, starts_at=some_start(30))
    move_intro(intro, starts_at=some_start(30))

    session = Session.objects.get()
    assert session.starts_at == some_start(30)
    assert session.version == 1
    with refuses("slot_not_offered"):
        move_intro(intro, starts_at=some_start(30) + timedelta(minutes=7))


def test_what_is_only_held_is_not_moved():
    with refuses("not_booked"):
        move_intro(ask(make_intro_service()), starts_at=some_start(30))


def test_it_is_not_moved_to_where_its_coach_is_taken():
    lena = make_coach("Lena")
    intro = make_intro(make_intro_service(lena))
    make_session(lena, starts_at=some_start(30), minutes=60)

    with refuses("slot_taken"):
        move_intro(intro, starts_at=some_start(30))

    assert Session.objects.get(pk=intro.session_id).starts_at == some_start()


def test_a_coach_calls_it_off_and_the_visitor_is_written_to():
    lena = make_coach("Lena")
    intro = make_intro(make_intro_service(lena))

    reason = " ".join(["I am ill, and so is the dog."] * 10)
    cancel_session(intro.session, reason=reason, by=lena)
    send_intro_mail(intro.pk, "called_off")

    assert Intro.objects.get().ending == "host"
    assert " ".join(reason.replace(".", ". ").split()) in " ".join(mail.outbox[-1].body.split())
    assert mail.outbox[-1].to == ["Vera Voss <vera@example.com>"]


def test_a_coach_notes_who_came_once_it_began():
    lena, tom = make_coach("Lena"), make_coach("Tom")
    intro = make_intro(make_intro_service(lena))

    with refuses("too_early"):
        mark_intro(intro, state="attended", by=lena)
    begun = begin(intro)
    with pytest.raises(PermissionDenied):
        mark_intro(begun, state="attended", by=tom)
    with refuses("not_booked"):
        mark_intro(begun, state="cancelled", by=lena)
    mark_intro(begun, state="no_show", by=lena)
    mark_intro(begun, state="no_show", by=lena)

    assert Intro.objects.get().state == "no_show"
    assert AuditLog.objects.filter(action="intro.marked").count() == 1


def test_who_sees_it():
    lena, tom, admin, stranger = make_coach("Lena"), make_coach("Tom"), make_admin(), make_member()
    intro = make_intro(make_intro_service(lena))

    seen = [Intro.objects.visible_to(user).filter(pk=intro.pk).exists() for user in (lena, tom, admin, stranger)]

    assert seen == [True, False, True, False]


def test_it_is_theirs_when_they_have_an_account_with_that_address_and_only_once_it_is_verified():
    intro, held = make_intro(), ask(make_intro_service(make_coach("Tom"), name="Other"), hours=40)
    member = make_member()
    own = EmailAddress.objects.create(user=member, email="Vera@Example.com", verified=False, primary=False)

    before = set(Intro.objects.visible_to(member))
    own.verified = True
    own.save()

    assert before == set()
    assert set(Intro.objects.visible_to(member)) == {intro}
    assert held not in Intro.objects.of(member)


def test_the_link_is_sealed_and_compared_by_its_hash():
    intro = make_intro()

    assert intro.token_hash == hash_token(str(intro.link))
    row = Intro.objects.filter(pk=intro.pk).values("link", "token_hash").get()
    assert str(intro.link) not in f"{row}"


def test_visitors_are_forgotten_some_time_after_it_was_over():
    intro = begin(make_intro(answers={}), ago=timedelta(days=INTRO_KEPT_DAYS, hours=-1))
    assert forget_visitors() == 0

    begin(intro, ago=timedelta(days=INTRO_KEPT_DAYS, hours=1))

    assert forget_visitors() == 1
    assert forget_visitors() == 0
    there = Intro.objects.select_related("participant").get()
    assert (there.email, there.answers, there.link, there.token_hash) == ("", [], None, None)
    assert there.participant.name == ""
    assert send_intro_mail(there.pk, "booked") is False


def test_who_never_answered_is_forgotten_soon():
    ask(make_intro_service())
    later = timezone.now() + timedelta(days=1)
    with time_machine.travel(later, tick=False):
        release_lapsed_everywhere()
        assert forget_visitors() == 0
    with time_machine.travel(later + timedelta(days=2, seconds=1), tick=False):
        assert forget_visitors() == 1


def test_mails_say_it_in_the_visitors_language_and_on_their_clock():
    intro = make_intro(visitor=Visitor("Vera", "vera@example.com", "America/New_York", "de"))

    send_intro_mail(intro.pk, "booked")

    message = mail.outbox[-1]
    assert "Du bist dabei" in message.subject or "gebucht" in message.subject.lower()
    name, body, kind = message.attachments[0]
    assert name == "session.ics"
    assert "BEGIN:VEVENT" in str(body)
    assert f"/intro/{intro.link}/" in str(body).replace("\r\n ", "")
    assert kind.startswith("text/calendar")


@pytest.mark.parametrize(
    ("zone", "hours", "until"),
    [
        ("Europe/Berlin", "12:00–12:15 in Berlin", "10:20 in Berlin"),
        ("America/New_York", "06:00–06:15 in New York (12:00 in Berlin)", "04:20 in New York"),
        ("UTC", "10:00–10:15 UTC (12:00 in Berlin)", "08:20 UTC"),
    ],
)
def test_mails_name_the_clock_by_which_they_say_times(zone, hours, until):
    """A visitor chose no zone anywhere: it was their browser's, or none that is known."""
    lena = make_coach("Lena Ott")
    User.objects.filter(pk=lena.pk).update(time_zone="Europe/Berlin")
    service, visitor = make_intro_service(lena), Visitor("Vera", "vera@example.com", zone, "en")

    with time_machine.travel(datetime(2027, 6, 7, 8, tzinfo=UTC), tick=False):
        asked = ask(service, visitor=visitor, starts_at=datetime(2027, 6, 8, 10, tzinfo=UTC))
        send_intro_mail(asked.pk, "asked")
        confirm_intro(asked)
        again = ask(service, visitor=Visitor("Vera", "vera@example.com", "Asia/Tokyo", "en"), hours=48)
        send_intro_mail(again.pk, "repeat")

    said, repeated = (" ".join(str(message.body).split()) for message in mail.outbox)
    assert f"Tue 8 Jun 2027, {hours}" in said
    assert f"held for you until {until}." in said
    # Their first one, on the clock of whoever asks now.
    assert "Tue 8 Jun 2027, 19:00–19:15 in Tokyo (12:00 in Berlin)" in repeated


def test_no_mail_asks_to_confirm_what_is_over():
    intro = ask(make_intro_service())
    Intro.objects.update(held_until=timezone.now() - timedelta(seconds=1))

    assert send_intro_mail(intro.pk, "asked") is False
    assert mail.outbox == []
    release_lapsed_everywhere()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_for_one_time_at_once_one_has_it():
    service = make_intro_service()

    said = at_once([partial(_try, service, number) for number in range(6)])

    assert sorted(said, key=str).count("held") == 1
    assert Intro.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_only_so_many_are_held():
    service = make_intro_service()

    said = at_once([partial(_try, service, number, 24 + number) for number in range(8)])

    assert said.count("held") == INTROS_HELD_AT_ONCE
    assert said.count("too_many_asked") == 8 - INTROS_HELD_AT_ONCE


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_the_coachs_lock_more_are_held(monkeypatch):
    lock = "ORDER BY u.id FOR NO KEY UPDATE"
    assert lock in slots._LOCK
    unlocked = slots._LOCK.replace(lock, "ORDER BY u.id")
    # To count that a coach's time changes is a lock as well.
    counting, asking = unlocked.index(",\n    counted AS"), unlocked.index("SELECT {columns}")
    monkeypatch.setattr(slots, "_LOCK", f"{unlocked[:counting]}\n    {unlocked[asking:]}")
    meet_after(monkeypatch, intros, "_check_room_for_more", 8)
    service = make_intro_service()

    said = at_once([partial(_try, service, number, 24 + number) for number in range(8)])

    assert said.count("held") > INTROS_HELD_AT_ONCE


def _try(service: Service, number: int, hours: int = 24) -> str:
    try:
        return str(ask_intro(service, starts_at=some_start(hours), minutes=15, visitor=vera(number)).state)
    except RuleError as refusal:
        return refusal.code
