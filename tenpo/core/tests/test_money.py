import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenpo.core.money import MAX_AMOUNT, apportion, format_money, parse_money, percent_of, round_amounts


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "shown"),
    [
        (1250, "EUR", "en", "€12.50"),
        (1200, "EUR", "en", "€12.00"),
        (-1250, "EUR", "en", "−€12.50"),
        (1250, "EUR", "de", "12,50\xa0€"),
        (1250, "JPY", "en", "¥1,250"),
        (1250, "KWD", "en", "KWD1.250"),
    ],
)
def test_amounts_are_shown_as_the_reader_writes_them(amount, currency, locale, shown):
    assert format_money(amount, currency, locale) == shown


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [("12", "EUR", 1200), ("12.5", "EUR", 1250), (" 12,50 ", "EUR", 1250), ("0", "EUR", 0), ("1250", "JPY", 1250)],
)
def test_typed_amounts_are_read_in_minor_units(text, currency, amount):
    assert parse_money(text, currency) == amount


@pytest.mark.parametrize(
    ("text", "currency"),
    [("", "EUR"), ("a", "EUR"), ("1.234", "EUR"), ("1.5", "JPY"), ("NaN", "EUR"), ("Infinity", "EUR"), ("1e99", "EUR"),
     (str(MAX_AMOUNT), "EUR"), ("1,000.00", "EUR"), ("1e9999999", "EUR"), ("1e-9999999", "EUR"), ("1e3", "EUR"),
     ("1_000", "EUR"), ("١٢", "EUR"), (".", "EUR"), ("9" * 400, "EUR"), ("0." + "0" * 400, "EUR")],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text, currency):
    with pytest.raises(ValueError, match="not an amount"):
        parse_money(text, currency)


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_parts_sum_to_the_whole_and_are_within_one_of_exact(total, weights):
    if sum(weights) == 0:
        total = 0

    parts = apportion(total, weights)

    assert sum(parts) == total
    assert all(
        abs(part * sum(weights) - total * weight) < max(sum(weights), 1)
        for part, weight in zip(parts, weights, strict=True)
    )


@given(st.integers(0, 10**9), st.integers(0, 100))
def test_a_percentage_stays_within_the_amount(amount, percent):
    part = percent_of(amount, percent)

    assert 0 <= part <= amount
    assert abs(part * 100 - amount * percent) <= 50


@pytest.mark.parametrize(
    ("least", "most", "amounts"),
    [
        (500, 50_000, [2_000, 5_000, 10_000]),
        (1_000, 10_000, [1_000, 2_000, 5_000]),
        (1_000, 2_000, [1_000, 2_000]),
        (1_100, 1_900, []),
        (1, 1, [1]),
        (5_000, 5_000, [5_000]),
        (2, 1, []),
    ],
)
def test_easy_amounts_are_from_the_middle_of_what_is_allowed(least, most, amounts):
    assert round_amounts(least, most) == amounts


def test_half_a_unit_is_rounded_up():
    assert percent_of(5, 50) == 3


@pytest.mark.parametrize(
    "weights", [(15, 15, 70), (1, 1, 1), (50, 50), (33, 67), (1, 99), (7, 11, 13, 29, 40)], ids=str
)
def test_every_amount_is_divided_without_a_cent_lost(weights):
    for amount in range(1, 10_001):
        parts = apportion(amount, weights)

        assert sum(parts) == amount
        assert all(abs(p * sum(weights) - amount * w) < sum(weights) for p, w in zip(parts, weights, strict=True))
