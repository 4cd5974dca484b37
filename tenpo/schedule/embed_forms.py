"""Where and how booking is shown on other sites."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenpo.core.limits import ORIGINS_OF_AN_EMBED
from tenpo.people.models import User
from tenpo.schedule.embed_models import MAX_HUE, MAX_ORIGIN, Embed
from tenpo.schedule.models import Service
from tenpo.schedule.service_queries import services_for_sites


class EmbedForm(forms.Form):
    """A piece of another site: what it shows, where, and how it looks."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("For yourself, to tell several apart."))
    coach = forms.ModelChoiceField(
        label=_("Coach"), queryset=User.objects.none(), required=False, empty_label=_("Everybody")
    )
    service = forms.ModelChoiceField(
        label=_("What it shows"), queryset=Service.objects.none(), required=False,
        empty_label=_("Everything that is open to visitors"),
    )  # fmt: skip
    origins = forms.CharField(
        label=_("Sites that may show it"), max_length=(MAX_ORIGIN + 2) * ORIGINS_OF_AN_EMBED,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "https://example.com"}),
        help_text=_("One on each line, with https. On every other site nothing is shown."),
    )  # fmt: skip
    theme = forms.ChoiceField(label=_("Colours"), choices=Embed.Theme, initial=Embed.Theme.AUTO)
    accent_hue = forms.IntegerField(
        label=_("Accent"), min_value=0, max_value=MAX_HUE, required=False,
        help_text=_("A hue from 0 to 359; empty, it is the colour of the business."),
    )  # fmt: skip
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any = None, *, viewer: User, embed: Embed | None = None) -> None:
        initial: dict[str, Any] = {}
        if embed is not None:
            initial = {name: getattr(embed, name) for name in ("name", "theme", "accent_hue", "version")}
            initial |= {"coach": embed.coach_id, "service": embed.service_id, "origins": "\n".join(embed.origins)}
        super().__init__(data, initial=initial)
        self.viewer = viewer
        if viewer.is_admin:
            self._choose("coach", User.objects.coaches().active())
        else:
            del self.fields["coach"]
        self._choose("service", services_for_sites(viewer))

    def _choose(self, name: str, rows: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = rows.order_by("name", "id")

    @property
    def shows_anything(self) -> bool:
        """Whether there is a service that visitors may see."""
        return services_for_sites(self.viewer).exists()

    def terms(self) -> Any:
        """As the actions take them."""
        known = self.cleaned_data
        return {
            "name": known["name"],
            "coach": known["coach"] if self.viewer.is_admin else self.viewer,
            "service": known["service"],
            "origins": known["origins"].split(),
            "theme": known["theme"],
            "accent_hue": known["accent_hue"],
        }
