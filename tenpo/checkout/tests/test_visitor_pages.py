"""What visitors see without signing in: what is open to them, when it is free, and the way to book it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client

from tenpo.core.limits import LIMITS
from tenpo.people.models import User
from tenpo.people.tests.make import PASSWORD, make_coach, make_member, signed_in
from tenpo.schedule.models import Booking, Service
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_service

pytestmark = pytest.mark.django_db

MONDAY = datetime(2027, 6, 7, 8, tzinfo=ZoneInfo("Europe/Berlin"))
TEN = "20270608T0800Z"
ASKED = [
    {"key": "why", "label": "What brings you here?", "kind": "text", "required": True, "options": []},
    {"key": "ok", "label": "May we call you?", "kind": "yes", "required": False, "options": []},
]


@pytest.fixture(autouse=True)
def _on_monday():
    with time_machine.travel(MONDAY, tick=False):
        yield


def make_open(coach: User | None = None, **terms: object) -> Service:
    coach = coach or make_coach("Lena Ott")
    make_hours(coach)
    return make_service(coach, **{"name": "Trial hour", "open_to": "visitors", **terms})  # type: ignore[arg-type]


def test_a_visitor_sees_what_is_open_to_visitors_and_when_it_is_free():
    lena = make_coach("Lena Ott")
    service = make_open(lena)
    make_service(lena, name="For members only")
    make_session(lena, title="Hidden class", starts_at=MONDAY + timedelta(days=1))

    listed = Client().get("/book/")
    times = Client().get(f"/book/{service.pk}/?day=2027-06-08")

    assert "Trial hour" in listed.text
    assert "For members only" not in listed.text
    assert "/sessions/" not in listed.text
    assert f"/book/{service.pk}/{TEN}/" in times.text
    assert "Sign in" in times.text
    # The class takes its coach's time; what it is, is nobody's business.
    assert "20270608T0600Z" not in times.text
    assert "Hidden class" not in times.text


@pytest.mark.parametrize("open_to", ["members", "clients", "team"])
def test_what_is_not_open_to_visitors_is_as_if_it_were_not_there(open_to):
    service = make_open(open_to=open_to)
    nothing = "01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42"

    for path in ("/book/", f"/book/{service.pk}/", f"/book/{service.pk}/{TEN}/", f"/book/{nothing}/"):
        for answer in (Client().get(path), Client().post(path)):
            assert answer.status_code in (302, 405)
            assert answer.status_code == 405 or answer["Location"] == f"/account/login/?next={path}"


def test_what_is_not_offered_any_more_is_gone_for_visitors():
    service = make_open()
    Service.objects.update(is_offered=False)

    assert Client().get(f"/book/{service.pk}/").status_code == 302


def test_times_are_on_the_clock_that_the_visitor_chose_and_stay_so():
    service = make_open()
    client = Client()
    path = f"/book/{service.pk}/?day=2027-06-08"

    at_first = client.get(path)
    client.get(f"{path}&zone=America/New_York")
    afterwards = client.get(path)

    assert ">10:00<" in at_first.text
    assert "Times in New York" in afterwards.text
    assert ">04:00<" in afterwards.text
    kept = client.cookies["tenpo_zone"]
    assert kept.value == "America/New_York"
    assert kept["httponly"]
    assert kept["samesite"] == "Lax"


def test_only_a_clock_that_nobody_chose_is_left_to_the_browser():
    service = make_open()
    path, guess = f"/book/{service.pk}/", 'data-guessed-zone="Europe/Berlin"'

    for page in (path, f"{path}{TEN}/"):
        client = Client()
        assert guess in client.get(page).text
        # What was sent is never asked for again, and an address that names a clock, or none that we know, once only.
        assert "data-guessed-zone" not in client.post(page, {"look": "yes"}).text
        assert "data-guessed-zone" not in client.get(f"{page}?zone=Mars/Olympus").text
        assert "data-guessed-zone" not in client.get(f"{page}?zone=Europe/Berlin").text
        assert "data-guessed-zone" not in client.get(page).text
        assert "data-guessed-zone" not in signed_in(make_member()).get(page).text


def test_a_browser_that_keeps_nothing_keeps_its_clock_from_page_to_page():
    service = make_open()

    page = Client().get(f"/book/{service.pk}/?day=2027-06-08&zone=America/New_York")
    link = f"/book/{service.pk}/{TEN}/?zone=America/New_York"
    time = Client().get(link)

    assert link in page.text.replace("%2F", "/")
    assert "04:00" in time.text
    assert "zone=America/New_York" in time.text.replace("%2F", "/")


def test_a_clock_that_nobody_would_choose_from_a_list_is_one_all_the_same():
    service = make_open()

    page = Client().get(f"/book/{service.pk}/?day=2027-06-08&zone=Etc/GMT%2B4").text

    assert ">04:00<" in page


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", ""])
def test_a_clock_that_is_none_is_not_kept(zone):
    service = make_open()
    client = Client()

    client.cookies["tenpo_zone"] = zone
    page = client.get(f"/book/{service.pk}/?zone={zone}")

    assert page.status_code == 200
    assert "tenpo_zone" not in page.cookies


def test_nothing_of_it_is_kept_by_others_and_nobody_frames_it():
    service = make_open()

    page = Client().get(f"/book/{service.pk}/")

    assert "no-store" in page["Cache-Control"]
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]


def test_looks_are_counted_by_address(monkeypatch):
    monkeypatch.setitem(LIMITS, "visitor-look", LIMITS["visitor-look"].__class__(2, 300))
    service = make_open()
    path = f"/book/{service.pk}/"

    answers = [Client().get(path, REMOTE_ADDR="203.0.113.7").status_code for _ in range(3)]

    assert answers == [200, 200, 429]
    assert Client().get(path, REMOTE_ADDR="203.0.113.8").status_code == 200
    assert signed_in(make_member()).get(path, REMOTE_ADDR="203.0.113.7").status_code == 200


def test_a_time_says_what_it_costs_and_by_which_policy():
    service = make_open(price=4_500)

    page = Client().get(f"/book/{service.pk}/{TEN}/")

    assert "€45" in page.text
    assert "comes back" in page.text
    assert "Sign in and book" in page.text


def test_what_its_coach_says_yes_to_is_asked_for():
    service = make_open(price=4_500, needs_approval=True)

    page = Client().get(f"/book/{service.pk}/{TEN}/").text

    assert "Sign in and ask for it" in page
    assert "you pay nothing before" in page
    assert "Sign in and book" not in page


def test_a_time_that_is_gone_says_which_are_near():
    lena = make_coach("Lena Ott")
    service = make_open(lena)
    make_session(lena, starts_at=datetime(2027, 6, 8, 8, tzinfo=ZoneInfo("UTC")))

    page = Client().get(f"/book/{service.pk}/{TEN}/")

    assert "Somebody was quicker" in page.text
    assert "20270608T0900Z" in page.text


def test_what_was_typed_is_there_after_signing_in():
    service = make_open(questions=ASKED)
    member, client = make_member(), Client()
    path = f"/book/{service.pk}/{TEN}/?minutes=60"

    sent = client.post(path, {"q-why": "My knee <b>hurts</b>", "q-ok": "on"})
    assert sent.status_code == 302
    signed = client.post(sent["Location"], {"login": member.email, "password": PASSWORD}, follow=True)

    assert signed.redirect_chain[-1][0] == path
    assert "My knee &lt;b&gt;hurts&lt;/b&gt;" in signed.text
    assert "checked" in signed.text
    # This once: what was typed is not kept any longer than it is needed.
    assert "My knee" not in client.get(path).text
    assert not Booking.objects.exists()


def test_what_was_typed_elsewhere_is_not_shown():
    service = make_open(questions=ASKED)
    member, client = make_member(), Client()

    client.post(f"/book/{service.pk}/{TEN}/", {"q-why": "My knee"})
    client.force_login(member)

    assert "My knee" not in client.get(f"/book/{service.pk}/20270608T0900Z/").text


def test_without_an_answer_that_is_needed_it_is_asked_for_at_once():
    service = make_open(questions=ASKED)
    client = Client()

    page = client.post(f"/book/{service.pk}/{TEN}/", {})

    assert page.status_code == 422
    assert "Please answer this." in page.text
    assert "slot_typed" not in client.session


def test_what_is_typed_is_kept_only_so_often(monkeypatch):
    monkeypatch.setitem(LIMITS, "visitor-keep", LIMITS["visitor-keep"].__class__(1, 300))
    service = make_open()
    path = f"/book/{service.pk}/{TEN}/"

    assert [Client().post(path).status_code for _ in range(2)] == [302, 429]
