"""A time as visitors see it: what, when, where and with whom; to book it they sign in, and what they typed stays."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from tenpo.checkout.slot_forms import AnswersForm, OptionForm
from tenpo.core.errors import RuleError
from tenpo.core.networks import hit_from
from tenpo.orders.actions.default_policy import USUAL
from tenpo.orders.models import CancellationPolicy
from tenpo.orders.policy_words import say_policy
from tenpo.payments.refund_models import RefundTo
from tenpo.schedule.actions.slots import SlotWish, why_not
from tenpo.schedule.find_queries import Option, Wish, coaches_of, options_of, slots_at, start_name, zone_of
from tenpo.schedule.models import Service
from tenpo.schedule.service_prices import service_price
from tenpo.schedule.views.finding import map_address, wish_query
from tenpo.schedule.views.visiting import own_zone

# In a visit: what somebody typed for a time before they signed in, and at which address.
TYPED = "slot_typed"
MAX_KEPT = 20_000


class VisitorPage:
    """One time that a visitor wants, and what they typed for it."""

    template = "checkout/slot_visitor.html"

    def __init__(self, request: HttpRequest, service: Service, wish: Wish, at: datetime) -> None:
        self.request, self.service, self.wish, self.at = request, service, wish, at
        typed = request.POST if request.method == "POST" else None
        self.options = OptionForm(typed, options=options_of(service, slots_at(AnonymousUser(), service, wish, at)))
        self.answers = AnswersForm(typed, questions=service.questions)
        self.refusal: RuleError | None = None

    @property
    def option(self) -> Option | None:
        return self.options.chosen

    def answer(self) -> HttpResponse:
        is_sent = self.request.method == "POST"
        if self.option is None:
            self.refusal = self.why_not()
        elif self.options.is_lost:
            self.refusal = RuleError("option_taken", _("Your choice has just been taken. This is what is still free."))
        elif is_sent and "look" not in self.request.POST and (done := self.send()):
            return done
        return render(self.request, self.template, self.context(), status=self.status() if is_sent else 200)

    def status(self) -> int:
        if self.refusal is not None:
            return 409
        return 422 if any(form.errors for form in self.forms()) else 200

    def forms(self) -> list[Any]:
        return [self.options, self.answers]

    def send(self) -> HttpResponse | None:
        """Keep what was typed, and have them sign in; then they are back here, and it is filled in."""
        if not all(form.is_valid() for form in self.forms()):
            return None
        hit_from(self.request, "visitor-keep")
        names = ["option", *(self.answers.add_prefix(name) for name in self.answers.fields)]
        typed = {name: self.request.POST[name] for name in names if name in self.request.POST}
        if sum(map(len, typed.values())) <= MAX_KEPT:
            self.request.session[TYPED] = {"path": self.request.path, "typed": typed}
        return redirect_to_login(self.request.get_full_path())

    def why_not(self) -> RuleError:
        """Why nobody is free then, with the nearest starts at which somebody is."""
        wanted = SlotWish(self.service.pk, self.at, self.wish.minutes, self.wish.location, {})
        coaches = [self.wish.coach] if self.wish.coach else []
        return why_not(wanted, coaches, participant=None, by=AnonymousUser())

    def context(self) -> dict[str, Any]:
        option, refusal = self.option, self.refusal
        place = option.location if option else None
        nearest = refusal.facts.get("nearest", ()) if refusal else ()
        return {
            "service": self.service,
            "starts_at": self.at,
            "ends_at": self.at + self.wish.length,
            "minutes": self.wish.minutes,
            "option": option,
            "options": self.options,
            "host_zone": zone_of(option.given_by) if option else "",
            "coaches": coaches_of(self.service),
            "map": map_address(place) if place else "",
            "answers": self.answers,
            "form": self.answers,
            "price": service_price(self.service, self.wish.minutes),
            "policy": self._policy(),
            "refusal": refusal,
            "is_gone": option is None,
            "nearest": [{"at": at, "name": start_name(at)} for at in nearest],
            "query": wish_query(self.wish, self.service, own_zone=own_zone(self.request)),
        }

    def _policy(self) -> str:
        policy = self.service.cancellation_policy or CancellationPolicy.objects.filter(is_default=True).first()
        return say_policy(policy.terms if policy else USUAL, self.at, to=RefundTo.CREDIT)


def typed_before(request: HttpRequest) -> Mapping[str, str]:
    """What somebody typed on this page before they signed in; this once."""
    kept = request.session.get(TYPED)
    if not kept or kept["path"] != request.path or request.method != "GET":
        return {}
    typed: dict[str, str] = request.session.pop(TYPED)["typed"]
    return typed
