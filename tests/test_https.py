"""What an installation with a public address in https does otherwise than one on a desk."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connection

from tenpo.people.tests.make import PASSWORD, make_member
from tenpo.runtime import env, postgres
from tests.server import static_files

pytestmark = pytest.mark.django_db(transaction=True)

SIGN_IN = """
import json, sys, django
django.setup()
from django.test import Client
email, password = sys.argv[1:]
client = Client(headers={"Host": "coaching.example.com", "X-Forwarded-Proto": "https"})
pages = [client.get("/account/login/"), client.post("/account/login/", {"login": email, "password": password})]
pages += [client.post("/me/", {"name": "Maya", "time_zone": "UTC", "locale": "en"}), client.get("/me/")]
assert [page.status_code for page in pages] == [200, 302, 302, 200], pages
print(json.dumps({
    "cookies": [str(morsel.OutputString()) for page in pages for morsel in page.cookies.values()],
    "headers": [dict(page.headers) for page in pages],
}))
"""


def installation(*command: str) -> subprocess.CompletedProcess[str]:
    """Run Python as an installation behind a proxy does, on the database of this test."""
    ours = ("TENPO_", "DJANGO_", "DATABASE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    told = {
        "DJANGO_SETTINGS_MODULE": "tenpo.config.settings",
        "TENPO_DATA": str(static_files().parent),
        "TENPO_EMAIL_URL": "smtp+tls://tenpo@mail.example.com:587",
        "TENPO_URL": "https://coaching.example.com",
        "TENPO_TRUSTED_PROXIES": "1",
        "TENPO_SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": postgres.url(env.data_dir(), postgres.APP, database=connection.settings_dict["NAME"]),
    }
    return subprocess.run(
        [sys.executable, *command], env={**kept, **told}, cwd=env.ROOT, capture_output=True, text=True, check=False
    )


def test_django_finds_nothing_to_mend():
    said = installation("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert said.returncode == 0, said.stderr


def test_cookies_stay_with_this_host_and_browsers_come_by_https():
    user = make_member()
    user.password = Argon2PasswordHasher().encode(PASSWORD, "somesaltofours")
    user.save(update_fields=["password"])

    said = installation("-c", SIGN_IN, user.email, PASSWORD)

    assert said.returncode == 0, said.stderr
    told = json.loads(said.stdout.splitlines()[-1])
    names = {cookie.split("=")[0] for cookie in told["cookies"]}
    assert names == {"__Host-tenpo_session", "__Host-tenpo_csrf", "__Host-tenpo_messages"}
    for cookie in told["cookies"]:
        attributes = set(cookie.split("; ")[1:])
        assert {"Path=/", "SameSite=Lax", "Secure"} <= attributes
        assert "HttpOnly" in attributes or "Max-Age=0" in attributes
        assert "Domain" not in cookie
    for headers in told["headers"]:
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "upgrade-insecure-requests" in headers["Content-Security-Policy"]


def test_on_a_desk_nothing_is_said_of_https(client):
    answer = client.get("/account/login/")

    assert "Strict-Transport-Security" not in answer.headers
    assert "upgrade-insecure-requests" not in answer.headers["Content-Security-Policy"]
