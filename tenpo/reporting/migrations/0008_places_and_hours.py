from django.db import migrations

from tenpo.core.db import CreateViews

# The same as before them.
IS_COACH = "EXISTS (SELECT FROM people_rolegrant g WHERE g.user_id = u.id AND g.role = 'coach')"
FIRST_NAME = r"nullif(regexp_replace(btrim(u.name), '\s+\S+$', ''), '')::text"
LAST_NAME = r"substring(btrim(u.name) FROM '\s(\S+)$')"


def clock(minutes: str) -> str:
    """Minutes from midnight as a time of day; of a day that ends at midnight the last second, which all readers know."""
    return f"CASE WHEN {minutes} = 1440 THEN time '23:59:59' ELSE make_time({minutes} / 60, {minutes} % 60, 0) END"


# What a session of the usual length costs a group all together.
TOTAL = """round(CASE s.price_basis
    WHEN 'hour' THEN p.amount * s.durations[1] / 60.0 ELSE p.amount
END)::integer"""
HOURLY = """round(CASE s.price_basis
    WHEN 'hour' THEN p.amount ELSE p.amount * 60.0 / s.durations[1]
END)::integer"""

FITNESS_COACHING = {
    # As many as the largest of what the coach offers takes; Monday is 0.
    "CoachAvailability": f"""
        SELECT a.id, a.coach_id, a.weekday::integer AS day_of_week, {clock("a.opens")} AS start_time,
            {clock("a.closes")} AS end_time,
            (SELECT max(s.capacity) FROM schedule_servicecoach c JOIN schedule_service s ON s.id = c.service_id
             WHERE c.coach_id = a.coach_id AND s.is_offered)::integer AS capacity
        FROM schedule_availability a
    """,
}
PEER_LEARNING = {
    # Sunday is 0.
    "availability": f"""
        SELECT a.id, a.coach_id AS user_id, ((a.weekday + 1) % 7)::integer AS day_of_week,
            {clock("a.opens")} AS start_time, {clock("a.closes")} AS end_time,
            coalesce(nullif(t.time_zone, ''), u.time_zone)::text AS timezone,
            a.starts_on IS NULL AND a.ends_on IS NULL AS is_recurring
        FROM schedule_availability a
        JOIN people_user u ON u.id = a.coach_id
        LEFT JOIN schedule_workingterms t ON t.coach_id = a.coach_id
    """,
}
YOUTH_SPORTS = {
    "Location": "SELECT l.id::text AS id, l.name::text AS name FROM schedule_location l",
    "TrainerLocation": """
        SELECT DISTINCT c.coach_id::text AS trainer_id, l.location_id::text AS location_id
        FROM schedule_servicecoach c
        JOIN schedule_service s ON s.id = c.service_id AND s.is_offered
        JOIN schedule_service_locations l ON l.service_id = s.id
        JOIN schedule_location place ON place.id = l.location_id AND place.closed_at IS NULL
    """,
    # A price of a service that several give is one of each of them.
    "TrainerGroupDiscount": f"""
        SELECT CASE WHEN (SELECT count(*) FROM schedule_servicecoach o WHERE o.service_id = s.id) = 1
                THEN p.id::text ELSE p.id::text || ':' || c.coach_id::text END AS id,
            c.coach_id::text AS trainer_id, p.people::integer AS participants, {TOTAL} AS price
        FROM schedule_serviceprice p
        JOIN schedule_service s ON s.id = p.service_id AND s.is_offered
        JOIN schedule_servicecoach c ON c.service_id = s.id
        WHERE p.people > 1
    """,
}
# Whoever teaches, or did; an hour costs what it does in the first of the services that they offer, but for intros.
TRAINER = {
    "Trainer": f"""
        SELECT u.id::text AS user_id, {FIRST_NAME} AS first_name, {LAST_NAME} AS last_name,
            nullif(c.bio, '')::text AS bio, nullif(c.headline, '')::text AS experience, NULL::text[] AS photos,
            offered.price_per_hour, offered.session_duration,
            jsonb_build_object('email', u.email) AS contacts, NULL::jsonb AS "additionalSources",
            NULL::boolean AS external,
            a.reference::text AS stripe_account_id, a.onboarded_at IS NOT NULL AS stripe_onboarding_completed,
            -- Both let in whoever has them.
            NULL::text AS stripe_onboarding_url, NULL::text AS stripe_express_dashboard_url
        FROM people_user u
        LEFT JOIN people_coachprofile c ON c.user_id = u.id
        LEFT JOIN payments_stripeaccount a ON a.user_id = u.id
        LEFT JOIN LATERAL (
            SELECT {HOURLY} AS price_per_hour, s.durations[1]::integer AS session_duration
            FROM schedule_servicecoach g
            JOIN schedule_service s ON s.id = g.service_id AND s.is_offered AND s.format <> 'intro'
            JOIN schedule_serviceprice p ON p.service_id = s.id AND p.people = 1
            WHERE g.coach_id = u.id ORDER BY s.id LIMIT 1
        ) offered ON true
        WHERE c.user_id IS NOT NULL OR {IS_COACH}
            OR EXISTS (SELECT FROM schedule_session t WHERE t.coach_id = u.id)
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0007_refunds"),
        ("schedule", "0005_services_and_availability"),
    ]
    operations = [
        CreateViews("fitness_coaching", FITNESS_COACHING),
        CreateViews("peer_learning", PEER_LEARNING),
        CreateViews("youth_sports", YOUTH_SPORTS),
        CreateViews("youth_sports", TRAINER, replaces=TRAINER),
    ]
