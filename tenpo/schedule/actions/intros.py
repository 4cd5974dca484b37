"""Intros: free sessions that visitors book without an account.

A time is held while a mail waits for its answer; the link in it confirms, and is the visitor's way to it from then on.
To whoever asks, all addresses are alike: what is special about one is only said in the mail to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record, records_of
from tenpo.core import clock
from tenpo.core.errors import EXCLUSION, UNIQUE, RuleError, refuse_on
from tenpo.core.inserts import insert_together
from tenpo.core.jobs import defer
from tenpo.core.limits import INTRO_HELD_MINUTES, INTROS_HELD_AT_ONCE
from tenpo.core.outbox import messages_of, publish
from tenpo.core.tokens import hash_token, new_id, new_token
from tenpo.core.zones import is_zone
from tenpo.people.models import NAME_LENGTH, Participant, User
from tenpo.schedule.actions.anew import anew_when_changed
from tenpo.schedule.actions.coach_time import lock_coach
from tenpo.schedule.actions.intro_ending import end_intro
from tenpo.schedule.actions.moving import changes_to, lock_service_for
from tenpo.schedule.actions.seats import check_open, free_seats, lock_session
from tenpo.schedule.actions.sessions import change_session, facts_of
from tenpo.schedule.actions.slots import (
    LockedSlot,
    SlotWish,
    coaches_for,
    lock_slot,
    not_offered,
    past_what_stands_in_the_way,
    policy_of,
    session_of,
    slot_taken,
)
from tenpo.schedule.models import Intro, Location, Service, Session
from tenpo.schedule.permissions import can_manage_session
from tenpo.schedule.service_models import Format
from tenpo.schedule.session_coach_models import coaches_of_new
from tenpo.schedule.slot_queries import find_slots
from tenpo.schedule.slot_terms import price_of, read_answers

MARKS = (Intro.State.CONFIRMED, Intro.State.ATTENDED, Intro.State.NO_SHOW)


@dataclass(frozen=True)
class Visitor:
    """Somebody without an account: who they say they are, and on whose clock and in which language they are told."""

    name: str
    email: str
    time_zone: str
    locale: str


def is_for_visitors(service: Service, minutes: int) -> bool:
    """Whether visitors book a service without an account: an intro that costs nothing; it has its prices loaded."""
    prices = {price.people: price.amount for price in service.prices.all()}
    return _is_intro(service) and 1 in prices and _price(service, prices, minutes) == 0


def ask_intro(
    service: Service,
    *,
    starts_at: datetime,
    minutes: int,
    visitor: Visitor,
    coach: User | None = None,
    location: Location | None = None,
    answers: Mapping[str, Any] | None = None,
) -> Intro:
    """Hold a time for a visitor until the mail to them is answered.

    Without a `coach` it is the only one, or of any coaches who has the least to do. Whoever has one with this coach
    already is told so in the mail, and nowhere else.

    Raises ValidationError for name, address or an answer; RuleError slot_taken or slot_not_offered, with the `nearest`
    starts; not_an_intro, too_many_asked; Http404.
    """
    visitor = _checked(visitor)
    wish = SlotWish(service.pk, starts_at, minutes, location.pk if location else None, answers or {})
    stranger = AnonymousUser()
    coaches = [coach.pk] if coach else []

    def attempt() -> Intro:
        for coach_id in coaches or coaches_for(wish, participant=None, by=stranger):
            try:
                return _hold(wish, coach_id, visitor)
            except RuleError as refusal:
                if refusal.code != "slot_taken":
                    raise
        raise slot_taken()

    return past_what_stands_in_the_way(attempt, wish, coaches, by=stranger)


@anew_when_changed
@refuse_on(EXCLUSION, "session_room_never_in_two", slot_taken)
@refuse_on(EXCLUSION, "session_coach_never_in_two", slot_taken)
@transaction.atomic
def _hold(wish: SlotWish, coach_id: UUID, visitor: Visitor) -> Intro:
    # The coach's lock: what is counted of them below, and who had one with them, is true until this is written.
    locked = lock_slot(wish, coach_id, participants=[], by=AnonymousUser())
    service = locked.service
    answers = read_answers(service.questions, wish.answers)
    price = _check(locked, wish)
    slot = next(iter(find_slots(service, wish.search(coach_id))), None)
    if slot is None:
        raise slot_taken()
    _check_room_for_more(coach_id)
    session = session_of(locked, slot, policy_id=policy_of(locked)[0], price=price)
    now, link = clock.now(), new_token()
    intro = Intro(
        pk=new_id(), session=session, coach_id=coach_id,
        participant=Participant(pk=new_id(), name=visitor.name, is_visitor=True),
        email=visitor.email, time_zone=visitor.time_zone, locale=visitor.locale, answers=answers,
        is_only=not service.repeats_intro, state=Intro.State.HELD, link=link, token_hash=hash_token(link),
        held_until=min(now + timedelta(minutes=INTRO_HELD_MINUTES), session.starts_at),
    )  # fmt: skip
    intro.is_repeat = intro.is_only and _has_one(coach_id, visitor.email)
    entries: list[Any] = [
        ("session.created", session, None, facts_of(session)), ("intro.held", intro, None, {"session": session.pk}),
    ]  # fmt: skip
    news = messages_of([("session.created", session, {"coach_id": coach_id})])
    insert_together([intro.participant, session, *coaches_of_new(session), intro, *records_of(entries, by=None), *news])
    defer("schedule.send_intro_mail", intro_id=str(intro.pk), kind="repeat" if intro.is_repeat else "asked")
    return intro


def has_one() -> RuleError:
    """The refusal behind the constraint that an address has one intro with a coach."""
    return RuleError("has_one", _("You have a time with this coach already. The link to it is in your mail."))


@refuse_on(UNIQUE, "intro_one_for_each_address_and_coach", has_one)
@transaction.atomic
def confirm_intro(intro: Intro) -> Intro:
    """Say that the mail came to whoever asked: the time is theirs. Confirming again changes nothing.

    Raises RuleError hold_over, has_one, started, not_planned.
    """
    intro = _locked(intro)
    if intro.state == Intro.State.CONFIRMED:
        return intro
    now = clock.now()
    is_held = intro.state == Intro.State.HELD and intro.held_until is not None and intro.held_until > now
    if not is_held or intro.is_repeat:
        raise RuleError("hold_over", _("This time is not held for you any more. Please choose another one."))
    check_open(intro.session)
    intro.state, intro.held_until, intro.confirmed_at = Intro.State.CONFIRMED, None, now
    intro.save(update_fields=["state", "held_until", "confirmed_at"])
    record("intro.confirmed", by=None, on=intro)
    publish("intro.confirmed", subject=intro, session_id=intro.session_id)
    defer("schedule.send_intro_mail", intro_id=str(intro.pk), kind="booked")
    return intro


@transaction.atomic
def cancel_intro(intro: Intro) -> Intro:
    """Give an intro up, as whoever has its link; its time is free again. Giving it up again changes nothing.

    Raises RuleError started.
    """
    intro = _locked(intro)
    if intro.state == Intro.State.CANCELLED:
        return intro
    if intro.state not in (Intro.State.HELD, Intro.State.CONFIRMED) or intro.session.has_started():
        raise RuleError("started", _("This session has already begun, so the booking stays."))
    end_intro(intro, Intro.Ending.BY_VISITOR, by=None)
    free_seats(intro.session)
    return intro


def move_intro(intro: Intro, *, starts_at: datetime) -> Intro:
    """Move an intro to another start of its service with the same coach, as whoever has its link.

    Raises RuleError slot_taken or slot_not_offered, with the `nearest` starts; not_booked, started, not_planned.
    """
    session = Session.objects.get(pk=intro.session_id)
    assert session.service_id is not None
    wish = SlotWish(session.service_id, starts_at, session.minutes, session.location_id, moving=session.pk)
    return past_what_stands_in_the_way(lambda: _move(intro, wish), wish, [intro.coach_id], by=AnonymousUser())


@refuse_on(EXCLUSION, "session_room_never_in_two", slot_taken)
@refuse_on(EXCLUSION, "session_coach_never_in_two", slot_taken)
@transaction.atomic
def _move(intro: Intro, wish: SlotWish) -> Intro:
    lock_coach(intro.coach)
    lock_service_for(wish, Session.objects.only("room_id").get(pk=intro.session_id).room_id)
    intro = _locked(intro)
    check_open(intro.session)
    if intro.state != Intro.State.CONFIRMED:
        raise RuleError("not_booked", _("Only what is booked can be moved."))
    if intro.session.starts_at == wish.starts_at:
        return intro
    service = Service.objects.get(pk=wish.service_id)
    slot = next(iter(find_slots(service, wish.search(intro.coach_id))), None)
    if slot is None:
        raise slot_taken()
    change_session(intro.session, changes_to(service, intro.session, slot), by=None, is_own_wish=True)
    publish("intro.moved", subject=intro, session_id=intro.session_id)
    return intro


@transaction.atomic
def mark_intro(intro: Intro, *, state: str, by: User) -> Intro:
    """Note whether a visitor came, or take that back, once it began. Marking again changes nothing.

    Raises RuleError not_booked, too_early.
    """
    intro = _locked(intro)
    if not can_manage_session(by, intro.session):
        raise PermissionDenied
    if state not in MARKS or intro.state not in MARKS:
        raise RuleError("not_booked", _("Only who has a place can be marked."))
    if not intro.session.has_started():
        raise RuleError("too_early", _("This session has not begun yet."))
    if intro.state == state:
        return intro
    before, intro.state = intro.state, Intro.State(state)
    intro.save(update_fields=["state"])
    record("intro.marked", by=by, on=intro, before={"state": before}, after={"state": state})
    return intro


def _locked(intro: Intro) -> Intro:
    session = lock_session(intro.session_id)
    intro = Intro.objects.select_for_update(of=("self",), no_key=True).select_related("participant").get(pk=intro.pk)
    intro.session = session
    return intro


def _is_intro(service: Service) -> bool:
    """Whether it is of the kind that visitors book, whatever it costs."""
    is_settled = service.coaches_rule != Service.Coaches.ALL and not service.needs_approval
    return service.format == Format.INTRO and service.open_to == Service.OpenTo.VISITORS and is_settled


def _price(service: Service, prices: Mapping[int, int], minutes: int) -> int:
    return price_of(prices, minutes=minutes, by_hour=service.price_basis == Service.Basis.HOUR)


def _check(locked: LockedSlot, wish: SlotWish) -> int:
    """Raise RuleError unless a visitor may have this of a locked service; returns what it costs, which is nothing."""
    if not locked.is_offered(wish.minutes):
        raise not_offered()
    price = _price(locked.service, locked.prices, wish.minutes)
    if price or not _is_intro(locked.service):
        raise RuleError("not_an_intro", _("It takes an account to book this."))
    return price


def _check_room_for_more(coach_id: UUID) -> None:
    held = Intro.objects.filter(coach=coach_id, state=Intro.State.HELD, held_until__gt=clock.now())
    if held.count() >= INTROS_HELD_AT_ONCE:
        raise RuleError("too_many_asked", _("Many people are asking just now. Please try again in a few minutes."))


def _has_one(coach_id: UUID, email: str) -> bool:
    return Intro.objects.filter(coach=coach_id, email=email, is_only=True, state__in=Intro.PLACED).exists()


def _checked(visitor: Visitor) -> Visitor:
    """The visitor as they are kept. Raises ValidationError by field."""
    name, email = " ".join(visitor.name.split()), visitor.email.strip().lower()
    problems: dict[str, Any] = {}
    if not name or len(name) > NAME_LENGTH or "\0" in name:
        problems["name"] = _("Please tell us your name, in at most %(n)s characters.") % {"n": NAME_LENGTH}
    try:
        validate_email(email)
    except ValidationError as error:
        problems["email"] = error
    if len(email) > Intro._meta.get_field("email").max_length:  # type: ignore[operator]
        problems["email"] = _("This address is too long.")
    if problems:
        raise ValidationError(problems)
    locale = visitor.locale if visitor.locale in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    return Visitor(name, email, visitor.time_zone if is_zone(visitor.time_zone) else "UTC", locale)
