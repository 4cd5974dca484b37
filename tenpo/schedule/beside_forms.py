"""Who is chosen to give a session with its coach: the field, where there is anybody, and somebody who may say so."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy

from tenpo.people.models import User
from tenpo.schedule.models import Session
from tenpo.schedule.permissions import can_choose_coaches


class BesideField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Who gives it with its coach."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=gettext_lazy("Given with"), required=False, widget=forms.CheckboxSelectMultiple,
            help_text=gettext_lazy("They are told, and their time is taken. What it earns is divided among you."),
            **kwargs,
        )  # fmt: skip


def beside_field(viewer: User) -> dict[str, forms.Field]:
    """Who may be chosen by somebody who offers something, where there is anybody."""
    others = User.objects.coaches().active().order_by("name", "id")
    others = others if viewer.is_admin else others.exclude(pk=viewer.pk)
    return {"beside": BesideField(queryset=others)} if others.exists() else {}


def beside_field_of(viewer: User, session: Session) -> dict[str, forms.Field]:
    """The same for a session that is there, where the viewer says who gives it; also who gives it already."""
    if not session.is_planned or not can_choose_coaches(viewer, session):
        return {}
    here = Q(pk__in=User.objects.coaches().active().values("pk")) | Q(pk__in=session.coach_ids)
    others = User.objects.filter(here).exclude(pk=session.coach_id).order_by("name", "id")
    return {"beside": BesideField(queryset=others)} if others.exists() else {}
