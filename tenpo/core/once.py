"""One thing for one form, however often it is sent: by a reload, from two tabs, by an impatient finger.

The id of what a form makes is in it since it was shown; what bears that id already is what it made before.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from tenpo.core.errors import RuleError
from tenpo.core.tokens import new_id


class OnceForm(forms.Form):
    """A form that makes one thing; `cleaned_data["once"]` is the id that it shall have, for its action.

    The id is ours, for this form and for whoever it was shown to: it is signed, so that nobody gives a row an id of
    their choice. A form without one is taken for a new one.
    """

    once = forms.CharField(widget=forms.HiddenInput, required=False, max_length=120)

    def __init__(self, *args: Any, shown_to: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._signer = Signer(salt=f"once:{type(self).__name__}:{shown_to.pk}")
        self.initial["once"] = self._signer.sign(str(new_id()))

    def clean_once(self) -> UUID:
        signed = self.cleaned_data["once"]
        if not signed:
            return new_id()
        try:
            return UUID(self._signer.unsign(signed))
        except BadSignature:
            raise ValidationError(_("A part of this form that you do not see was lost. Open the page again.")) from None


def made_before[M: Model](rows: QuerySet[M], once: UUID | None, **wanted: Any) -> M | None:
    """What a form made when it was sent before; call it under a lock that whoever sends it again waits for.

    Raises RuleError "sent_before" when it made something else than what is `wanted` now.
    """
    row = rows.filter(pk=once).first() if once else None
    if row is not None and any(getattr(row, name) != value for name, value in wanted.items()):
        raise RuleError(
            "sent_before", _("This was sent before, and differed. Open the page again to send another one.")
        )
    return row
