"""How wallets are filled by themselves, as the source design has it."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from tenpo.checkout.tests.make import make_auto_top_up, settings_of
from tenpo.payments.actions.auto_top_ups import drop_auto_top_up
from tenpo.people.tests.make import make_member
from tenpo.reporting.queries import schema_of, source_designs

pytestmark = pytest.mark.django_db


def rows() -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {schema_of('pay_per_minute')}.auto_top_up_settings ORDER BY id")
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_what_somebody_decided_is_served_column_for_column():
    member = make_auto_top_up(make_member(), threshold=1_250, amount=4_000)
    settings = settings_of(member)

    [row] = rows()

    assert list(row) == source_designs()["pay_per_minute"]["auto_top_up_settings"]
    assert (row["id"], row["user_id"], row["enabled"]) == (settings.pk, member.pk, True)
    assert (row["threshold"], row["amount"]) == (Decimal("12.50"), Decimal("40.00"))
    assert (row["payment_method_id"], row["updated_at"]) == (str(settings.method_id), settings.changed_at)


def test_what_was_dropped_is_off_and_names_no_card():
    member = make_auto_top_up(make_member())
    drop_auto_top_up(member, by=member)

    [row] = rows()

    assert (row["enabled"], row["payment_method_id"]) == (False, None)
    assert row["updated_at"] > row["created_at"]
