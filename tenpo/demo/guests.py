"""Somebody who does not come alone, somebody who comes to all of it, and somebody who comes every week."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

from django.db.models import F
from django.utils import timezone

from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.actions.giving_up import cancel_in_series
from tenpo.checkout.actions.slot_series import book_slot_series
from tenpo.checkout.actions.slots import book_slot_places
from tenpo.checkout.queries.series import Scope
from tenpo.core.errors import RuleError
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import User
from tenpo.schedule.actions.waitlist import join_waitlist_together
from tenpo.schedule.models import Series, Service, Session
from tenpo.schedule.slot_queries import SlotSearch, find_slots
from tenpo.schedule.slot_series import SeriesWish, dates_every, look_for_dates

GUESTS = ("Noa Okafor", "Ben Okafor")


def bring_guests(host: User) -> None:
    """Book the next session with room for them, for somebody and their guests."""
    party = [host.participant, *add_guests(GUESTS, by=host)]
    coming = Session.objects.open_to_all().upcoming(timezone.now() + timedelta(days=2))
    for session in coming.filter(capacity__gte=F("seats_taken") + len(party)).order_by("starts_at", "id"):
        try:
            book_places(session, participants=party, by=host, provider="sandbox", source=SUCCEEDS)
        except RuleError:
            continue
        return


def wait_with_guests(host: User, others: Sequence[User]) -> None:
    """Stand in line with one's guests for a session that others have filled."""
    party = [host.participant, *add_guests(GUESTS, by=host)]
    coming = Session.objects.open_to_all().upcoming(timezone.now() + timedelta(days=3)).filter(capacity__gte=len(party))
    left = F("capacity") - F("seats_taken")
    session = coming.exclude(bookings__booked_by=host).order_by(left, "starts_at", "id")[0]
    for other in others:
        session.refresh_from_db(fields=["seats_taken"])
        if session.seats_left < len(party):
            break
        with suppress(RuleError):
            book_places(session, participants=[other.participant], by=other, provider="sandbox", source=SUCCEEDS)
    join_waitlist_together(session, participants=party, by=host)


def book_whole_series(series: Series, people: Sequence[User]) -> None:
    """The first two of these people who are free book all dates of a series; one then gives up the rest."""
    dates = list(Session.objects.filter(series=series).upcoming().order_by("starts_at", "id"))
    booked = []
    for who in people:
        try:
            found = book_places(*dates, participants=[who.participant], by=who, provider="sandbox", source=SUCCEEDS)
        except RuleError:
            continue
        booked.append(found)
        if len(booked) == 2:
            cancel_in_series(found[2], scope=Scope.FOLLOWING, by=who)
            return


def times_of_today(weekly: User, host: User) -> None:
    """One has the same time for eight weeks, another asks for a time with people they bring."""
    come_every_week(weekly, Service.objects.get(name="Calm, alone or for two"), times=8)
    ask_together(host, Service.objects.get(name="Rehearse your talk"))


def come_every_week(who: User, service: Service, *, times: int) -> None:
    """Book the same time of a service for some weeks, at another time on days on which that one is not free."""
    since = timezone.now() + timedelta(days=3)
    minutes, coach = service.durations[0], service.given_by.select_related("coach").get().coach
    wish = SeriesWish(minutes, None, [(who.participant, False)])
    search = SlotSearch(since, since + timedelta(days=7), minutes, participant=who.participant.pk)
    for slot in find_slots(service, search):
        starts = partial(dates_every, slot.starts_at, weeks=1, times=times)
        dates = look_for_dates(service, wish, [coach.pk], starts)[coach.pk]
        ways = [date.slot or next(iter(date.nearest), None) for date in dates]
        chosen = [way.starts_at for way in ways if way]
        if len(chosen) < times - 2:
            continue
        book_slot_series(
            service, starts=chosen, minutes=minutes, participants=[who.participant], by=who, provider="sandbox",
            source=SUCCEEDS,
        )  # fmt: skip
        return


def ask_together(host: User, service: Service) -> None:
    """Ask for a time with a coach who says yes first, for somebody and their guests: three days ahead or later."""
    party = [host.participant, *add_guests(("Amina Keller", "Jo Keller"), by=host)]
    since, minutes = timezone.now() + timedelta(days=3), service.durations[0]
    search = SlotSearch(since, since + timedelta(days=14), minutes, participant=host.participant.pk)
    for slot in find_slots(service, search)[4:5]:
        book_slot_places(service, starts_at=slot.starts_at, minutes=minutes, participants=party, by=host)
