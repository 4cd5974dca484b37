"""Fields of a rule of who earns what: it may be for what is offered, which `orders` does not know."""

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy

from tenpo.orders.forms import SplitRuleForm
from tenpo.orders.models import Line
from tenpo.schedule.models import Service


class SoldSplitRuleForm(SplitRuleForm):
    """A rule of who earns what, of anything, of a kind of thing, or of one service."""

    what = forms.ChoiceField(
        label=gettext_lazy("Of what"), required=False,
        help_text=gettext_lazy("A rule for one service goes before one for its kind, and that before any other."),
    )  # fmt: skip

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        services = Service.objects.offered().order_by("name", "id")
        what = self.fields["what"]
        assert isinstance(what, forms.ChoiceField)
        what.choices = [("", gettext_lazy("Anything")), (Line.Kind.SESSION, gettext_lazy("Sessions"))]
        if services:
            what.choices += [(gettext_lazy("One service"), [(str(one.pk), one.name) for one in services])]

    def wanted(self) -> dict[str, Any]:
        wanted = super().wanted()
        what = wanted.pop("what")
        is_kind = what in ("", *Line.Kind.values)
        return wanted | {
            "kind": what if is_kind else Line.Kind.SESSION,
            "offered_id": None if is_kind else UUID(what),
        }
