from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tenpo.core.business import current_business
from tenpo.core.days import midnight
from tenpo.core.forms import AmountField, DayField
from tenpo.core.money import Money, round_amounts
from tenpo.core.once import OnceForm
from tenpo.core.words import say_money
from tenpo.ledger.models import Transfer
from tenpo.ledger.queries import WALLET
from tenpo.payments.actions.auto_top_ups import TopUpWish
from tenpo.payments.forms import CardForm
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers import PROVIDERS, offered_providers
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.models import User
from tenpo.people.queries import called

# Before the id of a saved method, where a provider's name would stand.
SAVED = "saved:"


class CancelForm(forms.Form):
    """Giving up one's own place, for what comes back of it (minor units) as it was seen."""

    agreed = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)

    def wanted(self) -> dict[str, Any]:
        """What was seen, as `cancel_booking` takes it."""
        return {"agreed": self.cleaned_data["agreed"]}


class HostCancelForm(CancelForm):
    """How a host cancels somebody's booking: as host, or for them, by their policy or letting them off."""

    AS_HOST, FOR_MEMBER, WAIVED = "host", "member", "waived"

    how = forms.ChoiceField(
        label=_("Why it is cancelled"),
        choices=[
            (AS_HOST, _("I cancel it: everything comes back")),
            (FOR_MEMBER, _("They asked me to: by the policy")),
            (WAIVED, _("They asked me to, and I let them off: everything comes back")),
        ],
        widget=forms.RadioSelect,
        initial=AS_HOST,
        required=False,
    )
    reason = forms.CharField(
        label=_("Why you let them off"), max_length=300, required=False, help_text=_("Whoever booked reads this.")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("how") == self.WAIVED and not cleaned.get("reason") and not self.errors:
            self.add_error("reason", _("Say in a few words why."))
        return cleaned

    def wanted(self) -> dict[str, Any]:
        """The choice as `cancel_booking` takes it; what was agreed to is what the policy gives back."""
        how = self.cleaned_data["how"]
        return {
            "for_member": how in (self.FOR_MEMBER, self.WAIVED),
            "waiver": self.cleaned_data["reason"] if how == self.WAIVED else "",
            "agreed": self.cleaned_data["agreed"] if how == self.FOR_MEMBER else None,
        }


class PaymentForm(CardForm):
    """How somebody pays, and the own share (minor units) that they saw when they chose.

    Of what they have saved, what they chose for it is offered first; what would not be there `before` it is not.
    """

    agreed = forms.IntegerField(min_value=0)
    keep_wallet = forms.BooleanField(required=False)
    keep = forms.BooleanField(
        label=_("Keep this card for next time"), required=False,
        help_text=_("Its number stays with the payment provider. You can remove it whenever you like."),
    )  # fmt: skip

    def __init__(
        self,
        data: Any = None,
        *,
        needs_payment: bool,
        has_agreed: bool = True,
        saved: Sequence[PaymentMethod] = (),
        before: datetime | None = None,
    ) -> None:
        self.saved = {f"{SAVED}{method.pk}": method for method in saved}
        choices = [(name, _("%(method)s, saved") % {"method": method}) for name, method in self.saved.items()]
        offered = offered_providers(before=before).values()
        super().__init__(data, choices=[*choices, *((provider.name, provider.label) for provider in offered)])
        self.keeps_cards = any(provider.keeps_methods for provider in offered_providers().values())
        self.fields["provider"].required = needs_payment
        self.fields["agreed"].required = has_agreed

    @property
    def provider_name(self) -> str:
        """The name of the provider that is asked."""
        chosen = str(self.cleaned_data.get("provider", ""))
        return self.saved[chosen].provider if chosen in self.saved else chosen

    @property
    def wants_to_keep(self) -> bool:
        """Whether the card that is entered now is kept for later."""
        return bool(self.cleaned_data.get("keep"))

    @property
    def source(self) -> str:
        chosen = self.cleaned_data.get("provider")
        return str(self.saved[chosen].pk) if chosen in self.saved else super().source


class PaymentFilter(forms.Form):
    """Which payments an admin wants to see."""

    q = forms.CharField(
        label=_("Who"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name or e-mail")}),
    )
    state = forms.ChoiceField(label=_("State"), required=False)
    provider = forms.ChoiceField(label=_("How"), required=False)
    since = DayField(label=_("From"), required=False)
    until = DayField(label=_("Until"), required=False)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        for name, choices in (
            ("state", [*Payment.State.choices, ("disputed", _("Disputed"))]),
            ("provider", [(provider.name, provider.label) for provider in PROVIDERS.values()]),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", _("All")), *choices]


def say_top_up_range() -> str:
    """How much can be paid into a wallet at once."""
    business = current_business()
    least, most = (say_money(Money(one, business.currency)) for one in (business.top_up_least, business.top_up_most))
    return gettext("Between %(least)s and %(most)s.") % {"least": least, "most": most}


class TopUpForm(OnceForm, PaymentForm):
    """How much goes into the wallet, and how it is paid."""

    amount = AmountField(label=_("Amount"))
    field_order = ["amount"]

    def __init__(self, data: Any = None, *, shown_to: User, saved: Sequence[PaymentMethod] = ()) -> None:
        super().__init__(data, needs_payment=True, has_agreed=False, saved=saved, shown_to=shown_to)
        self.fields["amount"].help_text = say_top_up_range()

    def choose(self, typed: str) -> None:
        """Have an amount stand in the form that was chosen by its link; what is none of those is left out."""
        if typed in {str(amount) for amount in self.usual}:
            self.initial["amount"] = int(typed)

    @property
    def usual(self) -> list[int]:
        """Amounts (minor units) that one can choose instead of typing them."""
        business = current_business()
        return round_amounts(business.top_up_least, business.top_up_most)


class AutoTopUpForm(forms.Form):
    """When a wallet is filled by itself, by how much and by what; and when its owner is told that little is left."""

    is_on = forms.BooleanField(label=_("Top up my wallet by itself"), required=False)
    threshold = AmountField(label=_("When less than this is left"))
    kind = forms.ChoiceField(label=_("Pay in"), choices=AutoTopUp.Kind, widget=forms.RadioSelect)
    amount = AmountField(label=_("Amount"))
    daily_cap = AmountField(label=_("At most on one day"))
    method = forms.ChoiceField(label=_("Paid with"), required=False)
    low_below = AmountField(
        label=_("Tell me when less than this is left"), required=False, help_text=_("Empty: you are not told.")
    )

    def __init__(
        self, data: Any = None, *, settings: AutoTopUp, saved: Sequence[PaymentMethod], typed: dict[str, Any]
    ) -> None:
        self.saved = {str(method.pk): method for method in saved}
        self.settings = settings
        now = {name: getattr(settings, name) for name in self.base_fields if name != "method"}
        super().__init__(data, initial=now | {"method": str(settings.method_id)} | typed)
        self.fields["amount"].help_text = say_top_up_range()
        if not self.saved:
            # What is not shown stays as it is.
            for name in ("threshold", "kind", "amount", "daily_cap"):
                self.fields[name].required = False
        method = self.fields["method"]
        assert isinstance(method, forms.ChoiceField)
        method.choices = [(name, str(one)) for name, one in self.saved.items()]

    @property
    def wish(self) -> TopUpWish:
        """What was typed."""
        typed, now = self.cleaned_data, self.settings
        amounts = {name: typed.get(name) for name in ("threshold", "amount", "daily_cap")}
        return TopUpWish(
            is_on=bool(typed["is_on"]),
            kind=typed.get("kind") or now.kind,
            low_below=typed.get("low_below"),
            method=self.saved.get(typed.get("method", "")),
            **{name: getattr(now, name) if amount is None else amount for name, amount in amounts.items()},
        )


# What a reader of a statement looks for.
MOVEMENTS = {
    "in": (_("Came in"), Q(credit__kind__in=WALLET)),
    "out": (_("Went out"), Q(debit__kind__in=WALLET)),
    "top_up": (_("Top-ups"), Q(kind=Transfer.Kind.TOP_UP)),
    "spent": (_("Spent"), Q(kind__in=[Transfer.Kind.WALLET_SPEND, Transfer.Kind.WALLET_RESERVE])),
    "back": (
        _("Came back"),
        Q(kind__in=[Transfer.Kind.WALLET_RESTORE, Transfer.Kind.WALLET_UNRESERVE, Transfer.Kind.WALLET_REFUND]),
    ),
    "given": (_("Given"), Q(kind__in=[Transfer.Kind.GRANT, Transfer.Kind.GRANT_BACK])),
}


class StatementFilter(forms.Form):
    """Which rows of a wallet's statement somebody wants to see."""

    what = forms.ChoiceField(
        label=_("What"), required=False, choices=[("", _("All")), *((k, words) for k, (words, _q) in MOVEMENTS.items())]
    )
    since = DayField(label=_("From"), required=False)
    until = DayField(label=_("Until"), required=False)

    def only(self) -> Q:
        """What the rows must be like; a field that makes no sense narrows nothing."""
        if not self.is_bound:
            return Q()
        self.is_valid()
        wanted = self.cleaned_data
        only = MOVEMENTS[wanted["what"]][1] if wanted.get("what") else Q()
        if since := wanted.get("since"):
            only &= Q(created_at__gte=midnight(since))
        if until := wanted.get("until"):
            only &= Q(created_at__lt=midnight(until, days_later=1))
        return only


class WalletFilter(forms.Form):
    """Whose wallets an admin wants to see."""

    q = forms.CharField(
        label=_("Who"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name or e-mail")}),
    )

    def narrow(self, people: QuerySet[User]) -> QuerySet[User]:
        """Those whom the words name."""
        return people.filter(called(self.cleaned_data.get("q", ""))) if self.is_valid() else people


class GrantForm(OnceForm):
    """Money to be given to somebody, and why."""

    amount = AmountField(label=_("Amount"))
    reason = forms.CharField(
        label=_("What for"), max_length=120, help_text=_("They read it, such as “Welcome” or “For the rain on Sunday”.")
    )
