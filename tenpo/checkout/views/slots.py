"""Booking a slot: one page from what was found to what became of it."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenpo.checkout.actions.slots import book_slot_places
from tenpo.checkout.forms import PaymentForm
from tenpo.checkout.party_forms import PartyForm
from tenpo.checkout.slot_forms import AnswersForm, OptionForm
from tenpo.checkout.views.paying import how_paid, next_address, status_of, uses_wallet
from tenpo.checkout.views.slot_page import SlotPage
from tenpo.checkout.views.visitors import typed_before, visitor_page
from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.core.money import Money, apportion
from tenpo.core.words import say_money
from tenpo.orders.queries import Quote, quotes, together
from tenpo.payments.queries import ready_methods
from tenpo.people.models import User
from tenpo.schedule.find_forms import WishForm
from tenpo.schedule.find_queries import (
    Wish,
    coaches_of,
    moment_of,
    options_of,
    own,
    slots_at,
    with_offer,
)
from tenpo.schedule.in_the_way import participants_in_the_way
from tenpo.schedule.models import Booking, Service
from tenpo.schedule.policy_queries import say_policy_for, terms_of_service
from tenpo.schedule.service_prices import service_price
from tenpo.schedule.views.visiting import open_to_visitors

# After these the time is gone, and another one is chosen; whatever was typed stays.
GONE = ("slot_taken", "slot_not_offered", "participant_elsewhere", "too_many")


@require_http_methods(["GET", "POST"])
@open_to_visitors
@never_cache
def slot_book(request: HttpRequest, service_id: UUID, start: str) -> HttpResponse:
    """Book a time: what, when, where and with whom; the questions; who pays what, by which policy, and how.

    A visitor sees what, when, where and for how much, and signs in to book.
    """
    at = moment_of(start)
    service = get_object_or_404(with_offer(Service.objects.visible_to(request.user)), pk=service_id)
    wish = WishForm(request.GET, service=service).wish()
    with timezone.override(wish.zone):
        if not request.user.is_authenticated:
            return visitor_page(request, service, wish, at)
        return _Page(request, request.user, service, wish, at).answer()


class _Page(SlotPage):
    """One time that somebody wants, what they typed for it, and what the rules say to it."""

    def __init__(self, request: HttpRequest, user: User, service: Service, wish: Wish, at: datetime) -> None:
        super().__init__(request, service, wish, at)
        self.user = user
        typed = request.POST or None
        before = typed_before(request)
        options = options_of(service, slots_at(own(user), service, wish, at))
        self.options = OptionForm(typed, options=options, typed=before)
        self.answers = AnswersForm(typed, questions=service.questions, typed=before)
        self.party = PartyForm(request.POST or request.GET, user=user, most=service.capacity)
        self.price = self._price()
        # Nothing is paid before the yes; whoever gives it says yes by booking.
        self.asks_first = service.needs_approval and not (user.is_admin or user in coaches_of(service))
        is_paid = self.price.own_share > 0 and not self.asks_first
        self.payment = PaymentForm(
            typed, needs_payment=is_paid, has_agreed=not self.asks_first, saved=ready_methods(user), before=at
        )

    def answer(self) -> HttpResponse:
        is_sent = self.request.method == "POST"
        if self.option is None:
            if mine := self._mine():
                return redirect("checkout:booking-result", mine.pk)
            people = self.party.chosen or [self.user.participant]
            self.refusal = self.why_nobody(participants=people, by=self.user)
        elif self.options.is_lost:
            self.refusal = RuleError("option_taken", _("Your choice has just been taken. This is what is still free."))
        # Another time was chosen on the page of one that was gone: what was typed there has come along.
        elif is_sent and "look" not in self.request.POST and self._is_filled_in() and (booked := self._book()):
            return booked
        status = status_of(self.refusal, self.payment, self.answers, self.party) if is_sent else 200
        return render(self.request, "checkout/slot_form.html", self._context(), status=status)

    def _is_filled_in(self) -> bool:
        party = self.party.is_valid() or not self.party.is_bound
        return all([self.options.is_valid(), self.answers.is_valid(), self.payment.is_valid(), party])

    def _book(self) -> HttpResponseRedirect | None:
        """Book it; nothing where a rule refused, which the page then says."""
        hit("book-user", self.user.pk)
        option = self.option
        try:
            bookings = book_slot_places(
                self.service,
                starts_at=self.at,
                minutes=self.wish.minutes,
                coach=option.coach if option else None,
                location=option.location if option else None,
                participants=self.party.participants(),
                by=self.user,
                answers=self.answers.answers,
                **how_paid(self.request, self.payment),
            )
        except RuleError as refusal:
            if mine := self._mine():
                return redirect("checkout:booking-result", mine.pk)
            self.refusal, self.price = refusal, self._price()
        except ValidationError as error:
            if hasattr(error, "error_dict") and "participants" in error.error_dict:
                self.party.add_error(None, error.messages)
            elif not self.answers.refuse(error):
                self.refusal = RuleError("slot_taken", _("Somebody was quicker: this time has just been taken."))
        else:
            return redirect(next_address(bookings[0]))
        return None

    def _mine(self) -> Booking | None:
        """The booking of just this that is there already: the form was sent twice, or the browser went back."""
        same = Booking.objects.live().filter(session__service=self.service, session__starts_at=self.at)
        return same.filter(booked_by=self.user, participant__in=self.party.chosen).order_by("id").first()

    def _price(self) -> Quote:
        given_by = self.option.given_by if self.option else coaches_of(self.service)[0]
        people = self.party.number
        whole = service_price(self.service, self.wish.minutes, people)
        found = quotes(
            apportion(whole, [1] * people),
            currency=self.service.currency,
            coach_id=given_by.pk,
            buyer=self.user,
            use_wallet=uses_wallet(self.request),
        )
        return together(found)

    def _context(self) -> dict[str, Any]:
        return {
            **self.shown(own_zone=ZoneInfo(self.user.time_zone)),
            "form": self.payment,
            "in_the_way": participants_in_the_way(
                self.refusal, self.user, self.party.people_named(), since=self.at, until=self.at + self.wish.length
            ),
            "party": self.party,
            "who": self.party.names_of_all,
            "quote": self.price,
            "use_wallet": uses_wallet(self.request),
            "ask": self._ask() if self.asks_first else "",
            "policy": self._policy(),
            "is_gone": self.refusal is not None and self.refusal.code in GONE,
        }

    def _ask(self) -> str:
        """What comes first where a coach says yes to each, and what is paid then."""
        option = self.option
        is_known = option is not None and (option.coach is not None or len(coaches_of(self.service)) == 1)
        coach = str(option.given_by) if option and is_known else _("Your coach")
        to_pay = Money(self.price.own_share + self.price.wallet_spent, self.price.currency)
        if not to_pay.amount:
            return _("%(coach)s says yes or no first.") % {"coach": coach}
        words = _("%(coach)s says yes or no first. Then you pay %(sum)s.")
        return words % {"coach": coach, "sum": say_money(to_pay, exact=False)}

    def _policy(self) -> str:
        return say_policy_for(terms_of_service(self.service), self.at, self.user, to=self.price.back_to)
