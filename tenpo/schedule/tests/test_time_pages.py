"""Pages of services, places and working hours: what the matrix and the bad inputs do not ask."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.hours import set_weekly_hours
from tenpo.schedule.actions.places import open_location, open_room
from tenpo.schedule.availability_queries import hours_of
from tenpo.schedule.models import Location, Service, Session, TimeOff
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.time_make import make_hours, make_location, make_service
from tenpo.schedule.weekly_hours import Hours, digest_of_week

pytestmark = pytest.mark.django_db
SERVICE: dict[str, Any] = {
    "name": "Coaching", "format": "one_on_one", "durations": "60, 90", "price_basis": "session", "capacity": 3,
    "people_0": 1, "amount_0": "90", "people_1": 2, "amount_1": "140",
    "question_0": "What about?", "kind_0": "text", "question_1": "How?", "kind_1": "choice", "options_1": "A, B",
    "notice_minutes": 240, "window_days": 60, "step_minutes": 30, "buffer_before": 0, "buffer_after": 10,
    "open_to": "members", "join_link": "https://meet.example.com/a",
}  # fmt: skip


def post(user: User, path: str, data: dict[str, Any]) -> Any:
    return signed_in(user).post(path, data)


def test_a_service_is_filled_in_looked_at_and_changed():
    coach = make_coach()

    answer = post(coach, "/teaching/services/new/", SERVICE)

    service = Service.objects.get()
    assert answer["Location"] == f"/teaching/services/{service.pk}/"
    assert (service.durations, [one["options"] for one in service.questions]) == ([60, 90], [[], ["A", "B"]])
    seen = signed_in(coach).get(answer["Location"]).content.decode()
    # Three have no price of their own: each pays what each of two does.
    assert [text in seen for text in ("€90", "€140", "€70", "€210")] == [True] * 4
    form = signed_in(coach).get(f"/teaching/services/{service.pk}/edit/").context["form"]
    assert (form["durations"].value(), form["key_1"].value(), form["version"].value()) == ("60, 90", "q2", 0)
    post(coach, f"/teaching/services/{service.pk}/edit/", SERVICE | {"name": "New", "version": 0})
    stale = post(coach, f"/teaching/services/{service.pk}/edit/", SERVICE | {"name": "Newer", "version": 0})
    assert (stale.status_code, Service.objects.get().name) == (422, "New")
    assert "since you opened it" in stale.content.decode()


@pytest.mark.parametrize(("rows", "last", "value"), [("people", "people_3", "3"), ("question", "question_3", "Why?")])
def test_further_rows_are_asked_for_without_a_script(rows, last, value):
    coach = make_coach()

    answer = post(coach, "/teaching/services/new/", SERVICE | {"name": "", "more": rows})

    page = answer.content.decode()
    assert (answer.status_code, f'name="{last}"' in page, Service.objects.exists()) == (200, True, False)
    # Nothing is wrong yet, and what was typed is still there.
    assert (dict(answer.context["form"].errors), 'value="140"' in page) == ({}, True)
    post(coach, "/teaching/services/new/", SERVICE | {last: value, "amount_3": "180" if rows == "people" else ""})
    [service] = Service.objects.all()
    assert service.prices.count() + len(service.questions) == 5


def test_what_an_action_refuses_stands_beside_its_field():
    coach = make_coach()
    make_service(coach, name="Coaching")

    taken = post(coach, "/teaching/services/new/", SERVICE)
    too_many = post(coach, "/teaching/services/new/", SERVICE | {"name": "New", "people_1": 9})
    nowhere = post(coach, "/teaching/services/new/", SERVICE | {"name": "New", "join_link": ""})

    assert list(taken.context["form"].errors) == ["name"]
    assert list(too_many.context["form"].errors) == ["amount_0"]
    assert list(nowhere.context["form"].errors) == ["locations"]


def test_a_week_is_sent_as_plain_rows():
    coach = make_coach()
    studio = make_location()
    set_weekly_hours(coach, [Hours(0, 540, 720)], by=coach)
    rows = {
        "day_0": 0, "opens_0": "", "closes_0": "",
        "day_1": 2, "opens_1": "18:00", "closes_1": "00:00", "place_1": str(studio.pk),
        "day_2": 3, "opens_2": "09:00", "closes_2": "10:00", "starts_on_2": "2031-03-01", "ends_on_2": "2031-03-31",
    }  # fmt: skip

    answer = post(coach, f"/teaching/hours/{coach.pk}/", rows | {"seen": digest_of_week(hours_of(coach))})

    assert answer.status_code == 302
    evening, some_weeks = hours_of(coach)
    assert (evening.weekday, evening.closes, evening.location_id) == (2, 1440, studio.pk)
    assert (str(some_weeks.starts_on), str(some_weeks.ends_on)) == ("2031-03-01", "2031-03-31")
    shown = signed_in(coach).get(f"/teaching/hours/{coach.pk}/").content.decode()
    assert 'value="00:00"' in shown
    stale = post(coach, f"/teaching/hours/{coach.pk}/", rows | {"seen": digest_of_week([])})
    assert (stale.status_code, len(hours_of(coach))) == (422, 2)


def test_a_wrong_row_keeps_what_was_typed():
    coach = make_coach()

    answer = post(coach, f"/teaching/hours/{coach.pk}/", {"day_0": 0, "opens_0": "12:00", "closes_0": "09:00"})

    page = answer.content.decode()
    assert (answer.status_code, 'value="12:00"' in page, hours_of(coach)) == (422, True, [])


def test_hours_at_a_closed_place_are_none_until_it_opens_again():
    coach, studio = make_coach(), make_location()
    set_weekly_hours(coach, [Hours(0, 540, 720, studio.pk), Hours(1, 540, 720)], by=coach)
    Location.objects.update(closed_at=timezone.now())

    week = signed_in(coach).get(f"/teaching/hours/{coach.pk}/").context["week"]

    assert [row.initial["day"] for row in week.rows if row.initial.get("opens")] == [1]


def test_a_time_off_is_whole_days_and_says_what_falls_into_it():
    coach = make_coach()
    session = make_session(coach)
    day = session.starts_at.date()
    data = {"first_day": day - timedelta(days=1), "last_day": day + timedelta(days=1)}

    answer = signed_in(coach).post(f"/teaching/hours/{coach.pk}/time-off/", data, follow=True)

    off = TimeOff.objects.get()
    assert off.ends_at - off.starts_at == timedelta(days=3)
    page = answer.content.decode()
    assert ("1 session falls into this time" in page, session.title in page) == (True, True)


def test_an_admin_chooses_whose_hours():
    admin, coach = make_admin(), make_coach("Cora")
    make_hours(coach)

    chosen = signed_in(admin).get("/teaching/hours/", {"coach": str(coach.pk)})

    assert chosen["Location"] == f"/teaching/hours/{coach.pk}/"
    assert "Working hours of Cora" in signed_in(admin).get(chosen["Location"]).content.decode()


def test_without_coaches_there_is_nothing_to_choose():
    assert "Nobody teaches here yet" in signed_in(make_admin()).get("/teaching/hours/").content.decode()


def test_of_two_fields_one_of_which_is_needed_none_is_called_optional():
    coach = make_coach()
    session = make_session(coach)
    client = signed_in(coach)

    offer = client.get("/teaching/new/").content.decode()
    files = client.get(f"/teaching/{session.pk}/resources/").content.decode()

    assert "A place, or a link: one of them is needed." in offer
    assert "A file, or a link: one of them is needed." in files
    for page, labels in ((offer, ["id_place", "id_join_link"]), (files, ["id_file", "id_link"])):
        for label in labels:
            assert "optional" not in page.split(f'<label for="{label}">')[1].split("</label>")[0]
    assert "optional" in offer.split('<label for="id_description">')[1].split("</label>")[0]


def test_a_place_that_cannot_be_closed_shows_what_is_still_to_come_there():
    admin, location = make_admin(), make_location()
    room = open_room(location, name="Loft", by=admin)
    sessions = [make_session(starts_in=timedelta(days=2 + n), title=f"Yoga {n}") for n in range(12)]
    Session.objects.filter(pk__in=[one.pk for one in sessions]).update(location=location)
    Session.objects.filter(pk=sessions[3].pk).update(room=room)

    place = post(admin, f"/places/{location.pk}/close/", {})
    hall = post(admin, f"/places/rooms/{room.pk}/", {"act": "close"})

    assert (place.status_code, hall.status_code) == (409, 409)
    assert "12 sessions are still to come there." in place.content.decode()
    shown = [f'href="/teaching/{one.pk}/"' in place.content.decode() for one in sessions]
    assert shown == [True] * 10 + [False] * 2
    assert f'href="/teaching/{sessions[3].pk}/"' in hall.content.decode()
    assert f'href="/teaching/{sessions[0].pk}/"' not in hall.content.decode()
    assert Location.objects.get().closed_at is None


def test_who_renames_a_place_reads_how_many_people_are_told():
    admin = make_admin()
    location = open_location(name="Studio", by=admin)
    session = make_session()
    Session.objects.filter(pk=session.pk).update(location=location, place="Studio")
    make_booking(session, make_member())
    client = signed_in(admin)
    said = {"name": "Studio", "address": "", "directions": "Ring twice."}

    quiet = client.post(f"/places/{location.pk}/", said, follow=True).content.decode()
    told = client.post(f"/places/{location.pk}/", said | {"name": "Loft"}, follow=True).content.decode()

    assert "Saved. 1 person is told." not in quiet
    assert "Saved. 1 person is told." in told
    assert Session.objects.get().place == "Loft"


def test_what_was_cancelled_stands_in_its_time():
    coach = make_coach()
    cancelled = make_session(coach, starts_in=timedelta(days=2), title="Called off")
    cancel_session(cancelled, reason="", by=coach)
    client = signed_in(coach)

    assert "Called off" in client.get("/teaching/").content.decode()
    assert "Called off" not in client.get("/teaching/?when=past").content.decode()
    now = timezone.now()
    set_times(
        Session.objects.filter(pk=cancelled.pk), starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1)
    )
    assert "Called off" not in client.get("/teaching/").content.decode()
    assert "Called off" in client.get("/teaching/?when=past").content.decode()
