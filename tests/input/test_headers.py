"""What a request says of itself is a claim: its host and hops are not believed, and no text becomes a header."""

import re

import pytest
from django.core import mail
from django.test import Client

from tenpo.audit.models import AuditLog
from tenpo.core.business import forget_business
from tenpo.core.mail import Mail, compose
from tenpo.core.models import Business
from tenpo.people.actions.invites import invite_person, send_invite
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.models import Session
from tests.matrix.asking import ask
from tests.matrix.table import Row, rows

pytestmark = pytest.mark.django_db

FORGED = (
    "evil.example",
    "localhost.evil.example",
    "localhost@evil.example",
    "localhost:80:80",
    "local host",
    "",
    "[::1",
)
BREAKS = (
    "\r\nBcc: eve@evil.example",
    "\nSet-Cookie: a=b",
    "\r\n\r\nbody",
    "\x0bX-Evil: 1",
    "\u2028X-Evil: 1",
    "\x85X-Evil: 1",
)
FILES = [row for row in rows() if "csv" in row.path or row.path.endswith((".ics", "calendar-file"))]
# Each is somebody's claim, unless a proxy of ours stands before us.
CLAIMS = {
    "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "443", "Forwarded": "for=203.0.113.9;host=evil.example;proto=https", "X-Real-IP": "203.0.113.9",
    "True-Client-IP": "203.0.113.9", "X-Original-URL": "/settings/", "X-Rewrite-URL": "/settings/",
    "X-HTTP-Method-Override": "DELETE",
}  # fmt: skip


def rename(person: User, **headers: str) -> AuditLog:
    """Change one's name by the API, and return the record, which says from where."""
    client = Client()
    client.force_login(person)
    answer = client.patch("/api/v1/me", {"name": f"{person.name} B."}, "application/json", headers=headers)
    assert answer.status_code == 200, answer.content
    return AuditLog.objects.filter(object_id=person.pk).latest("id")


@pytest.mark.parametrize("host", FORGED)
@pytest.mark.parametrize("path", ["/", "/account/login/", "/account/password/reset/", "/api/v1/me", "/nothing/"])
def test_a_host_that_we_are_not_is_refused(path, host):
    answer = Client(raise_request_exception=False).get(path, headers={"Host": host})

    assert answer.status_code == 400
    assert "evil" not in answer.content.decode()
    assert answer["Content-Type"] == "application/problem+json" if path.startswith("/api/") else "text/html"


def test_a_claimed_address_is_not_believed() -> None:
    assert rename(make_member(), **CLAIMS).address == "127.0.0.1"


@pytest.mark.parametrize(
    ("trusted", "hops", "address"),
    [
        (1, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (2, "203.0.113.9, 198.51.100.1, 198.51.100.2", "198.51.100.1"),
        (2, "198.51.100.2", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, "unknown", "127.0.0.1"),
        (1, "198.51.100.1:4711", "127.0.0.1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "1' OR 1=1", "127.0.0.1"),
    ],
    ids=["one proxy", "two proxies", "fewer hops than proxies", "none", "no address", "a port", "IPv6", "SQL"],
)  # fmt: skip
def test_the_hop_that_our_proxy_saw_counts(trusted, hops, address, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = trusted

    assert rename(make_member(), **{"X-Forwarded-For": hops}).address == address


@pytest.mark.control
def test_a_believed_claim_is_seen(settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1

    with pytest.raises(AssertionError):
        test_a_claimed_address_is_not_believed()


def test_links_in_mails_are_of_our_own_address(settings):
    """Whoever asks for them; and where another host is let in on purpose, it does not speak for us."""
    settings.ALLOWED_HOSTS = ["*"]
    member = make_member()
    headers = {**CLAIMS, "Host": "evil.example"}

    assert Client().post("/account/password/reset/", {"email": member.email}, headers=headers).status_code == 302
    invite = invite_person("guest@example.com", by=make_admin())
    send_invite(invite.pk)

    assert len(mail.outbox) == 2
    for sent in mail.outbox:
        assert settings.PUBLIC_URL in str(sent.body)
        assert "evil" not in str(sent.message())


@pytest.mark.parametrize("break_", BREAKS)
def test_no_text_becomes_a_header_of_a_mail(break_):
    text = f"Lena{break_}"
    Business.objects.update(name=text)
    forget_business()

    raw = compose(Mail(subject=text, greeting=text), to="lena@example.com", name=text).message().as_string()

    head = raw.partition("\n\n")[0]
    assert not re.search(r"^(Bcc|Set-Cookie|X-Evil)", head, re.MULTILINE)
    names = set(re.findall(r"^([\w-]+):", head, re.MULTILINE))
    assert names == {"Subject", "From", "To", "Auto-Submitted", "Content-Type", "MIME-Version", "Date", "Message-ID"}


@pytest.mark.parametrize("row", FILES, ids=str)
def test_no_text_becomes_a_header_of_a_file(business, row: Row):
    for break_ in BREAKS:
        User.objects.update(name=f"Lena{break_}")
        Session.objects.update(title=f"Yoga{break_}")
        actor = next(one for one in ("admin", "member", "boss", "write") if row.cell(one).startswith("200"))
        answer = ask(business, row, actor)
        assert answer.status == 200
        name = answer.headers.get("Content-Disposition", 'inline; filename="of-no-file"')
        assert re.fullmatch(r'(attachment|inline); filename="[\w.-]+"', name)
        assert [value for value in answer.headers.values() if "Lena" in value or "Yoga" in value] == []
