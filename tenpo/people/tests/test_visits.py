"""Who is signed in stands in the database so that nobody who reads it can be them."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from tenpo.people.actions.accounts import set_roles
from tenpo.people.actions.visits import forget_ended_visits
from tenpo.people.models import User, Visit
from tenpo.people.tests.make import PASSWORD, make_member
from tenpo.people.visits import IDLE, LIFETIME, SIGNED_IN_AT, SessionStore, key_of

pytestmark = pytest.mark.django_db


def sign_in(client: Client) -> str:
    """Sign somebody in by the page; returns what their browser holds."""
    assert client.post("/account/login/", {"login": make_member().email, "password": PASSWORD}).status_code == 302
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def everything_stored() -> str:
    with connection.cursor() as cursor:
        found = []
        for table in ("people_visit", "usersessions_usersession"):
            cursor.execute(f"SELECT t::text FROM {table} t")
            found += [row for (row,) in cursor.fetchall()]
    return "\n".join(found)


def test_the_cookie_stands_nowhere(client):
    token = sign_in(client)

    assert client.get("/me/").status_code == 200
    assert token not in everything_stored()
    assert Visit.objects.filter(pk=key_of(token)).exists()


def test_what_stands_there_is_no_cookie(client):
    token = sign_in(client)
    thief = Client()

    for stored in (key_of(token), UserSession.objects.get().session_key):
        thief.cookies[settings.SESSION_COOKIE_NAME] = stored
        assert thief.get("/me/").status_code == 302


def test_signing_in_gives_another_cookie(client):
    visit = client.session
    visit["basket"] = "what was begun before"
    visit.save()
    before = client.cookies[settings.SESSION_COOKIE_NAME].value

    after = sign_in(client)

    assert before != after
    assert "basket" not in SessionStore.of_browser(before)


def test_signing_out_ends_the_visit(client):
    token = sign_in(client)

    client.post("/account/logout/")

    assert not Visit.objects.filter(pk=key_of(token)).exists()
    assert client.cookies[settings.SESSION_COOKIE_NAME].value == ""


def test_a_visit_whose_key_is_lost_is_over(client, settings, tmp_path):
    sign_in(client)
    settings.DATA_DIR = tmp_path

    assert client.get("/me/").status_code == 302


def test_a_made_up_cookie_makes_nothing(client):
    client.cookies[settings.SESSION_COOKIE_NAME] = "made-up"

    assert client.get("/me/").status_code == 302
    assert not Visit.objects.exists()


def test_other_roles_give_another_cookie(client):
    before = sign_in(client)
    user = User.objects.get()
    assert client.get("/me/").status_code == 200
    assert client.cookies[settings.SESSION_COOKIE_NAME].value == before

    set_roles(user, roles=["coach"], by=None)
    assert client.get("/me/").status_code == 200
    after = client.cookies[settings.SESSION_COOKIE_NAME].value

    assert after != before
    assert [device.session_key for device in UserSession.objects.purge_and_list(user)] == [key_of(after)]
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = before
    assert thief.get("/me/").status_code == 302


def test_another_password_ends_all_other_visits_and_renews_this_one(client):
    before = sign_in(client)
    user, elsewhere = User.objects.get(), Client()
    elsewhere.post("/account/login/", {"login": user.email, "password": PASSWORD})
    new = "a longer and better password"

    answer = client.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})

    assert answer.status_code == 302
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != before
    assert client.get("/me/").status_code == 200
    assert elsewhere.get("/me/").status_code == 302


def test_a_visit_that_nothing_is_heard_of_ends(client):
    key = key_of(sign_in(client))
    assert abs(Visit.objects.get(pk=key).expire_date - timezone.now() - IDLE) < timedelta(minutes=5)

    # Heard of now and then, it goes on; and that is written now and then only.
    Visit.objects.filter(pk=key).update(expire_date=timezone.now() + timedelta(hours=1))
    assert client.get("/me/").status_code == 200
    heard = Visit.objects.get(pk=key).expire_date
    assert heard > timezone.now() + IDLE - timedelta(minutes=5)
    assert client.get("/me/").status_code == 200
    assert Visit.objects.get(pk=key).expire_date == heard

    Visit.objects.filter(pk=key).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert client.get("/me/").status_code == 302


@pytest.mark.parametrize(("ago", "status"), [(LIFETIME - timedelta(minutes=5), 200), (LIFETIME, 302)])
def test_a_visit_ends_some_weeks_after_signing_in_however_busy(client, ago, status):
    token = sign_in(client)
    visit = SessionStore.of_browser(token)
    visit[SIGNED_IN_AT] -= ago.total_seconds()
    visit.save()

    assert client.get("/me/").status_code == status


def test_what_ended_by_itself_is_dropped(client):
    token, old = sign_in(client), SessionStore()
    user = User.objects.get()
    old["begun"] = "long ago"
    old.save()
    Visit.objects.filter(pk=old.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    long_ago = timezone.now() - timedelta(days=2)
    UserSession.objects.create(user=user, session_key=old.session_key, ip="203.0.113.7")
    UserSession.objects.update(last_seen_at=long_ago)

    assert forget_ended_visits() == 1

    assert [visit.pk for visit in Visit.objects.all()] == [key_of(token)]
    assert [device.session_key for device in UserSession.objects.all()] == [key_of(token)]
