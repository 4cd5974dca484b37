from django import forms
from django.utils.translation import gettext_lazy as _

from tenpo.notify.models import Channel, Delivery


class DeliveryFilter(forms.Form):
    """Which deliveries to show; e-mails unless asked for others."""

    q = forms.CharField(
        label=_("To"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("A name or an address")}),
    )
    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("Any")), *Delivery.State.choices])
    channel = forms.ChoiceField(label=_("Channel"), required=False, choices=[*reversed(Channel.choices)])


class OutboxFilter(forms.Form):
    """Which events to show; those that have not arrived unless asked for others."""

    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[
            ("", _("Not arrived yet")), ("waiting", _("Waiting")), ("dead", _("Given up")), ("delivered", _("Arrived")),
        ],
    )  # fmt: skip
