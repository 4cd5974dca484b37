from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tenpo.orders.policies import Window
from tenpo.orders.words import describe_policy, describe_windows

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
THURSDAY = datetime(2026, 11, 26, 18, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def windows(*rows: tuple[int, int]) -> list[Window]:
    return [Window(hours_before=hours, percent=percent) for hours, percent in rows]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [(48, 100), (24, 50), (0, 0)],
            "Free until Tuesday 18:00; after that half comes back as credit; from Wednesday 18:00 nothing.",
        ),
        ([(48, 100), (0, 50)], "Free until Tuesday 18:00; after that half comes back as credit."),
        ([(24, 100), (0, 0)], "Free until Wednesday 18:00; after that nothing."),
        ([(24, 30)], "Until Wednesday 18:00 30% comes back as credit; after that nothing."),
        ([(72, 100), (24, 100), (0, 0)], "Free until Wednesday 18:00; after that nothing."),
        (
            [(48, 100), (24, 50), (2, 20)],
            "Free until Tuesday 18:00; after that half comes back as credit; from Wednesday 18:00 20%; "
            "from Thursday 16:00 nothing.",
        ),
        ([(0, 100)], "Free until it starts."),
        ([(0, 0)], "Nothing comes back when you cancel."),
    ],
)
def test_windows_become_one_sentence(rows, said):
    assert describe_windows(windows(*rows), THURSDAY, UTC_ZONE, now=NOW) == said


def test_windows_that_are_over_are_left_out():
    late = THURSDAY - timedelta(hours=30)

    said = describe_windows(windows((48, 100), (24, 50), (0, 0)), THURSDAY, UTC_ZONE, now=late)

    assert said == "Until today 18:00 half comes back as credit; after that nothing."
    assert describe_windows(windows((48, 100), (0, 0)), THURSDAY, now=late) == "Nothing comes back when you cancel."


def test_the_readers_zone_counts():
    said = describe_windows(windows((48, 100), (0, 0)), THURSDAY, ZoneInfo("Asia/Tokyo"), now=NOW)

    assert said == "Free until Wednesday 03:00; after that nothing."


def test_a_policy_by_itself():
    assert describe_policy(windows((48, 100), (24, 50), (0, 0))) == (
        "Free until 48 hours before; after that half comes back; later than that nothing."
    )


@pytest.mark.parametrize(
    ("to", "place"), [("credit", "as credit"), ("wallet", "to your wallet"), ("method", "the way you paid")]
)
def test_it_says_where_it_goes(to, place):
    said = [describe_windows(windows(*rows), THURSDAY, UTC_ZONE, now=NOW, to=to)
            for rows in ([(48, 100), (0, 50)], [(24, 30)], [(0, 30)])]  # fmt: skip

    assert said == [
        f"Free until Tuesday 18:00; after that half comes back {place}.",
        f"Until Wednesday 18:00 30% comes back {place}; after that nothing.",
        f"Until it starts 30% comes back {place}.",
    ]
    assert describe_policy(windows((168, 100), (1, 0))) == "Free until 7 days before; after that nothing."
