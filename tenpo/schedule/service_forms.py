"""Fields of services: lengths, prices by group size, who gives them and where, what is asked."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Field
from django.forms.utils import ErrorDict
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.business import current_business
from tenpo.core.forms import AmountField
from tenpo.core.words import say_duration
from tenpo.people.models import User
from tenpo.schedule.actions.service_checks import MAX_LABEL, Offer
from tenpo.schedule.forms import CoachField, policy_field
from tenpo.schedule.made_by_forms import creator_field
from tenpo.schedule.models import Location, Room, Service
from tenpo.schedule.service_models import MAX_GROUP, MAX_NOTICE_MINUTES, MAX_QUESTIONS

FIRST_PRICES, FIRST_QUESTIONS, MORE_ROWS = 2, 1, 2
MAX_PRICE_ROWS = 12
HOUR, DAY = 60, 24 * 60
NOTICES = (0, HOUR, 2 * HOUR, 4 * HOUR, 12 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY)
PLAIN = (
    "name", "description", "format", "durations", "price_basis", "capacity", "buffer_before", "buffer_after",
    "notice_minutes", "window_days", "step_minutes", "most_per_day", "most_per_week", "most_in_series", "open_to",
    "needs_approval", "repeats_intro",
    "join_link", "cancellation_policy", "locations", "rooms",
)  # fmt: skip


def of_service(name: str, **kwargs: Any) -> forms.Field:
    """The form field of a service's own field, with its limits and its label."""
    field = Service._meta.get_field(name)
    assert isinstance(field, Field)
    made = field.formfield(**kwargs)
    assert made is not None
    return made


class DurationsField(forms.CharField):
    """Lengths in minutes as people type them: "60, 90"."""

    def clean(self, value: Any) -> list[int]:
        text = super().clean(value)
        try:
            return [int(part) for part in text.replace(";", ",").split(",") if part.strip()]
        except ValueError:
            raise ValidationError(_("These are not minutes, such as 60 or 60, 90.")) from None

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value


class RoomsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Rooms by the name of their place."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.location} · {obj}"


class ServiceForm(forms.Form):
    """A service, offered or edited. Rows that are empty say nothing; further ones are asked for by a button."""

    name = of_service("name")
    description = of_service("description", widget=forms.Textarea(attrs={"rows": 4}))
    format = of_service("format")
    durations = DurationsField(
        label=gettext_lazy("Lengths"), max_length=60, help_text=gettext_lazy("In minutes, the usual one first."),
        initial="60",
    )  # fmt: skip
    price_basis = of_service("price_basis", widget=forms.RadioSelect)
    capacity = of_service("capacity")
    coaches = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Coaches"), queryset=User.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    coaches_rule = of_service("coaches_rule")
    locations = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Places"), queryset=Location.objects.none(), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    rooms = RoomsField(
        label=gettext_lazy("Rooms"), queryset=Room.objects.none(), required=False,
        widget=forms.CheckboxSelectMultiple, help_text=gettext_lazy("Any one of these must be free as well."),
    )  # fmt: skip
    join_link = of_service(
        "join_link", widget=forms.URLInput(attrs={"placeholder": "https://"}), assume_scheme="https",
        help_text=gettext_lazy("Shown to those who booked."),
    )  # fmt: skip
    notice_minutes = forms.TypedChoiceField(label=gettext_lazy("Notice"), coerce=int, initial=4 * HOUR)
    window_days = of_service("window_days")
    step_minutes = of_service("step_minutes")
    buffer_before = of_service("buffer_before")
    buffer_after = of_service("buffer_after")
    most_per_day = of_service("most_per_day", min_value=1)
    most_per_week = of_service("most_per_week", min_value=1)
    most_in_series = of_service(
        "most_in_series", initial=1, required=False,
        help_text=gettext_lazy("The same time every week or second week, booked at once. 1: one by one."),
    )  # fmt: skip
    open_to = of_service("open_to", widget=forms.RadioSelect)
    needs_approval = of_service("needs_approval")
    repeats_intro = of_service(
        "repeats_intro",
        help_text=gettext_lazy("Of an intro that visitors book without an account: otherwise one for each and coach."),
    )
    cancellation_policy = policy_field()
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, viewer: User, service: Service | None = None,
        offer: Offer | None = None,
    ) -> None:  # fmt: skip
        initial = _initial(service, offer) if service and offer else {}
        super().__init__(data, initial=initial)
        self.viewer, self.currency = viewer, service.currency if service else current_business().currency
        self._choices_of(viewer, initial.get("notice_minutes"), service)
        self.price_count = self._count("people", len(offer.prices) + 1 if offer else FIRST_PRICES, MAX_PRICE_ROWS)
        first = len(service.questions) + 1 if service else FIRST_QUESTIONS
        self.question_count = self._count("question", first, MAX_QUESTIONS)
        for number in range(self.price_count):
            self._add_price(number)
        for number in range(self.question_count):
            self._add_question(number)
        if self.asks_for_rows:
            # Whoever only wants a further row has done nothing wrong yet.
            self._errors = ErrorDict()

    def _choices_of(self, viewer: User, notice: int | None, service: Service | None) -> None:
        """What may be chosen: who, where, and how long ahead."""
        if viewer.is_admin:
            coaches = self.fields["coaches"]
            assert isinstance(coaches, forms.ModelMultipleChoiceField)
            coaches.queryset = CoachField().queryset
        else:
            del self.fields["coaches"], self.fields["coaches_rule"]
        self.fields |= creator_field(viewer, service.creator_id if service else None)
        for name, rows in (
            ("locations", Location.objects.open().order_by("name", "id")),
            ("rooms", Room.objects.open().select_related("location").order_by("location__name", "name", "id")),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ModelMultipleChoiceField)
            field.queryset = rows
        known = sorted({*NOTICES, *([notice] if notice is not None and notice <= MAX_NOTICE_MINUTES else ())})
        chosen = self.fields["notice_minutes"]
        assert isinstance(chosen, forms.TypedChoiceField)
        ahead = gettext_lazy("ahead")
        chosen.choices = [
            (minutes, format_lazy("{} {}", say_duration(minutes), ahead) if minutes else gettext_lazy("None"))
            for minutes in known
        ]

    def _count(self, name: str, first: int, most: int) -> int:
        """How many rows of a kind are drawn: as many as were sent, and some more where they were asked for."""
        if not self.is_bound:
            return min(first, most)
        sent = [int(found[1]) + 1 for key in self.data if (found := re.fullmatch(rf"{name}_(\d{{1,2}})", key))]
        more = MORE_ROWS if self.data.get("more") == name else 0
        return min(max(sent, default=1) + more, most)

    def _add_price(self, number: int) -> None:
        is_first = number == 0
        self.fields[f"people_{number}"] = forms.IntegerField(
            label=gettext_lazy("People"), min_value=1, max_value=MAX_GROUP, required=is_first,
            initial=1 if is_first else None,
        )  # fmt: skip
        self.fields[f"amount_{number}"] = AmountField(label=gettext_lazy("All together"), required=is_first)

    def _add_question(self, number: int) -> None:
        self.fields[f"question_{number}"] = forms.CharField(
            label=gettext_lazy("Question"), max_length=MAX_LABEL, required=False
        )
        kinds = [
            ("text", gettext_lazy("Words")), ("choice", gettext_lazy("A choice")), ("yes", gettext_lazy("Yes or no")),
        ]  # fmt: skip
        self.fields[f"kind_{number}"] = forms.ChoiceField(
            label=gettext_lazy("Answer"), choices=kinds, required=False, initial="text"
        )
        self.fields[f"options_{number}"] = forms.CharField(
            label=gettext_lazy("To choose from"), max_length=1_000, required=False,
            widget=forms.TextInput(attrs={"placeholder": gettext_lazy("Running, Yoga, Something else")}),
        )  # fmt: skip
        self.fields[f"required_{number}"] = forms.BooleanField(label=gettext_lazy("Must be answered"), required=False)
        self.fields[f"key_{number}"] = forms.CharField(max_length=80, required=False, widget=forms.HiddenInput)

    @property
    def asks_for_rows(self) -> bool:
        """Whether further rows were asked for, and nothing is to be saved."""
        return self.is_bound and self.data.get("more") in ("people", "question")

    def prices(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """The fields of each group size, side by side."""
        return [(self[f"people_{number}"], self[f"amount_{number}"]) for number in range(self.price_count)]

    def questions(self) -> list[dict[str, forms.BoundField]]:
        """The fields of each question."""
        names = ("question", "kind", "options", "required")
        return [{name: self[f"{name}_{number}"] for name in names} for number in range(self.question_count)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["prices"] = prices = {}
        for number in range(self.price_count):
            people, amount = cleaned.get(f"people_{number}"), cleaned.get(f"amount_{number}")
            if (people is None) != (amount is None) and not self.errors.keys() & {
                f"people_{number}", f"amount_{number}",
            }:  # fmt: skip
                self.add_error(f"amount_{number}", _("Fill in both, or neither."))
            elif people in prices:
                self.add_error(f"people_{number}", _("Each group size has one price."))
            elif people is not None and amount is not None:
                prices[people] = amount
        return cleaned

    def terms(self) -> Any:
        """The whole service, as the actions take it."""
        known = self.cleaned_data
        values = {name: known[name] for name in PLAIN} | {"most_in_series": known["most_in_series"] or 1}
        is_admin = "coaches" in self.fields
        return {
            **values,
            "prices": known["prices"],
            "questions": [
                self._question(number) for number in range(self.question_count) if known[f"question_{number}"]
            ],
            "coaches": list(known["coaches"]) if is_admin else [self.viewer],
            **({name: known[name] for name in ("coaches_rule", "creator")} if is_admin else {}),
        }

    def _question(self, number: int) -> dict[str, Any]:
        known = self.cleaned_data
        kind = known[f"kind_{number}"] or "text"
        return {
            "key": known[f"key_{number}"],
            "label": known[f"question_{number}"],
            "kind": kind,
            "required": known[f"required_{number}"],
            "options": known[f"options_{number}"].split(",") if kind == "choice" else [],
        }


def _initial(service: Service, offer: Offer) -> dict[str, Any]:
    values = {name: getattr(service, name) for name in PLAIN if name not in ("locations", "rooms")}
    values |= {
        "version": service.version,
        "coaches_rule": service.coaches_rule,
        "creator": service.creator_id,
        "coaches": [coach.pk for coach in offer.coaches],
        "locations": [place.pk for place in offer.locations],
        "rooms": [room.pk for room in offer.rooms],
    }
    for number, (people, amount) in enumerate(sorted(offer.prices.items())):
        values |= {f"people_{number}": people, f"amount_{number}": amount}
    for number, asked in enumerate(service.questions):
        values |= {
            f"question_{number}": asked["label"],
            f"kind_{number}": asked["kind"],
            f"options_{number}": ", ".join(asked["options"]),
            f"required_{number}": asked["required"],
            f"key_{number}": asked["key"],
        }
    return values
