"""What people can be told. Domain apps declare their kinds; `config.consumers` gathers them.

A notification stores a kind's code and a payload of plain facts. Its words are made when it is shown, in the reader's
language and time zone, and without a question to the database: a list of a hundred costs what one does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import models
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.money import Money
from tenpo.core.words import say_full_when, say_host_time, say_money, say_names
from tenpo.people.models import User

log = structlog.get_logger()


class Audience(models.TextChoices):
    """Whose preferences list a kind."""

    MEMBER = "member", gettext_lazy("Your bookings")
    COACH = "coach", gettext_lazy("Your teaching")
    ADMIN = "admin", gettext_lazy("Running the business")


@dataclass(frozen=True)
class Words:
    """What a reader sees. `path` is an address inside Tenpo and `act` what one does there."""

    title: str
    text: str = ""
    act: str = ""
    path: str = "/"
    facts: tuple[tuple[str, str], ...] = ()


class Facts:
    """A payload, read in words. What is missing is an empty text, never an error: old payloads stay readable."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self._payload = payload

    def __getitem__(self, key: str) -> str:
        value = self._payload.get(key)
        # Several names are joined by the words of who reads them.
        return "" if value is None else say_names(map(str, value)) if isinstance(value, list) else str(value)

    def __contains__(self, key: str) -> bool:
        return bool(self._payload.get(key))

    def has(self, key: str) -> bool:
        """Whether something is said of `key`, be it that it was empty."""
        return key in self._payload

    def value(self, key: str) -> Any:
        """What stands under `key`, as it is."""
        return self._payload.get(key)

    def part(self, key: str) -> "Facts":
        """The facts inside one fact."""
        inner = self._payload.get(key)
        return Facts(inner if isinstance(inner, dict) else {})

    def number(self, key: str) -> int:
        value = self._payload.get(key)
        return value if isinstance(value, int) else 0

    def moment(self, key: str) -> datetime | None:
        try:
            return datetime.fromisoformat(self[key])
        except ValueError:
            return None

    def money(self, key: str) -> str:
        """The amount under `key` in the payload's currency: "€12"."""
        return self.say_money(self.number(key))

    def say_money(self, amount: int) -> str:
        """An amount (minor units) in the payload's currency."""
        return say_money(Money(amount, self["currency"] or "EUR"), exact=False)

    def when(self, key: str = "starts_at", until: str = "") -> str:
        """Date and time at the reader's place, and at the host's: "Tue 3 Dec 2026, 18:00 (19:00 in Berlin)".

        Never "tomorrow": nobody knows when a mail is read.
        """
        moment = self.moment(key)
        if moment is None:
            return ""
        text = say_full_when(moment, until=self.moment(until) if until else None)
        there = say_host_time(moment, self["time_zone"]) if self["time_zone"] else ""
        return f"{text} ({there})" if there else text

    def dates(self, key: str = "dates") -> list[str]:
        """Several days and times, each as `when` says one."""
        found = self._payload.get(key)
        moments = found if isinstance(found, list) else []
        return [Facts({**self._payload, key: moment}).when(key) for moment in moments]


@dataclass(frozen=True)
class Attached:
    """A file that comes with a mail."""

    name: str
    content: bytes
    mime_type: str


@dataclass(frozen=True)
class Kind:
    """One kind of thing that people are told: its name in the preferences, its words, its channels by default.

    `email_is_optional=False` is for what nobody may miss: a session that does not take place, money that did not come.
    `attaches` is the file that comes with its mail to a reader, if there is one to these facts.
    """

    code: str
    label: Any
    audience: Audience
    say: Callable[[Facts], Words]
    by_email: bool = True
    email_is_optional: bool = True
    icon: str = "bell"
    attaches: Callable[[Facts, User], Attached | None] | None = None


@dataclass(frozen=True)
class Notice:
    """One person to be told one thing. Told once for each event, or once for ever where `once` names it."""

    kind: Kind
    user_id: UUID
    payload: Mapping[str, Any] = field(default_factory=dict)
    once: str = ""
    # In the app only: they have just seen it happen.
    is_quiet: bool = False


@cache
def all_kinds() -> dict[str, Kind]:
    """Every kind by its code, in the order of the preferences page."""
    kinds: tuple[Kind, ...] = import_string(settings.NOTIFICATION_KINDS)
    return {kind.code: kind for kind in kinds}


def kinds_for(user: User) -> list[Kind]:
    """The kinds that somebody with this user's roles can be told."""
    audiences = {Audience.MEMBER}
    if user.is_coach:
        audiences.add(Audience.COACH)
    if user.is_admin:
        audiences.add(Audience.ADMIN)
    return [kind for kind in all_kinds().values() if kind.audience in audiences]


def say(kind: str, payload: Mapping[str, Any]) -> Words:
    """The words of a notification. One whose kind is gone still says that there was something."""
    found = all_kinds().get(kind)
    if found is not None:
        try:
            return found.say(Facts(payload))
        except (KeyError, ValueError, TypeError) as error:
            log.warning("notification_cannot_be_said", kind=kind, exc_info=error)
    return Words(title=_("Something happened that we cannot show any more"))


def path_to(route: str, *ids: object) -> str:
    """The address of a page by its name; the front page where an installation has no such page."""
    try:
        return reverse(route, args=ids)
    except NoReverseMatch:
        return "/"
