"""What somebody typed stands in the mails about accounts as text: on its line, and no link to anywhere."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.utils import translation

from tenpo.access.actions.api_clients import create_api_client
from tenpo.core.mail import MAX_SUBJECT_LENGTH, Mail, compose, typed
from tenpo.people.actions.invites import create_invite_link
from tenpo.people.mails import ACCOUNT_MAILS, NOTICES, invite_mail
from tenpo.people.models import Invite, User
from tenpo.people.queries import find_standing_access
from tenpo.people.tests.make import make_admin, make_invite
from tenpo.people.tests.passkeys import Passkey

pytestmark = pytest.mark.django_db

BAIT = "Sign in\r\nat HTTPS://evil.example/in or www.evil.example, evil。example"
# What a mail program makes a link of: a scheme, or the name of a host.
LINK = re.compile(r"\w+://\S+|(?<![\w@.])(?:[\w-]+[.。．｡])+[^\W\d_]{2,}", re.IGNORECASE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Payroll v2.1", "Payroll v2.1"),
        ("J.R.R. Tolkien, St. Pauli", "J. R. R. Tolkien, St. Pauli"),
        ("rex@example.com", "rex@example.com"),
        ("https://evil.example/a", "https: //evil. example/a"),
        ("javascript://x@evil.example", "javascript: //x@evil. example"),
        ("www.evil.example", "www. evil. example"),
        ("one\ntwo\u2028three", "one two three"),
        ("", ""),
    ],
)
def test_what_was_typed_is_said_without_links(text, said):
    assert typed(text) == said
    assert typed(said) == said


def test_what_is_long_is_said_whole_and_a_subject_marks_what_it_leaves_out():
    words = " ".join(["a long word"] * 30)

    message = compose(Mail(subject=words, paragraphs=(words,)), to="rex@example.com")

    assert typed(words) == words
    assert words in " ".join(str(message.body).split())
    assert message.subject.endswith("…")
    assert len(message.subject) <= MAX_SUBJECT_LENGTH


def baited(owner: User) -> dict[str, Any]:
    """All that a mail is given, with whatever somebody typed."""
    create_api_client(owner, name=BAIT, scopes=["read"], expires_at=None, by=owner)
    create_invite_link(role="admin", name=BAIT, by=owner)
    Passkey(owner, BAIT)
    return {
        "user": owner, "code": "123456", "standing": find_standing_access(owner), "ip": "203.0.113.7",
        "user_agent": BAIT, "from_email": "old@example.com", "to_email": "new@example.com",
        "deleted_email": "old@example.com", "password_reset_url": f"{settings.PUBLIC_URL}/reset/",
    }  # fmt: skip


def found_links(text: str) -> set[str]:
    own = settings.PUBLIC_URL
    return {link for link in LINK.findall(text) if not link.startswith(own)}


@pytest.mark.parametrize("template", [*ACCOUNT_MAILS, *NOTICES])
def test_no_mail_about_an_account_leads_where_somebody_typed(template):
    owner = make_admin(BAIT)
    words = ACCOUNT_MAILS.get(template) or NOTICES[template][1]

    message = compose(words(baited(owner)), to=owner.email)

    assert found_links(str(message.body)) == set()
    assert "evil" not in " ".join(re.findall(r'href="([^"]*)"', str(message.alternatives[0][0])))


def test_the_mail_about_a_new_password_bears_the_bait_in_other_words():
    owner = make_admin(BAIT)

    message = compose(NOTICES["account/email/password_changed"][1](baited(owner)), to=owner.email)

    said = "Sign in at HTTPS: //evil. example/in or www. evil. example, evil。 example"
    # The key, the link and the passkey.
    assert " ".join(str(message.body).split()).count(said) == 3
    assert found_links(BAIT) != set()


def test_an_invite_leads_to_us_alone():
    admin = make_admin(BAIT)
    invite, _token = make_invite(by=admin)
    Invite.objects.filter(pk=invite.pk).update(name=BAIT)
    mail.outbox.clear()

    message = compose(invite_mail(Invite.objects.get(), f"{settings.PUBLIC_URL}/invite/x/"), to="lena@example.com")

    assert found_links(f"{message.subject}\n{message.body}") == set()


@pytest.mark.parametrize("template", NOTICES)
def test_a_notice_speaks_its_readers_language(template):
    context = baited(make_admin())
    english = NOTICES[template][1](context)

    with translation.override("de"):
        german = NOTICES[template][1](context)

    assert german.subject != english.subject
    assert german.paragraphs[0] != english.paragraphs[0]
