"""Calendars at Google, as the source that knows them has them."""

import json

import pytest

from tenpo.core.tokens import new_id
from tenpo.people.tests.make import make_coach
from tenpo.reporting.tests.read import view_rows
from tenpo.schedule.actions.calendar_syncing import note_failure
from tenpo.schedule.actions.calendars import switch_connection
from tenpo.schedule.models import CalendarConnection
from tenpo.schedule.tests.calendar_plants import make_calendar

pytestmark = pytest.mark.django_db


def test_a_calendar_at_google_is_served_without_what_lets_us_in():
    coach = make_coach()
    made = CalendarConnection.objects.create(
        id=new_id(), user=coach, kind="google", label="Google", account="maya@example.com",
        secrets=json.dumps({"refresh_token": "1//k3y"}), due_at="2027-01-01T00:00Z",
    )  # fmt: skip
    make_calendar(coach)

    [row] = view_rows("youth_sports", "google_calendar_integrations")

    assert row == {
        "id": str(made.pk), "userId": str(coach.pk), "email": "maya@example.com", "accessToken": None,
        "refreshToken": None, "expiryDate": None, "isActive": True,
    }  # fmt: skip
    note_failure(made, "refused")
    assert view_rows("youth_sports", "google_calendar_integrations")[0]["isActive"]
    switch_connection(made, is_on=False, by=coach)
    assert not view_rows("youth_sports", "google_calendar_integrations")[0]["isActive"]
