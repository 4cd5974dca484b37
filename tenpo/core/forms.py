from datetime import date
from functools import cache, lru_cache
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.renderers import TemplatesSetting
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.business import current_business
from tenpo.core.money import parse_money, plain_amount
from tenpo.core.zones import all_zones


class FormRenderer(TemplatesSetting):
    """Draws forms and fields with Tenpo's templates; widgets stay Django's own, but no browser cuts what is pasted.

    How much a field takes is said to `letters.js`, which says when it is too much, and refused by the field itself.
    """

    form_template_name = "forms/form.html"
    formset_template_name = "forms/formset.html"
    field_template_name = "forms/field.html"

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        widget = context.get("widget", {})
        attrs = widget.get("attrs", {})
        if "maxlength" in attrs and widget.get("type") != "search":
            attrs["data-most"] = attrs.pop("maxlength")
        return super().render(template_name, context, request)


# At the very ends of the calendar the first sum of a day or change of zone overflows.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)


def one_of_these[F: forms.Field](field: F) -> F:
    """A field that may stay empty only where another one is filled in: it is not called optional."""
    field.is_one_of_these = True  # type: ignore[attr-defined]
    return field


class DayField(forms.DateField):
    """A day, chosen in the browser's own calendar."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"widget": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **kwargs})

    def clean(self, value: Any) -> date | None:
        day: date | None = super().clean(value)
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise ValidationError(_("Choose a year from 1970 to 2999."))
        return day


@cache
def known_zones() -> tuple[str, ...]:
    """The names of time zones that a person may choose from: UTC, and those with a place in their name."""
    places = (name for name in all_zones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return ("UTC", *sorted(places))


class LongSelect(forms.Select):
    """A choice among hundreds: its options are drawn once, as going through them would take most of a page's time."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        drawn: str = _options(tuple((str(key), str(label)) for key, label in self.choices))
        for chosen in self.format_value(value):
            marked = format_html('<option value="{}"', chosen)
            drawn = drawn.replace(f"{marked}>", f"{marked} selected>", 1)
        given = flatatt(self.build_attrs(self.attrs, attrs))
        opened = format_html('<select name="{}"{}>', name, given)
        return mark_safe(f"{opened}\n{drawn}\n</select>")  # noqa: S308 (all of it was escaped)


@lru_cache(maxsize=32)
def _options(choices: tuple[tuple[str, str], ...]) -> str:
    return format_html_join("\n", '<option value="{}">{}</option>', choices)


class ZoneField(forms.ChoiceField):
    """A time zone, by its name."""

    def __init__(self, **kwargs: Any) -> None:
        choices = [(name, name.replace("_", " ")) for name in known_zones()]
        super().__init__(**{"label": gettext_lazy("Time zone"), "choices": choices, "widget": LongSelect, **kwargs})


class AmountField(forms.CharField):
    """An amount of the business's currency as people type it ("12", "12.50", "12,50"); its value is minor units."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(**{"widget": widget, "max_length": 20, **kwargs})

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            amount = parse_money(text, current_business().currency)
        except ValueError:
            raise ValidationError(_("This is not an amount, such as 12.50.")) from None
        if amount < 0:
            raise ValidationError(_("An amount is not below zero."))
        return amount

    def prepare_value(self, value: Any) -> Any:
        return plain_amount(value, current_business().currency) if isinstance(value, int) else value
