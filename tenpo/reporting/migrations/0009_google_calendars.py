from django.db import migrations

from tenpo.core.db import CreateViews

YOUTH_SPORTS = {
    # Google's alone: this source knows no other calendar. What lets us in is for nobody, and no token is kept that ends.
    "google_calendar_integrations": """
        SELECT c.id::text AS id, c.user_id::text AS "userId", c.account::text AS email,
            NULL::text AS "accessToken", NULL::text AS "refreshToken", NULL::timestamptz AS "expiryDate",
            c.state IN ('active', 'attention') AS "isActive"
        FROM schedule_calendarconnection c
        WHERE c.kind = 'google'
    """,
}


class Migration(migrations.Migration):
    dependencies = [("reporting", "0008_places_and_hours"), ("schedule", "0012_outside_calendars")]
    operations = [CreateViews("youth_sports", YOUTH_SPORTS)]
