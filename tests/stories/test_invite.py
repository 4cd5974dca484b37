"""Story 2 by API: invited by mail, by link and from a file; accepted, declined, too late."""

import re

from django.core import mail

from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tests.work import work

PASSWORD = "seven otters in a rowing boat"


def mailed_token() -> str:
    found = re.search(r"/invite/([^/\s]+)/", str(mail.outbox[-1].body))
    assert found
    return found[1]


def test_somebody_is_invited_by_mail_and_accepts_once(api):
    admin, guest = api(make_admin()), api(None)
    invite = admin.post("/invites", {"email": "maya@example.com", "role": "coach"})
    assert (invite["state"], invite["link"]) == ("open", None)
    work()
    token = mailed_token()

    made = guest.post(f"/invites/{token}/acceptance", {"name": "Maya Berg", "password": PASSWORD})

    assert (made["email"], made["email_is_verified"]) == ("maya@example.com", True)
    maya = User.objects.get(pk=made["user_id"])
    assert maya.is_coach
    [listed] = admin.all("/invites", state="accepted")
    assert (listed["id"], listed["accepted_by_id"]) == (invite["id"], made["user_id"])
    again = {"name": "Another", "password": PASSWORD}
    assert guest.refusal("POST", f"/invites/{token}/acceptance", again) == (404, "not_found")
    assert User.objects.filter(email="maya@example.com").count() == 1


def test_a_bare_link_is_declined(api):
    admin, guest = api(make_admin()), api(None)
    invite = admin.post("/invites", {"role": "member"})
    token = invite["link"].rstrip("/").rsplit("/", 1)[1]

    guest.post(f"/invites/{token}/declination")

    assert admin.all("/invites")[0]["state"] == "declined"
    body = {"name": "Late", "password": PASSWORD, "email": "late@example.com"}
    assert guest.refusal("POST", f"/invites/{token}/acceptance", body) == (404, "not_found")
    assert not User.objects.filter(email="late@example.com").exists()


def test_an_invite_is_sent_again_then_revoked(api):
    admin, guest = api(make_admin()), api(None)
    invite = admin.post("/invites", {"email": "maya@example.com"})
    work()
    first = mailed_token()

    admin.post(f"/invites/{invite['id']}/mailing")
    work()
    second = mailed_token()

    body = {"name": "Maya", "password": PASSWORD}
    assert first != second
    assert guest.refusal("POST", f"/invites/{first}/acceptance", body) == (404, "not_found")
    admin.post(f"/invites/{invite['id']}/revocation")
    assert guest.refusal("POST", f"/invites/{second}/acceptance", body) == (404, "not_found")
    assert not User.objects.filter(email="maya@example.com").exists()


def test_a_file_is_looked_over_then_invites(api):
    admin = api(make_admin())
    rows = "email,name,role\nmaya@example.com,Maya Berg,coach\nnonsense,,\n"

    looked = admin.post("/imports/people", files={"file": ("people.csv", rows.encode(), "text/csv")})

    assert [bool(row["problem"]) for row in looked["rows"]] == [False, True]
    assert admin.all("/invites") == []
    admin.post(f"/imports/{looked['id']}/confirmation")
    work()
    assert admin.get(f"/imports/{looked['id']}")["state"] == "done"
    assert [one["email"] for one in admin.all("/invites")] == ["maya@example.com"]


def test_only_admins_invite(api):
    member = api(make_member())

    assert member.refusal("POST", "/invites", {"email": "maya@example.com"}) == (403, "not_allowed")
    assert api(None).refusal("GET", "/invites") == (401, "not_signed_in")
