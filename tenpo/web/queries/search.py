"""Find a person, a session, an order or payment, as somebody types; each only what the asker may see."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.search import SearchQuery
from django.db.models import Case, F, IntegerField, Q, Value, When

from tenpo.core import clock
from tenpo.orders.models import Order
from tenpo.payments.models import Payment
from tenpo.people.models import User
from tenpo.schedule.models import Session, SessionCoach
from tenpo.schedule.session_coach_queries import name_coaches

SHOWN = 6
MAX_WORDS = 6
MAX_LENGTH = 100
# An order's number has ten characters; fewer than this many find too much to mean one.
MIN_NUMBER_LENGTH = 3


@dataclass(frozen=True)
class Found:
    """What matches, kind by kind, at most `SHOWN` of each."""

    people: Sequence[User] = ()
    sessions: Sequence[Session] = ()
    orders: Sequence[Order] = ()
    payments: Sequence[Payment] = ()

    def __bool__(self) -> bool:
        return bool(self.people or self.sessions or self.orders or self.payments)


def find(text: str, *, by: User, now: datetime | None = None) -> Found:
    """What `by` may see and `text` means. Two statements, four when it may be a number."""
    text = text.strip()[:MAX_LENGTH]
    words = re.findall(r"[^\W_]+", text)[:MAX_WORDS]
    if not words:
        return Found()
    number = re.sub(r"[\s#-]", "", text)
    is_number = len(number) >= MIN_NUMBER_LENGTH and number.isalnum() and number.isascii()
    return Found(
        people=_people(text, words, by),
        sessions=_sessions(words, by, now or clock.now()),
        orders=_orders(number, by) if is_number else (),
        payments=_payments(text, by) if is_number else (),
    )


def _query(words: Sequence[str]) -> SearchQuery:
    return SearchQuery(" & ".join(f"{word}:*" for word in words), search_type="raw", config="simple")


def _people(text: str, words: Sequence[str], by: User) -> list[User]:
    people = User.objects.visible_to(by).active()
    if not by.is_admin:
        # An address is not for everybody to guess at.
        for word in words:
            people = people.filter(name__icontains=word)
    elif "@" in text:
        people = people.filter(email__istartswith=text)
    else:
        people = people.filter(search=_query(words))
    return list(people.with_roles().order_by("name", "id")[:SHOWN])


def _sessions(words: Sequence[str], by: User, now: datetime) -> list[Session]:
    """Those to come first, the next one before all; then those that were, the latest first."""
    matching = Session.objects.visible_to(by).filter(Q(search=_query(words)) | _coach_named(words))
    is_over = Case(When(starts_at__lt=now, then=Value(1)), default=Value(0), output_field=IntegerField())
    near = matching.annotate(is_over=is_over).order_by(
        "is_over", Case(When(starts_at__gte=now, then=F("starts_at"))), F("starts_at").desc(), "id"
    )
    sessions = list(near.select_related("coach")[:SHOWN])
    name_coaches(sessions)
    return sessions


def _coach_named(words: Sequence[str]) -> Q:
    given = SessionCoach.objects.all()
    for word in words:
        given = given.filter(coach__name__icontains=word)
    return Q(pk__in=given.values("session"))


def _orders(number: str, by: User) -> list[Order]:
    found = Order.objects.visible_to(by).filter(number__startswith=number.upper())
    return list(found.select_related("buyer").prefetch_related("lines").order_by("-id")[:SHOWN])


def _payments(text: str, by: User) -> list[Payment]:
    """By the provider's reference, as it stands on a bank's statement."""
    found = Payment.objects.visible_to(by).filter(reference__startswith=text.lower())
    return list(found.select_related("payer").order_by("-id")[:SHOWN])
