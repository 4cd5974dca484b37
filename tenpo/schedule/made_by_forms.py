"""Who made what is offered: the field, where somebody may say so."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy

from tenpo.people.models import User


class CreatorField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Who made it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=gettext_lazy("Made by"), required=False, empty_label=gettext_lazy("Whoever gives it"),
            help_text=gettext_lazy("They earn a share of it also where somebody else gives it, as the rules say."),
            **kwargs,
        )  # fmt: skip


def creator_field(viewer: User, creator_id: Any = None) -> dict[str, forms.Field]:
    """Who may be named by an admin; also who was already, should they have left."""
    if not viewer.is_admin:
        return {}
    here = Q(pk__in=User.objects.coaches().active().values("pk")) | Q(pk=creator_id)
    return {"creator": CreatorField(queryset=User.objects.filter(here).order_by("name", "id"))}
