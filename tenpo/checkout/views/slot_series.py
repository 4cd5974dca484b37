"""Booking a time that comes back: how often, which dates, the price of all of them, and how it is paid."""

from datetime import datetime
from functools import partial
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenpo.checkout.actions.slot_series import book_slot_series
from tenpo.checkout.forms import PaymentForm
from tenpo.checkout.party_forms import PartyForm
from tenpo.checkout.slot_forms import AnswersForm, OptionForm
from tenpo.checkout.slot_series_forms import RhythmForm, SlotDatesForm
from tenpo.checkout.views.paying import how_paid, next_address, status_of, uses_wallet
from tenpo.checkout.views.slot_page import SlotPage
from tenpo.core.errors import RuleError
from tenpo.core.limits import SLOT_SERIES_COACHES, hit
from tenpo.core.money import apportion
from tenpo.orders.queries import Quote, quotes, together
from tenpo.payments.queries import ready_methods
from tenpo.people.models import User
from tenpo.schedule.actions.slot_series import people_of
from tenpo.schedule.find_forms import WishForm
from tenpo.schedule.find_queries import (
    Wish,
    coaches_of,
    loaded_zone_of,
    moment_of,
    options_of,
    own,
    slots_at,
    start_name,
    with_offer,
)
from tenpo.schedule.models import Booking, Location, Service
from tenpo.schedule.policy_queries import say_policy_of_dates, terms_of_service
from tenpo.schedule.service_prices import service_price
from tenpo.schedule.slot_series import SeriesWish, SlotDate, dates_every, dates_taken, look_for_best


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def slot_series(request: HttpRequest, service_id: UUID, start: str) -> HttpResponse:
    """Book the same time every week or second week: each date is shown first, with those that are not free."""
    user = cast(User, request.user)
    at = moment_of(start)
    service = get_object_or_404(with_offer(Service.objects.visible_to(user)), pk=service_id)
    if not service.comes_in_series:
        return redirect("checkout:slot-book", service.pk, start)
    hit("dates-look", user.pk)
    wish = WishForm(request.GET, service=service).wish()
    with timezone.override(wish.zone):
        return _Page(request, user, service, wish, at).answer()


class _Page(SlotPage):
    """A time that somebody wants again and again, what they typed for it, and what is free of it."""

    def __init__(self, request: HttpRequest, user: User, service: Service, wish: Wish, at: datetime) -> None:
        super().__init__(request, service, wish, at)
        self.user = user
        self.typed = request.POST or request.GET
        self.is_sent = request.method == "POST" and "look" not in request.POST
        options = options_of(service, slots_at(own(user), service, wish, at))
        self.options = OptionForm(request.POST or None, options=options, typed=request.GET.dict())
        self.rhythm = RhythmForm(self.typed, service=service)
        self.party = PartyForm(self.typed, user=user, most=service.capacity)
        self.answers = AnswersForm(request.POST or None, questions=service.questions)
        self._look()
        data = request.POST if self.is_sent else None
        self.payment = PaymentForm(data, needs_payment=self.price.own_share > 0, saved=ready_methods(user), before=at)

    def answer(self) -> HttpResponse:
        if self.is_sent:
            if self.which.lost:
                if mine := self._mine(self.which.wanted):
                    return redirect("checkout:booking-result", mine.pk)
                self.refusal = dates_taken(self.which.lost)
            elif self._is_filled_in() and (booked := self._book()):
                return booked
        sent = (self.payment, self.answers, self.party, self.which) if self.is_sent else ()
        status = status_of(self.refusal, *sent)
        return render(self.request, "checkout/slot_series.html", self._context(), status=status)

    def _look(self) -> None:
        """What is free now, and what that comes to."""
        self.coach, dates = self._dates()
        self.which = SlotDatesForm(self.typed, dates=dates, rhythm=self.rhythm)
        self.price = self._price()

    def _dates(self) -> tuple[User, list[SlotDate]]:
        """The dates with the coach who was chosen; where any may give it, with who is free on the most of them."""
        # More than may come are refused when they book; nobody is asked about them.
        who = (self.party.chosen or [self.user.participant])[: self.party.most]
        people = people_of(self.service, who, by=self.user)
        wanted = SeriesWish(self.wish.minutes, self._place(), people)
        coaches = {coach.pk: coach for coach in self._coaches()}
        starts = partial(dates_every, self.at, weeks=self.rhythm.every, times=self.rhythm.number)
        best = look_for_best(self.service, wanted, list(coaches), starts)
        if best is None:
            coach = coaches_of(self.service)[0]
            return coach, [SlotDate(start, code="slot_not_offered") for start in starts(loaded_zone_of(coach))]
        coach_id, dates = best
        return coaches[coach_id], dates

    def _coaches(self) -> list[User]:
        given_by = coaches_of(self.service)
        if self.service.coaches_rule == Service.Coaches.ANY:
            # Whoever was shown before goes first, so that what was agreed to is asked of them.
            said = self.typed.get("with", "")
            return sorted(given_by[:SLOT_SERIES_COACHES], key=lambda coach: str(coach.pk) != said)
        if self.option and self.option.coach:
            return [self.option.coach]
        return [coach for coach in given_by if coach.pk == self.wish.coach] or given_by[:1]

    def _place(self) -> UUID | None:
        place = self.option.location if self.option else None
        return place.pk if place else self.wish.location

    def _is_filled_in(self) -> bool:
        party = self.party.is_valid() or not self.party.is_bound
        which = self.which.is_valid() or not self.which.is_bound
        return all([which, self.answers.is_valid(), self.payment.is_valid(), party])

    def _book(self) -> HttpResponseRedirect | None:
        """Book them; nothing where a rule refused, which the page then says, with what is free by now."""
        hit("book-user", self.user.pk)
        place = self._place()
        try:
            bookings = book_slot_series(
                self.service,
                starts=self.which.starts,
                minutes=self.wish.minutes,
                coach=self.coach,
                location=Location(pk=place) if place else None,
                participants=self.party.participants(),
                by=self.user,
                answers=self.answers.answers,
                **how_paid(self.request, self.payment),
            )
        except RuleError as refusal:
            if mine := self._mine([start_name(start) for start in self.which.starts]):
                return redirect("checkout:booking-result", mine.pk)
            self.refusal = refusal
            self._look()
        except ValidationError as error:
            if not self.answers.refuse(error):
                self.refusal = RuleError("not_valid", " ".join(error.messages))
        else:
            return redirect(next_address(bookings[0]))
        return None

    def _mine(self, names: list[str]) -> Booking | None:
        """The first booking of just these dates that is there already: the form was sent twice."""
        same = Booking.objects.live().filter(session__service=self.service, booked_by=self.user)
        mine = same.filter(participant__in=self.party.chosen, session__series__isnull=False)
        found = {start_name(one.session.starts_at): one for one in mine.select_related("session").order_by("-id")}
        return found[min(names)] if names and found.keys() >= set(names) else None

    def _price(self) -> Quote:
        whole = service_price(self.service, self.wish.minutes, self.party.number)
        found = quotes(
            # Nothing chosen costs nothing.
            apportion(whole, [1] * self.party.number) * len(self.which.starts) or [0],
            currency=self.service.currency,
            coach_id=self.coach.pk,
            buyer=self.user,
            use_wallet=uses_wallet(self.request),
        )
        return together(found)

    def _context(self) -> dict[str, Any]:
        return {
            **self.shown(own_zone=ZoneInfo(self.user.time_zone)),
            "host_zone": loaded_zone_of(self.coach),
            "coach": self.coach,
            "rhythm": self.rhythm,
            "which": self.which,
            "form": self.payment,
            "party": self.party,
            "who": self.party.names_of_all,
            "quote": self.price,
            "use_wallet": uses_wallet(self.request),
            "policy": self._policy(),
        }

    def _policy(self) -> str:
        policy = terms_of_service(self.service)
        dates = [(start, policy) for start in self.which.starts or [self.at]]
        return say_policy_of_dates(dates, self.user, to=self.price.back_to)
