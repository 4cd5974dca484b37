"""What follows from settings."""

import pytest

from tenpo.runtime import env
from tenpo.runtime.doctor import _cards


@pytest.mark.parametrize(
    ("settings", "are_taken"),
    [
        ({}, False),
        ({"DEMO": "true"}, True),
        ({"DEBUG": "true"}, True),
        ({"DEMO": "true", "SANDBOX": "false"}, False),
        ({"SANDBOX": "true"}, True),
        ({"DEMO": "true", "STRIPE_KEY": "sk_test_1"}, True),
        ({"DEMO": "true", "STRIPE_KEY": "sk_live_1"}, False),
        ({"DEBUG": "true", "STRIPE_KEY": "rk_live_1"}, False),
        ({"SANDBOX": "true", "STRIPE_KEY": "sk_live_1"}, True),
    ],
    ids=str,
)
def test_cards_that_pay_for_nothing_are_not_taken_beside_real_ones_by_mistake(
    monkeypatch, tmp_path, settings, are_taken
):
    for name in ("DEMO", "DEBUG", "SANDBOX", "STRIPE_KEY"):
        monkeypatch.setenv(f"TENPO_{name}", settings.get(name, ""))

    assert env.offers_test_cards() is are_taken
    is_live = "live" in settings.get("STRIPE_KEY", "")
    assert [finding.state for finding in _cards(tmp_path)] == ["problem"] * (is_live and are_taken)
