"""What a visitor goes through without an account: the time, who they are, the mail, their own page."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone

from tenpo.core.limits import LIMITS
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member, signed_in
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.intro_mails import send_intro_mail
from tenpo.schedule.models import Intro, Service, Session
from tenpo.schedule.tests.intro_make import ask, begin, make_intro, make_intro_service, some_start
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db

VERA = {"name": "Vera Voss", "email": "vera@example.com"}


def page_of(service: Service, hours: int = 24) -> str:
    return f"/book/{service.pk}/{start_name(some_start(hours))}/"


def with_address(user: User, email: str) -> User:
    """A member who has this address, too, and has shown that it is theirs."""
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=False)
    return user


def own(intro: Intro, rest: str = "") -> str:
    return f"/intro/{intro.link}/{rest}"


def test_from_the_time_to_booked_without_an_account():
    service, people = make_intro_service(), User.objects.count()
    client = Client()

    page = client.get(page_of(service))
    sent = client.post(page_of(service), VERA, follow=True)
    intro = Intro.objects.get()
    send_intro_mail(intro.pk, "asked")
    (link,) = set(re.findall(r"/intro/[^/\s]+/", str(mail.outbox[-1].body)))
    seen = client.get(link)
    still_held = Intro.objects.get().state
    confirmed = client.post(link, follow=True)

    assert "Hold this time for me" in page.text
    assert "Look into your mailbox" in sent.text
    assert "Is this your time?" in seen.text
    said = " ".join(re.sub(r"<[^>]+>", "", seen.text).split())
    until = timezone.localtime(intro.held_until, ZoneInfo(intro.time_zone))
    assert re.search(rf"It is held for you for \d+ min \(until {until:%H:%M}\)", said)
    # Looking is not confirming: programs look at links, too.
    assert still_held == "held"
    assert "You are booked" in confirmed.text
    assert Intro.objects.get().state == "confirmed"
    assert User.objects.count() == people


@pytest.mark.parametrize("email", ["lena.known@example.com", "nobody@example.com", "vera@example.com"])
def test_all_addresses_are_answered_alike(email):
    service = make_intro_service()
    with_address(make_member(), "lena.known@example.com")
    make_intro(service, hours=40)

    answer = Client().post(page_of(service), {"name": "V", "email": email})

    assert (answer.status_code, answer["Location"]) == (302, "/intro/asked/")
    assert Intro.objects.filter(state="held").count() == 1


def test_what_is_missing_is_said_beside_its_field():
    answer = Client().post(page_of(make_intro_service()), {"name": "", "email": "vera"})

    assert answer.status_code == 422
    assert "Enter a valid email address." in answer.text
    assert not Intro.objects.exists()


def test_what_is_gone_says_which_are_near_and_what_was_typed_stays():
    lena = make_coach("Lena")
    service = make_intro_service(lena)
    make_session(lena, starts_at=some_start(), minutes=30)

    answer = Client().post(page_of(service), VERA)

    assert answer.status_code == 409
    assert "Somebody was quicker" in answer.text
    assert "Vera Voss" in answer.text
    assert start_name(some_start() + timedelta(minutes=30)) in answer.text


def test_whoever_asks_and_whoever_is_written_to_is_counted(monkeypatch):
    service = make_intro_service()
    monkeypatch.setitem(LIMITS, "intro-mail", LIMITS["intro-mail"].__class__(1, 3600))

    first = Client().post(page_of(service, 24), VERA, REMOTE_ADDR="203.0.113.1")
    same_mailbox = Client().post(page_of(service, 25), VERA, REMOTE_ADDR="203.0.113.2")
    monkeypatch.setitem(LIMITS, "intro-hold", LIMITS["intro-hold"].__class__(1, 3600))
    other = {"name": "O", "email": "o@example.com"}
    same_network = Client().post(page_of(service, 26), other, REMOTE_ADDR="203.0.113.1")

    assert [answer.status_code for answer in (first, same_mailbox, same_network)] == [302, 429, 429]
    assert Intro.objects.count() == 1


def test_an_account_books_it_as_before():
    page = signed_in(make_member()).get(page_of(make_intro_service()))

    assert "Who takes part" in page.text
    assert "Hold this time for me" not in page.text


def test_a_link_that_is_none_is_not_there_and_counts(monkeypatch):
    monkeypatch.setitem(LIMITS, "intro-open", LIMITS["intro-open"].__class__(2, 300))
    intro = make_intro()
    good, client = own(intro), Client()

    answers = [client.get(path).status_code for path in (good, good, "/intro/nothing/", "/intro/none/", "/intro/no/")]

    assert answers == [200, 200, 404, 404, 429]


@pytest.mark.parametrize("rest", ["cancel/", "join/"])
def test_what_changes_something_is_no_link(rest):
    assert Client().get(own(make_intro(), rest)).status_code == 405


def test_giving_it_up():
    intro = make_intro()

    page = Client().post(own(intro, "cancel/"), follow=True)

    assert "You gave this time up." in page.text
    assert Session.objects.get().status == "cancelled"


def test_moving_it():
    intro, client = make_intro(), Client()
    to, day = start_name(some_start(30)), some_start(30).astimezone(ZoneInfo(intro.time_zone)).date()

    shown = client.get(own(intro, f"move/?day={day}"))
    asked = client.get(own(intro, f"move/?day={day}&start={to}"))
    moved = client.post(own(intro, "move/"), {"start": to}, follow=True)
    wrong = client.post(own(intro, "move/"), {"start": "yesterday"})

    assert f"start={to.replace(':', '%3A')}" in shown.text
    assert "<button" not in shown.text.split('class="starts"')[1].split("</div>")[0]
    assert f'name="start" value="{to}"' in asked.text
    assert "From now on" in asked.text
    assert "Moved." in moved.text
    assert Session.objects.get().starts_at == some_start(30)
    assert wrong.status_code == 404


def test_going_in_from_a_quarter_of_an_hour_before():
    intro = make_intro()
    early = Client().post(own(intro, "join/"), follow=True)
    begin(intro, ago=timedelta(minutes=1))

    page = Client().post(own(intro, "join/"))

    assert "The room opens a quarter of an hour before the start." in early.text
    assert "https://meet.example.com/first" in page.text
    held = begin(ask(make_intro_service(make_coach("Tom"), name="Other"), hours=40), ago=timedelta(minutes=1))
    assert Client().post(own(held, "join/")).status_code == 404


def test_the_calendar_file():
    intro = make_intro()

    file = Client().get(own(intro, "booking.ics"))

    assert file["Content-Type"].startswith("text/calendar")
    assert b"STATUS:CONFIRMED" in file.content
    held = ask(make_intro_service(make_coach("Tom"), name="Other"), hours=40)
    assert Client().get(own(held, "booking.ics")).status_code == 404


def test_the_coach_sees_who_comes_and_notes_it():
    lena, tom = make_coach("Lena"), make_coach("Tom")
    intro = make_intro(make_intro_service(lena))
    roster = f"/teaching/{intro.session_id}/"

    coming, listed = signed_in(lena).get(roster), signed_in(lena).get("/teaching/")
    file = signed_in(lena).get(f"{roster}roster.csv")
    begin(intro)
    signed_in(lena).post(f"{roster}visitor/", {"state": "attended"})

    for page in (coming.text, b"".join(file.streaming_content).decode()):  # type: ignore[attr-defined]
        assert "Vera Voss" in page
        assert "vera@example.com" in page
    assert "Vera Voss" in listed.text
    assert Intro.objects.get().state == "attended"
    assert signed_in(tom).post(f"{roster}visitor/", {"state": "no_show"}).status_code == 404
    assert Client().post(f"{roster}visitor/", {"state": "no_show"}).status_code == 302


def test_it_stands_with_the_bookings_of_whoever_has_an_account_by_now():
    intro, member = make_intro(), with_address(make_member(), "vera@example.com")

    page = signed_in(member).get("/bookings/")

    assert own(intro) in page.text
    assert own(intro) not in signed_in(make_member()).get("/bookings/").text


def test_what_is_over_says_so():
    intro = ask(make_intro_service())
    Intro.objects.update(held_until=timezone.now() - timedelta(seconds=1))

    page = Client().get(own(intro))
    again = Client().post(own(intro), follow=True)

    assert "not held for you any more" in page.text
    assert "not held for you any more" in again.text


def test_looking_at_another_time_moves_nothing_and_the_time_that_it_has_is_none():
    intro = make_intro()
    at = Session.objects.get().starts_at
    day = at.astimezone(ZoneInfo(intro.time_zone)).date()

    shown = Client().get(own(intro, f"move/?day={day}"))
    Client().get(own(intro, f"move/?start={start_name(some_start(30))}"))

    starts = {start.at for start in shown.context["times"].starts}
    assert at not in starts
    assert at + timedelta(minutes=30) in starts or at - timedelta(minutes=30) in starts
    assert Session.objects.get().starts_at == at


def test_a_wrong_link_says_so_and_leads_to_what_is_offered():
    service = make_intro_service()
    page = Client().get("/intro/nothing/")
    Service.objects.filter(pk=service.pk).update(open_to="members")
    without = Client().get("/intro/none/move/")

    assert (page.status_code, without.status_code) == (404, 404)
    assert "This link leads nowhere" in page.text
    assert "This link leads nowhere" in without.text
    assert "Go to your day" not in page.text
    assert "See what is offered" in page.text
    assert "See what is offered" not in without.text


def test_who_signs_in_reads_what_can_be_booked_without_an_account():
    before = Client().get("/account/login/").text
    make_intro_service()

    assert "Book without an account" not in before
    assert '<a href="/book/">Book without an account</a>' in Client().get("/account/login/").text
