"""What is asked of somebody who books a slot."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.schedule.find_queries import Option
from tenpo.schedule.slot_terms import MAX_ANSWER

# Choices up to so many stand below each other; more open as a list.
SHOWN_CHOICES = 6


class OptionForm(forms.Form):
    """With whom and where, if there is more than one way to have a time."""

    option = forms.ChoiceField(label=gettext_lazy("With whom?"), widget=forms.RadioSelect)

    def __init__(self, data: Any, *, options: Sequence[Option], typed: Mapping[str, str] | None = None) -> None:
        self.options = {option.name: option for option in options}
        before = (typed or {}).get("option", "")
        super().__init__(data, initial={"option": before if before in self.options else next(iter(self.options), "")})
        field = self.fields["option"]
        assert isinstance(field, forms.ChoiceField)
        coaches = {option.coach for option in options}
        places = {option.location for option in options}
        field.choices = [
            (name, _said(option, len(coaches) > 1, len(places) > 1)) for name, option in self.options.items()
        ]
        if len(places) > 1:
            field.label = _("With whom, and where?") if len(coaches) > 1 else _("Where?")
        # Of one there is nothing to choose.
        field.required = False

    @property
    def has_choice(self) -> bool:
        return len(self.options) > 1

    @property
    def is_lost(self) -> bool:
        """Whether just what was chosen is not there any more, while the time is."""
        return bool(self.options) and self.is_bound and "option" in self.errors

    @property
    def chosen(self) -> Option | None:
        """What was chosen, the first one where nothing was or where it is not there any more."""
        name = self.data.get("option", "") if self.is_bound else self.initial["option"]
        return self.options.get(name) or next(iter(self.options.values()), None)


def _said(option: Option, has_coaches: bool, has_places: bool) -> str:
    coach = str(option.coach) if option.coach and has_coaches else ""
    place = str(option.location or _("Online")) if has_places else ""
    return " · ".join(part for part in (coach, place) if part)


class AnswersForm(forms.Form):
    """The questions of a service; `answers` are by their keys, as the action takes them."""

    prefix = "q"

    def __init__(
        self, data: Any, *, questions: Sequence[Mapping[str, Any]], typed: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(data)
        for question in questions:
            key = question["key"]
            self.fields[key] = _field(question)
            # What somebody typed before they signed in.
            if (name := self.add_prefix(key)) in (typed or {}):
                self.initial[key] = (typed or {})[name]

    @property
    def answers(self) -> dict[str, Any]:
        return dict(self.cleaned_data)

    def refuse(self, error: ValidationError) -> bool:
        """Put what the action refused beside its questions; whether it concerned only them."""
        if not hasattr(error, "error_dict") or not error.error_dict.keys() <= self.fields.keys():
            return False
        for key, texts in error.message_dict.items():
            for text in texts:
                self.add_error(key, text)
        return True


def _field(question: Mapping[str, Any]) -> forms.Field:
    label, required = question["label"], bool(question.get("required"))
    if question["kind"] == "yes":
        messages = {"required": _("Without a yes it cannot be booked.")}
        return forms.BooleanField(label=label, required=required, error_messages=messages)
    messages = {"required": _("Please answer this.")}
    if question["kind"] == "choice":
        choices = [(option, option) for option in question["options"]]
        if len(choices) > SHOWN_CHOICES:
            choices.insert(0, ("", _("Please choose")))
            return forms.ChoiceField(label=label, required=required, choices=choices, error_messages=messages)
        return forms.ChoiceField(
            label=label, required=required, choices=choices, widget=forms.RadioSelect, error_messages=messages
        )
    area = forms.Textarea(attrs={"rows": 2})
    return forms.CharField(label=label, required=required, max_length=MAX_ANSWER, widget=area, error_messages=messages)
