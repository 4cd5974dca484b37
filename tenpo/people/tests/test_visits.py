"""Who is signed in stands in the database so that nobody who reads it can be them."""

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import connection
from django.test import Client

from tenpo.people.models import Visit
from tenpo.people.tests.make import PASSWORD, make_member
from tenpo.people.visits import SessionStore, key_of

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
