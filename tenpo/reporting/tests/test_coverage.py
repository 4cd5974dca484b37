"""What of the five sources is served, letter for letter."""

import pytest

from tenpo.reporting.queries import WITHHELD, coverage, source_designs, totals
from tenpo.reporting.tests.read import view_rows, views_of

pytestmark = pytest.mark.django_db

SERVED = {
    "company_coaching": set(source_designs()["company_coaching"]),
    "fitness_coaching": {"CoachAvailability", "SessionParticipants", "Sessions", "WaitlistEntries"},
    "youth_sports": {
        "User",
        "Trainer",
        "Payment",
        "TrainerOrder",
        "Refund",
        "Location",
        "TrainerLocation",
        "TrainerGroupDiscount",
        "google_calendar_integrations",
        "Schedule",
        "Slot",
        "ScheduleBooking",
        "Session",
        "SessionDetails",
        "SessionParticipant",
    },
    "pay_per_minute": {"users", "wallets", "transactions", "withdrawals", "auto_top_up_settings"},
    "peer_learning": {
        "users",
        "transactions",
        "payment_splits",
        "payouts",
        "employer_sponsorships",
        "availability",
        "session_assessments",
        "session_attendance",
        "session_resources",
        "sessions",
        "intro_sessions",
    },
}


@pytest.mark.parametrize("source", SERVED)
def test_a_view_has_the_columns_of_its_table_in_their_order_and_nothing_else(source: str):
    views, designs = views_of(source), source_designs()[source]

    assert set(views) == SERVED[source]
    assert views == {table: designs[table] for table in views}


def test_coverage_counts_what_is_served():
    found = {entry.source: entry for entry in coverage()}

    for source, tables in source_designs().items():
        served = [tables[table] for table in SERVED[source]]
        assert found[source].tables == (len(served), len(tables))
        assert found[source].columns == (sum(map(len, served)), sum(map(len, tables.values())))
    assert found["company_coaching"].as_json() == {"tables": [8, 8], "columns": [45, 45], "filled": 0}
    (tables_served, tables_all), (columns_served, columns_all) = totals(list(found.values()))
    assert (tables_all, columns_all) == (158, 1162)
    assert tables_served == sum(map(len, SERVED.values()))
    assert columns_served == sum(entry.columns[0] for entry in found.values())


@pytest.mark.parametrize("source", WITHHELD)
def test_whatever_is_withheld_is_a_column_that_is_served(source: str):
    for table, columns in WITHHELD[source].items():
        assert set(columns) <= set(views_of(source)[table])
        assert view_rows(source, table) == []
