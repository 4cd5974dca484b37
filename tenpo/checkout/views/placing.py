"""Booking for somebody, as staff does it: who, what, when, and how they get it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tenpo.checkout.actions.placing import place_in_session, place_in_slot
from tenpo.checkout.placing_forms import PersonFilter, PlacingForm
from tenpo.checkout.slot_forms import AnswersForm, OptionForm
from tenpo.checkout.views.paying import status_of
from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.core.words import say_names
from tenpo.orders.policies import company_share
from tenpo.orders.queries import Quote, quote
from tenpo.people.http import page_of
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.slots import SlotWish, why_not
from tenpo.schedule.find_forms import WishForm
from tenpo.schedule.find_queries import (
    Seeker,
    coaches_of,
    find_times,
    loaded_zone_of,
    offered_services,
    options_of,
    slots_at,
    start_name,
    start_named,
)
from tenpo.schedule.in_the_way import participants_in_the_way
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.queries import placeable_participants, taught_sessions
from tenpo.schedule.service_prices import service_price
from tenpo.schedule.session_coach_queries import name_coaches
from tenpo.schedule.views.finding import times_context
from tenpo.schedule.views.teaching import managed_session, teacher

GONE = ("slot_taken", "slot_not_offered", "participant_elsewhere", "too_many")


@login_required
@never_cache
@require_safe
def person_choose(request: HttpRequest) -> HttpResponse:
    """For whom: those whom this coach knows, an admin everybody. A session that was chosen before comes along."""
    user = teacher(request)
    session = _asked_session(user, request.GET.get("session", ""))
    form = PersonFilter(request.GET)
    people = placeable_participants(user).select_related("user")
    for word in form.words().split():
        people = people.filter(Q(name__icontains=word) | Q(user__email__istartswith=word))
    page = page_of(request, people, order=("name", "id"))
    context = {
        "people": page.items,
        "next": page.next_cursor,
        "form": form,
        "session": session,
        "is_narrow": bool(form.words()),
    }
    return render(request, "checkout/placing_person.html", context)


@login_required
@never_cache
@require_safe
def what_choose(request: HttpRequest, participant_id: UUID) -> HttpResponse:
    """What: a time of what this coach gives, or a seat in what they teach; an admin of everybody's."""
    user = teacher(request)
    participant = _participant(user, participant_id)
    has_place = Booking.objects.live().filter(session=OuterRef("pk"), participant=participant)
    sessions = taught_sessions(user, coach=None, is_past=False).open_to_all().upcoming()
    sessions = sessions.filter(seats_taken__lt=F("capacity")).exclude(Exists(has_place))
    services = page_of(request, _services(user), order=("name", "id"), by="services")
    seats = page_of(request, sessions, order=("starts_at", "id"), by="sessions")
    name_coaches(seats.items)
    context = {
        "participant": participant,
        "services": [{"service": one, "coaches": coaches_of(one)} for one in services.items],
        "next_services": services.next_cursor,
        "sessions": seats.items,
        "next_sessions": seats.next_cursor,
    }
    return render(request, "checkout/placing_what.html", context)


@login_required
@never_cache
@require_safe
def time_choose(request: HttpRequest, participant_id: UUID, service_id: UUID) -> HttpResponse:
    """When: what is free for them and whoever gives it, whatever the notice and the window."""
    user = teacher(request)
    participant = _participant(user, participant_id)
    service = get_object_or_404(_services(user), pk=service_id)
    form = WishForm(request.GET, service=service)
    wish = form.wish()
    with timezone.override(wish.zone):
        times = find_times(Seeker(participant.pk, by_host=True), service, wish)
        context = times_context(request, service, form, wish, times) | {
            "participant": participant,
            "starts_under": reverse("checkout:placing-time", args=[participant.pk, service.pk]),
        }
        return render(request, "checkout/placing_time.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def seat_place(request: HttpRequest, participant_id: UUID, session_id: UUID) -> HttpResponse:
    """Book a seat for somebody, after it was shown what it costs whom."""
    user = teacher(request)
    participant = _participant(user, participant_id)
    session = managed_session(user, session_id)
    if session.is_private:
        raise Http404
    form = PlacingForm(request.POST or None, may_book=_may_book(user, *session.coach_ids))
    refusal = None
    if request.method == "POST" and form.is_valid():
        hit("book-user", user.pk)
        try:
            booking = place_in_session(session, participant=participant, by=user, terms=form.terms())
        except RuleError as error:
            refusal = error
        else:
            return _done(request, booking)
    session.refresh_from_db(fields=["seats_taken", "status"])
    context = _price(user, participant, session.price, session.currency, session.coach_ids, request) | {
        "participant": participant,
        "session": session,
        "form": form,
        "refusal": refusal,
        "in_the_way": participants_in_the_way(
            refusal, user, [participant], since=session.starts_at, until=session.ends_at
        ),
        "is_open": session.is_planned and not session.has_started(),
    }
    return render(request, "checkout/placing_seat.html", context, status=status_of(refusal, form))


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def slot_place(request: HttpRequest, participant_id: UUID, service_id: UUID, start: str) -> HttpResponse:
    """Book a time for somebody, after it was shown what it costs whom."""
    user = teacher(request)
    participant = _participant(user, participant_id)
    service = get_object_or_404(_services(user), pk=service_id)
    at = start_named(start)
    if at is None:
        raise Http404
    form = WishForm(request.GET, service=service)
    with timezone.override(form.wish().zone):
        return _SlotPage(request, user, participant, service, form, at).answer()


class _SlotPage:
    """A time that is to be booked for somebody, what was typed for it, and what the rules say to it."""

    def __init__(
        self, request: HttpRequest, user: User, participant: Participant, service: Service, form: WishForm, at: datetime
    ) -> None:
        self.request, self.user, self.participant, self.service, self.at = request, user, participant, service, at
        self.wish = form.wish()
        typed = request.POST or None
        slots = slots_at(Seeker(participant.pk, by_host=True), service, self.wish, at)
        self.options = OptionForm(typed, options=options_of(service, slots))
        self.answers = AnswersForm(typed, questions=service.questions)
        option = self.options.chosen
        self.coach = option.given_by if option else coaches_of(service)[0]
        self.team = option.team if option else (self.coach,)
        self.form = PlacingForm(typed, may_book=_may_book(user, *(one.pk for one in self.team)))
        self.refusal: RuleError | None = None

    def answer(self) -> HttpResponse:
        is_sent = self.request.method == "POST"
        if self.options.chosen is None:
            wanted = SlotWish(self.service.pk, self.at, self.wish.minutes, self.wish.location)
            coaches = [self.wish.coach] if self.wish.coach else []
            self.refusal = why_not(wanted, coaches, participants=[self.participant], by=self.user)
        elif is_sent and self._is_filled_in() and (booked := self._book()):
            return booked
        status = status_of(self.refusal, self.form, self.answers, self.options) if is_sent else 200
        return render(self.request, "checkout/placing_slot.html", self._context(), status=status)

    def _is_filled_in(self) -> bool:
        return all([self.options.is_valid(), self.answers.is_valid(), self.form.is_valid()])

    def _book(self) -> HttpResponse | None:
        hit("book-user", self.user.pk)
        option = self.options.chosen
        try:
            booking = place_in_slot(
                self.service,
                starts_at=self.at,
                minutes=self.wish.minutes,
                coach=option.coach if option else None,
                location=option.location if option else None,
                participant=self.participant,
                by=self.user,
                answers=self.answers.answers,
                terms=self.form.terms(),
            )
        except RuleError as error:
            self.refusal = error
        except PermissionDenied:
            # The rules know it more exactly than the list: whoever was with me may not have been with this coach.
            self.refusal = RuleError("not_yours", _("You can book this for those who were here before."))
        except ValidationError as error:
            if not self.answers.refuse(error):
                self.refusal = RuleError("slot_taken", _("Somebody was quicker: this time has just been taken."))
        else:
            return _done(self.request, booking)
        return None

    def _context(self) -> dict[str, Any]:
        price = service_price(self.service, self.wish.minutes)
        nearest = self.refusal.facts.get("nearest", ()) if self.refusal else ()
        option = self.options.chosen
        context = _price(
            self.user, self.participant, price, self.service.currency, [one.pk for one in self.team], self.request
        )
        return context | {
            "participant": self.participant,
            "service": self.service,
            "starts_at": self.at,
            "ends_at": self.at + self.wish.length,
            "minutes": self.wish.minutes,
            "with_whom": say_names(str(one) for one in self.team),
            "location": option.location if option else None,
            "host_zone": loaded_zone_of(self.coach),
            "options": self.options,
            "answers": self.answers,
            "form": self.form,
            "refusal": self.refusal,
            "in_the_way": participants_in_the_way(
                self.refusal, self.user, [self.participant], since=self.at, until=self.at + self.wish.length
            ),
            "is_gone": self.refusal is not None and self.refusal.code in GONE,
            "nearest": [{"at": one, "name": start_name(one)} for one in nearest],
            "times_url": reverse("checkout:placing-time", args=[self.participant.pk, self.service.pk]),
        }


def _done(request: HttpRequest, booking: Booking) -> HttpResponse:
    name = booking.participant.name
    said = {
        Booking.State.OFFERED: _("Kept for %(name)s, who is told and can take it."),
        Booking.State.CONFIRMED: _("%(name)s is booked, and is told."),
    }.get(Booking.State(booking.state), _("Held for %(name)s until the money is marked as paid."))
    messages.success(request, said % {"name": name})
    return redirect("schedule:session-roster", booking.session_id)


def _participant(user: User, participant_id: UUID) -> Participant:
    return get_object_or_404(placeable_participants(user).select_related("user"), pk=participant_id)


def _services(user: User) -> QuerySet[Service]:
    """What `user` books for others: an admin whatever is offered, a coach what they give; not yet what all give."""
    rows = offered_services(user).order_by("name", "id")
    return rows if user.is_admin else rows.filter(given_by__coach=user)


def _asked_session(user: User, session_id: str) -> Session | None:
    try:
        return managed_session(user, UUID(session_id))
    except (ValueError, Http404):
        return None


def _may_book(user: User, *coach_ids: UUID) -> bool:
    return user.is_admin and user.pk not in coach_ids


def _price(
    user: User, participant: Participant, price: int, currency: str, coach_ids: Sequence[UUID], request: HttpRequest
) -> dict[str, Any]:
    """Who pays what: a coach sees what the company pays of it by its policy, an admin also what they own."""
    assert participant.user is not None
    shown = quote(
        price=price,
        currency=currency,
        coach_id=coach_ids[0],
        buyer=participant.user,
        use_wallet=bool(request.POST.get("use_wallet")),
    )
    return {"quote": shown if _may_book(user, *coach_ids) else _as_everybody_sees(shown)}


def _as_everybody_sees(price: Quote) -> Quote:
    """A price without what somebody owns and who funds them: that is nothing that a coach has to know."""
    company = company_share(price.policy, price.price)
    plain = Quote(price.price, price.currency, company, 0, price.price - company)
    return replace(plain, policy=price.policy)
