"""A time as visitors see it: what, when, where and with whom; to book it they sign in, and what they typed stays."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tenpo.checkout.slot_forms import AnswersForm, OptionForm
from tenpo.checkout.views.slot_page import SlotPage
from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.core.networks import hit_from
from tenpo.orders.policy_words import say_policy
from tenpo.payments.refund_models import RefundTo
from tenpo.schedule.actions.intros import ask_intro, is_for_visitors
from tenpo.schedule.find_queries import Wish, options_of, own, slots_at
from tenpo.schedule.intro_forms import VisitorForm
from tenpo.schedule.models import Service
from tenpo.schedule.policy_queries import terms_of_service
from tenpo.schedule.service_prices import service_price
from tenpo.schedule.views.visiting import own_zone, zone_to_guess

# In a visit: what somebody typed for a time before they signed in, and at which address.
TYPED = "slot_typed"
MAX_KEPT = 20_000


class VisitorPage(SlotPage):
    """One time that a visitor wants, and what they typed for it."""

    template = "checkout/slot_visitor.html"

    def __init__(self, request: HttpRequest, service: Service, wish: Wish, at: datetime) -> None:
        super().__init__(request, service, wish, at)
        typed = request.POST if request.method == "POST" else None
        self.options = OptionForm(typed, options=options_of(service, slots_at(own(AnonymousUser()), service, wish, at)))
        self.answers = AnswersForm(typed, questions=service.questions)

    def answer(self) -> HttpResponse:
        is_sent = self.request.method == "POST"
        if self.option is None:
            self.refusal = self.why_nobody(participants=[], by=AnonymousUser())
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

    def context(self) -> dict[str, Any]:
        return {
            **self.shown(own_zone=own_zone(self.request)),
            "form": self.answers,
            "price": service_price(self.service, self.wish.minutes),
            "policy": self._policy(),
            "is_gone": self.option is None,
            "guessed_zone": zone_to_guess(self.request),
        }

    def _policy(self) -> str:
        return say_policy(terms_of_service(self.service), self.at, to=RefundTo.CREDIT)


class IntroPage(VisitorPage):
    """A time that a visitor has without an account: who they are, and the answers; a mail confirms it."""

    template = "checkout/slot_intro.html"

    def __init__(self, request: HttpRequest, service: Service, wish: Wish, at: datetime) -> None:
        super().__init__(request, service, wish, at)
        self.visitor = VisitorForm(request.POST if request.method == "POST" else None)

    def forms(self) -> list[Any]:
        return [self.visitor, *super().forms()]

    def send(self) -> HttpResponse | None:
        """Hold the time; nothing where a rule refused, which the page then says."""
        checked = [form.is_valid() for form in self.forms()]
        if not all(checked):
            return None
        hit_from(self.request, "intro-hold")
        # By the address: nobody fills a mailbox. Asked of every address alike, whoever has it.
        hit("intro-mail", self.visitor.cleaned_data["email"].lower())
        option = self.option
        try:
            ask_intro(
                self.service,
                starts_at=self.at,
                minutes=self.wish.minutes,
                coach=option.coach if option else None,
                location=option.location if option else None,
                visitor=self.visitor.visitor(time_zone=self.wish.zone.key, locale=get_language() or ""),
                answers=self.answers.answers,
            )
        except RuleError as refusal:
            self.refusal = refusal
            return None
        except ValidationError as error:
            for form in (self.answers, self.visitor):
                put_beside(form, error)
            return None
        return redirect("schedule:intro-asked")

    def context(self) -> dict[str, Any]:
        is_gone = self.refusal is not None and "nearest" in self.refusal.facts
        return {
            **super().context(),
            "visitor": self.visitor,
            "form": self.visitor,
            "is_gone": is_gone or not self.option,
        }


def put_beside(form: Form, error: ValidationError) -> None:
    """Put what an action refused beside the fields of a form that it speaks of."""
    found = error.message_dict if hasattr(error, "error_dict") else {}
    for name, texts in found.items():
        if name in form.fields:
            form.add_error(name, texts)


def visitor_page(request: HttpRequest, service: Service, wish: Wish, at: datetime) -> HttpResponse:
    """The page of one time for a visitor: to book it without an account, or to sign in first."""
    page = IntroPage if is_for_visitors(service, wish.minutes) else VisitorPage
    return page(request, service, wish, at).answer()


def typed_before(request: HttpRequest) -> Mapping[str, str]:
    """What somebody typed on this page before they signed in; this once."""
    kept = request.session.get(TYPED)
    if not kept or kept["path"] != request.path or request.method != "GET":
        return {}
    typed: dict[str, str] = request.session.pop(TYPED)["typed"]
    return typed
