from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils.translation import override

from tenpo.core.words import say_when
from tenpo.orders.cancelling import Policy, Window
from tenpo.orders.policy_words import describe_policy, say_of_each, say_policy

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
THURSDAY = datetime(2026, 11, 26, 18, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def policy(*rows: tuple[int, int] | tuple[int, int, str], **rules: int) -> Policy:
    return Policy(tuple(Window(*row) for row in rows), **rules)


def said(one: Policy, *, zone: ZoneInfo = UTC_ZONE, now: datetime = NOW, to: str = "credit", misses: int = 0) -> str:
    return say_policy(one, THURSDAY, zone, now=now, to=to, misses=misses)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [(48, 100), (24, 50), (0, 0)],
            "Free until Tuesday 18:00; after that half comes back as credit; from Wednesday 18:00 nothing.",
        ),
        ([(24, 100), (0, 0)], "Free until Wednesday 18:00; after that nothing."),
        ([(24, 30)], "Until Wednesday 18:00 30% comes back as credit; after that nothing."),
        ([(72, 100), (24, 100), (0, 0)], "Free until Wednesday 18:00; after that nothing."),
        (
            [(48, 100), (24, 50), (2, 20)],
            "Free until Tuesday 18:00; after that half comes back as credit; from Wednesday 18:00 20%; "
            "from Thursday 16:00 nothing.",
        ),
        ([(0, 0)], "Nothing comes back when you cancel."),
        (
            [(48, 100, "method"), (24, 50, "credit"), (2, 20)],
            "Free until Tuesday 18:00; after that half comes back as credit; from Wednesday 18:00 20%; "
            "from Thursday 16:00 nothing.",
        ),
        (
            [(108, 100, "method"), (48, 100, "wallet"), (24, 50, "wallet"), (1, 10)],
            "Free until Sunday 06:00; after that everything comes back to your wallet; from Tuesday 18:00 half; "
            "from Wednesday 18:00 10% as credit; from Thursday 17:00 nothing.",
        ),
    ],
)
def test_windows_become_one_sentence(rows, sentence):
    assert said(policy(*rows), now=NOW) == sentence


def test_windows_that_are_over_are_left_out():
    late = THURSDAY - timedelta(hours=30)

    assert said(policy((48, 100), (24, 50), (0, 0)), now=late) == (
        "Until today 18:00 half comes back as credit; after that nothing."
    )
    assert said(policy((48, 100), (0, 0)), now=late) == "Nothing comes back when you cancel."


def test_what_is_not_simply_free_any_more_says_where_it_goes():
    """The longest notice would have given it back the way it was paid."""
    late = THURSDAY - timedelta(hours=100)

    assert said(policy((168, 100, "method"), (48, 100, "credit"), (0, 0)), now=late) == (
        "Until Tuesday 18:00 everything comes back as credit; after that nothing."
    )


def test_the_readers_zone_counts():
    assert said(policy((48, 100), (0, 0)), zone=ZoneInfo("Asia/Tokyo")) == (
        "Free until Wednesday 03:00; after that nothing."
    )


def test_a_policy_by_itself():
    one = policy((48, 100), (24, 50, "credit"), (0, 0), no_show_percent=20, grace_count=2, grace_days=90)

    assert describe_policy(policy((168, 100), (1, 0))) == "Free until 7 days before; after that nothing."
    assert describe_policy(one) == (
        "Free until 48 hours before; after that half comes back as credit until 24 hours before; later nothing. "
        "If you do not come, 20% comes back. Your first 2 late cancellations or no-shows in 90 days cost nothing."
    )


def test_several_dates_are_said_in_hours_and_once_where_the_same_holds():
    same, other = (describe_policy(policy(*rows), to="credit") for rows in ([(48, 100), (0, 0)], [(24, 30), (0, 0)]))
    dates = [THURSDAY + timedelta(weeks=n) for n in range(3)]

    assert say_of_each([(at, same) for at in dates]) == (
        "For each date: free until 48 hours before; after that nothing."
    )
    assert say_of_each([(dates[0], same), (dates[1], other), (dates[2], same)]) == (
        f"{say_when(dates[0])}; {say_when(dates[2])}: Free until 48 hours before; after that nothing. "
        f"{say_when(dates[1])}: Until 24 hours before 30% comes back as credit; after that nothing."
    )


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [(48, 100), (24, 50), (0, 0)],
            "Free until 48 hours before; after that half comes back until 24 hours before; later nothing.",
        ),
        (
            [(168, 100), (72, 50, "wallet"), (24, 20, "wallet"), (2, 10, "credit")],
            "Free until 7 days before; after that half comes back to your wallet until 3 days before; "
            "after that 20% comes back until 24 hours before; "
            "after that 10% comes back as credit until 2 hours before; later nothing.",
        ),
        (
            [(48, 100), (0, 50)],
            "Free until 48 hours before; after that half comes back. If you do not come, nothing comes back.",
        ),
        ([(48, 100), (0, 0)], "Free until 48 hours before; after that nothing."),
    ],
)
def test_a_policy_by_itself_says_until_when_each_of_its_windows_holds(rows, sentence):
    assert describe_policy(policy(*rows)) == sentence


def test_a_policy_by_itself_in_german():
    with override("de"):
        assert describe_policy(policy((48, 100), (24, 50), (0, 0))) == (
            "Kostenlos bis 48 Stunden vorher; danach kommt bis 24 Stunden vorher die Hälfte zurück; später nichts."
        )


@pytest.mark.parametrize(
    ("to", "place"), [("credit", "as credit"), ("wallet", "to your wallet"), ("method", "the way you paid")]
)
def test_it_says_where_it_goes(to, place):
    sentences = [said(policy(*rows), to=to) for rows in ([(48, 100), (2, 50)], [(24, 30)], [(0, 30)])]

    assert sentences == [
        f"Free until Tuesday 18:00; after that half comes back {place}; from Thursday 16:00 nothing.",
        f"Until Wednesday 18:00 30% comes back {place}; after that nothing.",
        f"Until it starts 30% comes back {place}. If you do not come, nothing comes back.",
    ]
    assert said(policy((24, 0), no_show_percent=10), to=to) == (
        f"Nothing comes back when you cancel. If you do not come, 10% comes back {place}."
    )


@pytest.mark.parametrize(
    ("count", "misses", "sentence"),
    [
        (1, 0, "Your first late cancellation or no-show in 90 days costs nothing."),
        (3, 0, "Your first 3 late cancellations or no-shows in 90 days cost nothing."),
        (3, 1, "2 more late cancellations or no-shows in 90 days cost you nothing."),
        (3, 2, "1 more late cancellation or no-show in 90 days costs you nothing."),
        (1, 1, "Your free late cancellations and no-shows in 90 days are used up."),
        (1, 4, "Your free late cancellations and no-shows in 90 days are used up."),
    ],
)
def test_it_says_how_many_cost_nothing_and_how_many_are_left(count, misses, sentence):
    one = policy((48, 100), (0, 0), grace_count=count, grace_days=90)

    assert said(one, misses=misses) == f"Free until Tuesday 18:00; after that nothing. {sentence}"


def test_a_moved_start_frees_until_it_starts():
    one = policy((48, 100), (0, 50))

    words = say_policy(one, THURSDAY, UTC_ZONE, now=THURSDAY - timedelta(hours=1), to="credit", was_moved=True)

    assert words == (
        "It was changed after you booked: until the start, cancelling gives everything back. "
        "If you do not come, nothing comes back."
    )
