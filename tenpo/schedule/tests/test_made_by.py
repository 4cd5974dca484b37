"""Who is said to have made a service or a session: by whom, by page and API, and what of it is recorded and shown."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core import clock
from tenpo.core.tokens import new_id
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.series import edit_following
from tenpo.schedule.actions.services import create_service, edit_service
from tenpo.schedule.actions.sessions import complete_session, create_session, edit_session
from tenpo.schedule.actions.standing_in import hand_over
from tenpo.schedule.actions.time_off import add_time_off
from tenpo.schedule.models import Service, Session
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.test_api import Caller
from tenpo.schedule.tests.test_series import make_series, sessions_of
from tenpo.schedule.tests.test_session_coaches import by_form
from tenpo.schedule.tests.time_make import make_service, refuses

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker() -> User:
    return make_coach("Mara Maker")


@pytest.fixture
def lead() -> User:
    return make_coach()


def session_terms(**more: Any) -> Any:
    return {
        "title": "Yoga", "starts_at": clock.now() + timedelta(days=3), "minutes": 60, "time_zone": "Europe/Berlin",
        "capacity": 5, "price": 1_000, "place": "Room 1", **more,
    }  # fmt: skip


def service_terms(*coaches: User, **more: Any) -> Any:
    return {
        "name": "Hour",
        "durations": [60],
        "prices": {1: 6_000},
        "coaches": coaches,
        "join_link": "https://x.example.com",
        **more,
    }


def test_an_admin_names_anybody_and_a_coach_themselves(maker, lead):
    admin = make_admin()
    of_admin = create_session(lead, by=admin, **session_terms(creator=maker))
    own = create_session(maker, by=maker, **session_terms(creator=maker))
    service = create_service(by=admin, **service_terms(lead, creator=maker))

    assert [one.creator for one in (of_admin, own, service)] == [maker, maker, maker]
    with pytest.raises(PermissionDenied):
        create_session(lead, by=lead, **session_terms(creator=maker))
    with pytest.raises(PermissionDenied):
        create_service(by=lead, **service_terms(lead, name="Other", creator=maker))
    assert (Session.objects.count(), Service.objects.count()) == (2, 1)


def test_a_coach_takes_it_from_nobody(maker, lead):
    session, service = make_session(lead), make_service(lead)
    edit_session(session, by=make_admin(), creator=maker)
    edit_service(service, by=make_admin(), creator=maker)

    for creator in (None, lead):
        with pytest.raises(PermissionDenied):
            edit_session(session, by=lead, creator=creator)
        with pytest.raises(PermissionDenied):
            edit_service(service, by=lead, creator=creator)
    edit_session(session, by=lead, creator=maker, title="Other")
    edit_service(service, by=lead, creator=maker, name="Other")

    assert set(Session.objects.values_list("title", "creator")) == {("Other", maker.pk)}
    assert set(Service.objects.values_list("name", "creator")) == {("Other", maker.pk)}


def test_who_leads_a_session_says_that_they_made_it_and_who_stands_beside_them_or_in_for_them_does_not(maker, lead):
    beside, of_lead = make_session(maker, beside=[lead]), make_session(maker, starts_in=timedelta(days=5))
    own, stands_in = make_session(lead, starts_in=timedelta(days=8)), make_coach()
    since = of_lead.starts_at - timedelta(hours=1)
    off = add_time_off(maker, starts_at=since, ends_at=since + timedelta(days=1), stand_in=stands_in, by=maker)
    assert len(hand_over(off, by=maker).given) == 1
    handed = Session.objects.get(pk=of_lead.pk)

    for session, who in ((beside, lead), (handed, stands_in)):
        with pytest.raises(PermissionDenied):
            edit_session(session, by=who, creator=who)
    edit_session(own, by=lead, creator=lead)

    assert list(Session.objects.exclude(creator=None)) == [own]
    edit_session(handed, by=make_admin(), creator=maker)


@pytest.mark.parametrize("who", ["a member", "somebody who left"])
def test_only_a_coach_who_is_here_made_it(lead, who):
    creator = make_member() if who == "a member" else make_coach()
    User.objects.filter(pk=creator.pk).exclude(role_grants=None).update(disabled_at=timezone.now())

    for act in (
        lambda: create_session(lead, by=make_admin(), **session_terms(creator=creator)),
        lambda: create_service(by=make_admin(), **service_terms(lead, creator=creator)),
    ):
        with pytest.raises(ValidationError) as refusal:
            act()
        assert list(refusal.value.message_dict) == ["creator"]
    assert not Session.objects.exists()


def test_who_left_stays_who_made_it(maker, lead):
    session = make_session(lead)
    edit_session(session, by=make_admin(), creator=maker)
    User.objects.filter(pk=maker.pk).update(disabled_at=timezone.now())

    edit_session(Session.objects.get(), by=make_admin(), creator=maker, title="Other")

    assert Session.objects.get().creator == maker


def test_it_is_recorded(maker, lead):
    session = make_session(lead)
    edit_session(session, by=make_admin(), creator=maker)
    edit_session(Session.objects.get(), by=make_admin(), creator=maker)
    service = make_service(lead, creator=maker)
    edit_service(service, by=make_admin(), creator=None)

    [changed] = AuditLog.objects.filter(action="session.changed")
    assert (changed.before, changed.after) == ({"creator_id": None}, {"creator_id": str(maker.pk)})
    changed = AuditLog.objects.get(action="service.changed")
    assert (changed.before, changed.after) == ({"creator_id": str(maker.pk)}, {"creator_id": None})
    made = AuditLog.objects.get(action="service.created").after
    assert made is not None
    assert made["creator_id"] == str(maker.pk)


def test_of_what_took_place_it_stays(maker, lead):
    session = make_session(lead)
    began = timezone.now() - timedelta(hours=3)
    set_times(Session.objects.filter(pk=session.pk), starts_at=began, ends_at=began + timedelta(hours=1))
    complete_session(Session.objects.get(), by=lead)

    with refuses("over"):
        edit_session(Session.objects.get(), by=make_admin(), creator=maker)


def test_by_page_an_admin_says_it_and_nobody_else_is_asked(client: Client, maker, lead):
    session = make_session(lead)
    address = reverse("schedule:session-edit", args=[session.pk])
    client.force_login(lead)
    assert 'name="creator"' not in client.get(address).content.decode()
    client.post(address, by_form(session, title="A new title", creator=str(lead.pk)))
    assert Session.objects.get().creator is None

    client.force_login(make_admin())
    session.refresh_from_db()
    assert 'name="creator"' in client.get(address).content.decode()
    client.post(address, by_form(session, creator=str(maker.pk)))
    assert Session.objects.get().creator == maker
    # Nobody chosen is whoever gives it.
    roster = client.get(reverse("schedule:session-roster", args=[session.pk])).content.decode()
    assert "Mara Maker" in roster
    session.refresh_from_db()
    client.post(address, by_form(session))
    assert Session.objects.get().creator is None


def test_a_series_by_page_and_a_service_keep_it(client: Client, maker, lead):
    client.force_login(make_admin())
    first_day = timezone.localdate() + timedelta(days=3)
    series = {
        "coach": str(lead.pk), "creator": str(maker.pk), "title": "Weekly", "description": "", "place": "Room",
        "join_link": "", "capacity": 5, "price": "10", "weekdays": [first_day.weekday()], "at": "18:00",
        "first_day": first_day.isoformat(), "weeks": 2, "until": "", "minutes": 60, "time_zone": "Europe/Berlin",
    }  # fmt: skip
    page = client.post(reverse("schedule:series-create"), series)
    client.post(reverse("schedule:series-create"), series | {"agreed": page.context["agreed"]})

    assert list(Session.objects.values_list("creator", flat=True)) == [maker.pk] * 2
    service = make_service(lead, creator=maker)
    form = client.get(reverse("schedule:service-edit", args=[service.pk])).context["form"]
    assert form.initial["creator"] == maker.pk
    assert "Mara Maker" in client.get(reverse("schedule:service-detail", args=[service.pk])).content.decode()


def test_by_api(maker, lead):
    session, service = make_session(lead), make_service(lead)
    admin = Caller(make_admin())
    for path in (f"sessions/{session.pk}", f"services/{service.pk}"):
        status, said = admin("PATCH", path, {"creator_id": str(maker.pk)})
        assert (status, said["creator_id"]) == (200, str(maker.pk))
        assert admin("PATCH", path, {"description": "Words"})[1]["creator_id"] == str(maker.pk)
        # Who gives it and who made it read it, others do not.
        read = [Caller(who)("GET", path)[1]["creator_id"] for who in (lead, maker, make_member(), make_coach())]
        assert read == [str(maker.pk), str(maker.pk), None, None]
        assert Caller(lead)("PATCH", path, {"creator_id": None})[0] == 403
        assert admin("PATCH", path, {"creator_id": str(new_id())})[0] == 404
        assert admin("PATCH", path, {"creator_id": str(make_member().pk)})[0] == 422
        status, said = admin("PATCH", path, {"creator_id": None})
        assert (status, said["creator_id"]) == (200, None)


def test_who_made_this_and_the_following_is_said_at_once(maker, lead):
    series, admin = make_series(lead), make_admin()
    first, second, *later = sessions_of(series)

    edit_following(second, by=admin, creator=maker)

    assert [one.creator for one in sessions_of(series)] == [None, *[maker] * (1 + len(later))]
    before = AuditLog.objects.count()
    for creator in (None, lead):
        with pytest.raises(PermissionDenied):
            edit_following(first, by=lead, creator=creator, title="Mine")
    assert {one.title for one in sessions_of(series)} == {first.title}
    assert AuditLog.objects.count() == before
    edit_following(first, by=admin, creator=None)
    assert {one.creator for one in sessions_of(series)} == {None}


def test_a_coach_claims_many_only_where_all_are_theirs(lead):
    series = make_series(lead)
    dates = sessions_of(series)
    since, until = dates[-1].starts_at, dates[-1].ends_at
    hand_over(add_time_off(lead, starts_at=since, ends_at=until, stand_in=make_coach(), by=lead), by=lead)

    edit_following(dates[0], by=lead, creator=lead)

    assert [one.creator for one in sessions_of(series)] == [*[lead] * (len(dates) - 1), None]


def test_by_page_and_api_of_many(client: Client, maker, lead):
    series, admin = make_series(lead), make_admin()
    first = sessions_of(series)[0]
    client.force_login(admin)
    address = reverse("schedule:following-edit", args=[first.pk])

    page = client.get(address).content.decode()
    sent = {
        "title": first.title, "description": "", "place": first.place, "join_link": "", "capacity": first.capacity,
        "price": f"{first.price / 100:.2f}", "creator": str(maker.pk),
    }  # fmt: skip
    assert client.post(address, sent).status_code == 302

    assert "Made by" in page
    assert {one.creator for one in sessions_of(series)} == {maker}
    path = f"sessions/{first.pk}/following"
    status, changed = Caller(admin)("PATCH", path, {"creator_id": None})
    assert (status, {one["creator_id"] for one in changed}) == (200, {None})
    assert {one.creator for one in sessions_of(series)} == {None}
    client.force_login(lead)
    assert "Made by" not in client.get(address).content.decode()
    assert Caller(lead)("PATCH", path, {"creator_id": str(maker.pk)})[0] == 403
