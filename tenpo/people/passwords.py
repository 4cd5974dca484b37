"""Passwords that would be guessed: by anybody here, or by a program that knows how people choose them."""

import re
from threading import Lock

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tenpo.core.business import current_business
from tenpo.people.models import User

# Beside the name of the business and one's own. They may be part of a password, but not what it is made of.
WORDS = ("tenpo", "password", "passwort", "welcome", "willkommen", "admin", "coach", "member")
LEFT_MIN = 8
# A program that guesses as people choose needs more tries than this.
GUESSES_MIN = 10**10
# What is looked at: what comes after it makes a password only better, and costs much to look at.
LOOKED_AT = 72
# zxcvbn keeps the words that it is given in one place for all.
_one_at_a_time = Lock()


def _known_words(user: User | None) -> list[str]:
    """What everybody here knows, and whoever knows `user`; the longest first."""
    named = f"{current_business().name} {user.name} {user.email}" if user else current_business().name
    parts = (part for part in re.split(r"[\W_]+", named.casefold()) if len(part) > 2)
    return sorted({*WORDS, *parts}, key=len, reverse=True)


class ContextWordsValidator:
    """Refuses a password of which little is left without the words that everybody here knows."""

    def validate(self, password: str, user: User | None = None) -> None:
        left = password.casefold()
        for word in _known_words(user):
            left = left.replace(word, "")
        if len("".join(left.split())) < LEFT_MIN:
            words = _("Anybody here would guess this. Put some other words together.")
            raise ValidationError(words, code="known_words")

    def get_help_text(self) -> str:
        return _("Not just the name of the business, your own, or words like “password”.")


class GuessesValidator:
    """Refuses a long password that is short to guess: one that many have, one word twice, rows of keys, a date."""

    def validate(self, password: str, user: User | None = None) -> None:
        # It breaks on nothing at all, which is too short by another rule.
        if not password:
            return
        # Its lists take a tenth of a second and some megabytes, which only who chooses a password needs.
        from zxcvbn import zxcvbn  # noqa: PLC0415

        with _one_at_a_time:
            found = zxcvbn(password[:LOOKED_AT], user_inputs=_known_words(user))
        if found["guesses"] < GUESSES_MIN:
            words = _("Long, but soon guessed: many choose this, or a pattern like it. Put four odd words together.")
            raise ValidationError(words, code="soon_guessed")

    def get_help_text(self) -> str:
        return _("Not what many choose, and no pattern: no word twice, no row of keys, no date.")
