"""Moving a booked time: what it does, the free times of the same service, and the one that was chosen."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.core.words import say_when
from tenpo.people.models import User
from tenpo.schedule.actions.moving import move_slot
from tenpo.schedule.actions.rescheduling import REFUSALS, move_of
from tenpo.schedule.booked_party import names_of, others_booked
from tenpo.schedule.find_forms import WishForm
from tenpo.schedule.find_queries import Seeker, find_times, slots_at, start_name, start_named, with_offer
from tenpo.schedule.in_the_way import InTheWay, participants_in_the_way
from tenpo.schedule.models import Booking, Service
from tenpo.schedule.permissions import can_manage_session, is_host_of
from tenpo.schedule.policy_queries import say_moved_policy
from tenpo.schedule.views.finding import times_context

REFUSED = 409


def move_time(request: HttpRequest, user: User, booking: Booking) -> HttpResponse:
    """Move what was booked as a slot: by whoever booked, as their policy allows, or by its host."""
    service = get_object_or_404(with_offer(Service.objects.all()), pk=booking.session.service_id)
    form = WishForm(request.GET, service=service)
    with timezone.override(form.wish().zone):
        return _Page(request, user, booking, service, form).answer()


class _Page:
    """A booking that is to be moved, where to, and what the rules say to it."""

    def __init__(self, request: HttpRequest, user: User, booking: Booking, service: Service, form: WishForm) -> None:
        self.request, self.user, self.booking, self.service, self.form = request, user, booking, service, form
        session = booking.session
        self.is_host = can_manage_session(user, session) and is_host_of(user, booking)
        # It stays as long as it is and where it is.
        self.wish = replace(form.wish(), minutes=session.minutes, coach=None, location=session.location_id)
        self.seeker = Seeker(booking.participant_id, self.is_host, session.pk, (session.coach_id,))
        self.refusal: RuleError | None = None
        self.in_the_way: list[InTheWay] = []

    @property
    def is_open(self) -> bool:
        session = self.booking.session
        is_booked = self.booking.state == Booking.State.CONFIRMED and session.is_planned and not session.has_started()
        return is_booked and (self.is_host or (move_of(self.booking).is_allowed and not self.service.needs_approval))

    def answer(self) -> HttpResponse:
        at = start_named(self.request.POST.get("at") or self.request.GET.get("at", ""))
        if self.request.method == "POST" and at and (moved := self._move(at)):
            return moved
        if self.refusal or (at and self.is_open and not slots_at(self.seeker, self.service, self.wish, at)):
            self.refusal = self.refusal or RuleError("slot_taken", _("This time is not free any more."))
            at = None
        if self.request.method == "POST" and at is None and self.refusal is None:
            self.refusal = RuleError("slot_not_offered", _("Choose a time to which it is moved."))
        status = REFUSED if self.refusal and self.request.method == "POST" else 200
        return render(self.request, "schedule/booking_move.html", self._context(at), status=status)

    def _move(self, at: datetime) -> HttpResponse | None:
        """Move it there; nothing where a rule refused, which the page then says."""
        hit("book-user", self.user.pk)
        try:
            moved = move_slot(self.booking, starts_at=at, by=self.user)
        except RuleError as error:
            self.refusal = error
            self.booking.refresh_from_db()
            self.in_the_way = participants_in_the_way(
                error, self.user, [self.booking.participant], since=at, until=at + self.wish.length, but=self.booking
            )
            return None
        when = say_when(moved.session.starts_at, until=moved.session.ends_at)
        if self.is_host:
            told = _("Moved to %(when)s. %(name)s is told.") % {"when": when, "name": self.booking.participant.name}
            messages.success(self.request, told)
            return redirect("schedule:session-roster", moved.session_id)
        messages.success(self.request, _("Moved. We see you %(when)s.") % {"when": when})
        return redirect("schedule:booking-detail", moved.pk)

    def _context(self, at: datetime | None) -> dict[str, Any]:
        move, session = move_of(self.booking), self.booking.session
        refusal = "asked_first" if self.service.needs_approval and not self.is_host else move.refusal
        others = others_booked(self.booking)
        why = REFUSALS[refusal]() if refusal else _("Only what is booked and paid can be moved.")
        context: dict[str, Any] = {
            "booking": self.booking,
            "session": session,
            "service": self.service,
            "is_host": self.is_host,
            "is_open": self.is_open,
            "move": move,
            "party": names_of([self.booking, *others]) if others else "",
            "why": why,
            "policy_then": say_moved_policy(self.booking, at, move) if at and not self.is_host else "",
            "left_then": move.left - 1 if move.counts else move.left,
            "refusal": self.refusal,
            "in_the_way": self.in_the_way,
            "nearest": [{"at": one, "name": start_name(one)} for one in self._nearest()],
            "at": at,
            "until": at + self.wish.length if at else None,
            "at_name": start_name(at) if at else "",
        }
        if self.is_open and at is None:
            times = find_times(self.seeker, self.service, self.wish)
            context |= times_context(self.request, self.service, self.form, self.wish, times)
            # What it costs was settled when it was booked.
            context |= {"is_chosen_here": True, "price": session.price, "is_narrow": False}
        return context

    def _nearest(self) -> list[datetime]:
        return list(self.refusal.facts.get("nearest", ())) if self.refusal else []
