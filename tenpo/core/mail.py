"""A mail as Tenpo writes one: text and HTML from the same words, one act, safe headers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import HeaderRegistry, UnstructuredHeader
from email.policy import EmailPolicy, default
from email.utils import formataddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from tenpo.core.business import current_business
from tenpo.core.colour import accent_hex

MAX_SUBJECT_LENGTH = 150
_ADDRESS = re.compile(r"[^@:/]+@[^@:/]+\.[^@:/]+")
# After a scheme, and after each dot in the name of a host (also as other scripts write it).
_LINK = re.compile(r":(?=//)|(?<=\w)[.\u3002\uff0e\uff61](?=[^\W\d_])")


class _Unfolded(UnstructuredHeader):
    """An address as a header. Folded, one of more than 78 characters would become an encoded word that none reads."""

    def fold(self, *, policy: EmailPolicy) -> str:
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _Unfolded)  # type: ignore[arg-type]


class Message(EmailMultiAlternatives):
    """A message whose long addresses stay whole in its headers."""

    def message(self, *, policy: Any = default) -> Any:
        return super().message(policy=policy.clone(header_factory=_HEADERS))


@dataclass(frozen=True)
class Mail:
    """The words of a mail, already in the reader's language. Addresses in it are whole, see `absolute`."""

    subject: str
    paragraphs: tuple[str, ...] = ()
    greeting: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    act_label: str = ""
    act_url: str = ""
    closing: str = ""
    why: str = ""
    # What stands under it: pairs of a word and an address.
    links: tuple[tuple[str, str], ...] = field(default=())


def absolute(path: str) -> str:
    """The whole address of a path of ours, as a mail needs it."""
    return f"{settings.PUBLIC_URL}{path}"


def message_id(name: str) -> str:
    """A Message-ID that stays the same for one thing however often it is sent, so that readers see it once."""
    return f"<{name}@{urlsplit(settings.PUBLIC_URL).hostname or 'localhost'}>"


def compose(mail: Mail, *, to: str, name: str = "", headers: Mapping[str, str] | None = None) -> Message:
    """The message to `to`; whatever a person typed into subject or name stays on its one line."""
    business = current_business()
    context: dict[str, Any] = {
        **vars(mail),
        "subject": _subject(mail.subject),
        "business_name": business.name,
        "accent": accent_hex(business.accent_hue),
    }
    message = Message(
        subject=context["subject"],
        body=render_to_string("mail/message.txt", context),
        to=[formataddr((one_line(name), to)) if name else to],
        headers={"Auto-Submitted": "auto-generated", **(headers or {})},
    )
    message.attach_alternative(render_to_string("mail/message.html", context), "text/html")
    return message


def typed(text: object) -> str:
    """What somebody typed, to stand among our own words: one line, and nothing that a mail program makes a link of.

    An e-mail address stays as it is.
    """
    words = one_line(str(text)).split()
    return " ".join(word if _ADDRESS.fullmatch(word) else _LINK.sub(r"\g<0> ", word) for word in words)


def one_line(text: str) -> str:
    """The text without line breaks and control characters."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(plain.split())


def _subject(text: str) -> str:
    """One line, at most as long as mail programs show; what is left out is marked."""
    line = one_line(text)
    return line if len(line) <= MAX_SUBJECT_LENGTH else f"{line[: MAX_SUBJECT_LENGTH - 1].rstrip()}…"
