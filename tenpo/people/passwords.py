"""Passwords that anybody would try here first."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tenpo.core.business import current_business
from tenpo.people.models import User

# Beside the name of the business. They may be part of a password, but not what it is made of.
WORDS = ("tenpo", "password", "passwort", "welcome", "willkommen", "admin", "coach", "member")
LEFT_MIN = 8


class ContextWordsValidator:
    """Refuses a password of which little is left without the words that everybody here knows."""

    def validate(self, password: str, user: User | None = None) -> None:
        left = password.casefold()
        name = (word for word in current_business().name.casefold().split() if len(word) > 2)
        for word in sorted({*WORDS, *name}, key=len, reverse=True):
            left = left.replace(word, "")
        if len("".join(left.split())) < LEFT_MIN:
            words = _("Anybody here would guess this. Put some other words together.")
            raise ValidationError(words, code="known_words")

    def get_help_text(self) -> str:
        return _("Not just the name of the business, or words like “password”.")
