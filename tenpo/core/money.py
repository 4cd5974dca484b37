"""Money: a whole number of minor units with its currency."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision
from django.utils.translation import get_language, to_locale

MAX_AMOUNT = 10**12
# Digits with one separator; no power of ten, which a few signs would make longer than any memory.
_AMOUNT = re.compile(r"[+-]?([0-9]{1,24}(\.[0-9]{0,12})?|\.[0-9]{1,12})")


@dataclass(frozen=True, order=False)
class Money:
    """An amount in minor units (cents, yen) of one currency (ISO 4217)."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return format_money(self.amount, self.currency)


def minor_digits(currency: str) -> int:
    """How many decimals the currency has: EUR 2, JPY 0, KWD 3."""
    return get_currency_precision(currency)


def format_money(amount: int, currency: str, locale: str | None = None) -> str:
    """The amount as the reader writes it: "€12.50"; whole amounts keep their decimals, minus is a true minus."""
    value = Decimal(amount).scaleb(-minor_digits(currency))
    shown = format_currency(value, currency, locale=locale or to_locale(get_language() or "en"))
    return shown.replace("-", "\N{MINUS SIGN}")


def parse_money(text: str, currency: str) -> int:
    """Minor units from what a person typed ("12", "12.5", "12,50").

    Raises ValueError for anything else, for more decimals than the currency has, and beyond `MAX_AMOUNT`.
    """
    plain = text.strip().replace(",", ".")
    if not _AMOUNT.fullmatch(plain):
        raise ValueError(f"not an amount: {text!r}")
    value = Decimal(plain).scaleb(minor_digits(currency))
    if value != value.to_integral_value() or abs(value) > MAX_AMOUNT:
        raise ValueError(f"not an amount of {currency}: {text!r}")
    return int(value)


def plain_amount(amount: int, currency: str) -> str:
    """Minor units as one would type them: "12.50", "12" when there are no cents."""
    digits = minor_digits(currency)
    whole, rest = divmod(amount, 10**digits)
    return f"{whole}.{rest:0{digits}}" if rest else str(whole)


def major_units(amount: int, currency: str) -> Decimal:
    """An amount as a spreadsheet reads it: a number of whole units, with all of its cents: "8.00"."""
    return Decimal(amount).scaleb(-minor_digits(currency))


def round_amounts(least: int, most: int, *, n: int = 3) -> list[int]:
    """Up to `n` amounts that are easy to say (1, 2 or 5 and zeros), from the middle of what is allowed."""
    tens = (10**power for power in range(len(str(most))))
    easy = [one for ten in tens for one in (ten, 2 * ten, 5 * ten) if least <= one <= most]
    first = max(0, (len(easy) - n) // 2)
    return easy[first : first + n]


def percent_of(amount: int, percent: Decimal | int) -> int:
    """`percent` of a whole amount, half a minor unit rounded up."""
    return int((Decimal(amount) * Decimal(percent) / 100 + Decimal("0.5")) // 1)


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to `weights` so that the parts sum to it (largest remainder, first wins ties)."""
    weight_sum = sum(weights)
    if weight_sum == 0:
        assert total == 0, "nothing to apportion by"
        return [0] * len(weights)
    parts = [total * weight // weight_sum for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(total * weights[i] % weight_sum))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts
