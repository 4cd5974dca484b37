"""What always holds of services, places, and what coaches say of their time."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant

TIME_INVARIANTS = (
    Invariant(
        "service-can-be-given",
        _("Whatever is offered by time is given by somebody."),
        """
        SELECT s.id FROM schedule_service s
        WHERE NOT EXISTS (SELECT FROM schedule_servicecoach c WHERE c.service_id = s.id)""",
    ),
    Invariant(
        "service-has-a-price-for-one",
        _("Whatever is offered by time has a price for one person."),
        """
        SELECT s.id FROM schedule_service s
        WHERE NOT EXISTS (SELECT FROM schedule_serviceprice p WHERE p.service_id = s.id AND p.people = 1)""",
    ),
    Invariant(
        "price-is-for-as-many-as-can-come",
        _("No service has a price for more people than can come."),
        """
        SELECT p.id, p.people, s.capacity FROM schedule_serviceprice p JOIN schedule_service s ON s.id = p.service_id
        WHERE p.people > s.capacity""",
    ),
    Invariant(
        "service-uses-rooms-of-its-places",
        _("A service uses rooms of the places where it is given."),
        """
        SELECT r.service_id, r.room_id FROM schedule_service_rooms r JOIN schedule_room room ON room.id = r.room_id
        WHERE NOT EXISTS (
            SELECT FROM schedule_service_locations l
            WHERE l.service_id = r.service_id AND l.location_id = room.location_id)""",
    ),
    Invariant(
        "time-that-comes-back-is-one-persons",
        _("The dates of a time that comes back are of one service, and one person booked them."),
        """
        SELECT s.series_id FROM schedule_session s LEFT JOIN schedule_booking b ON b.session_id = s.id
        WHERE s.series_id IS NOT NULL GROUP BY s.series_id
        HAVING bool_or(s.is_private) AND (
            NOT bool_and(s.is_private) OR count(DISTINCT s.service_id) > 1 OR count(DISTINCT b.booked_by_id) > 1)""",
    ),
    Invariant(
        "service-is-offered-as-last-recorded",
        _("Whether a service is offered is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (object_id) object_id, action <> 'service.withdrawn' AS is_offered FROM audit_auditlog
            WHERE action IN ('service.created', 'service.withdrawn', 'service.offered') ORDER BY object_id, id DESC)
        SELECT s.id, s.is_offered, said.is_offered AS recorded
        FROM said JOIN schedule_service s ON s.id = said.object_id WHERE s.is_offered <> said.is_offered""",
    ),
    Invariant(
        "closed-place-has-nothing-to-come",
        _("Nothing takes place where the business had closed before."),
        """
        SELECT s.id, s.starts_at, r.closed_at AS room_closed_at, l.closed_at AS location_closed_at
        FROM schedule_session s LEFT JOIN schedule_room r ON r.id = s.room_id
        LEFT JOIN schedule_location l ON l.id IN (s.location_id, r.location_id)
        WHERE s.status <> 'cancelled' AND (s.room_id IS NOT NULL OR s.location_id IS NOT NULL)
          AND s.starts_at > least(r.closed_at, l.closed_at)""",
    ),
    Invariant(
        "hours-of-a-day-lie-apart",
        _("A coach’s hours of one weekday and place neither meet nor overlap."),
        """
        SELECT id, coach_id, weekday, opens, taken_until FROM (
            SELECT a.*, max(closes) OVER (
                PARTITION BY coach_id, weekday, location_id, starts_on, ends_on ORDER BY opens, id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken_until
            FROM schedule_availability a) hours
        WHERE opens <= taken_until""",
    ),
    Invariant(
        "hours-lie-within-a-day",
        _("A coach’s hours begin and end on the same day."),
        """
        SELECT id, weekday, opens, closes FROM schedule_availability
        WHERE weekday > 6 OR opens < 0 OR closes <= opens OR closes > 1440""",
    ),
    Invariant(
        "day-off-has-no-hours",
        _("A day on which a coach cannot be booked has no hours beside it."),
        """
        SELECT coach_id, day, count(*) AS said FROM schedule_availabilityexception
        GROUP BY coach_id, day HAVING count(*) > 1 AND count(*) > count(opens)""",
    ),
    Invariant(
        "coach-is-in-one-zone-on-a-day",
        _("A coach is in one time zone on a day."),
        """
        SELECT id, coach_id, starts_on, there_until FROM (
            SELECT t.*, max(ends_on) OVER (
                PARTITION BY coach_id ORDER BY starts_on, id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS there_until
            FROM schedule_travel t) travels
        WHERE starts_on <= there_until""",
    ),
    Invariant(
        "time-off-has-an-end-and-another-stand-in",
        _("A time off ends after it begins, and somebody else stands in."),
        """
        SELECT id, starts_at, ends_at, stand_in_id FROM schedule_timeoff
        WHERE ends_at <= starts_at OR stand_in_id = coach_id""",
    ),
)
