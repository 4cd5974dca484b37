"""What always holds of visitors and their intros."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant
from tenpo.core.limits import INTRO_KEPT_DAYS

INTRO_INVARIANTS = (
    Invariant(
        "intro-is-a-session-of-its-coach",
        _("A visitor's intro is a session of its own with the coach whom they chose."),
        """
        SELECT i.id, i.coach_id, s.coach_id AS given_by, s.is_private FROM schedule_intro i
        JOIN schedule_session s ON s.id = i.session_id
        WHERE i.coach_id <> s.coach_id OR NOT s.is_private
           OR EXISTS (SELECT FROM schedule_booking b WHERE b.session_id = s.id AND b.state <> 'cancelled')""",
    ),
    Invariant(
        "visitor-has-one-intro-with-a-coach",
        _("An address has one intro with a coach, unless the service gives more."),
        """
        SELECT coach_id, email, count(*) AS times FROM schedule_intro
        WHERE is_only AND email <> '' AND state IN ('confirmed', 'attended', 'no_show')
        GROUP BY coach_id, email HAVING count(*) > 1""",
    ),
    Invariant(
        "intro-is-as-last-recorded",
        _("What became of a visitor's intro is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (object_id) object_id, CASE action
                WHEN 'intro.marked' THEN after ->> 'state' ELSE split_part(action, '.', 2) END AS state
            FROM audit_auditlog
            WHERE action IN ('intro.held', 'intro.confirmed', 'intro.cancelled', 'intro.marked')
            ORDER BY object_id, id DESC)
        SELECT i.id, i.state, said.state AS recorded
        FROM schedule_intro i LEFT JOIN said ON said.object_id = i.id WHERE i.state IS DISTINCT FROM said.state""",
    ),
    Invariant(
        "unanswered-intro-is-let-go",
        _("A time that a visitor did not confirm is let go within minutes."),
        """
        SELECT id, held_until FROM schedule_intro
        WHERE state = 'held' AND held_until < now() - interval '15 minutes'""",
        is_about_time=True,
    ),
    Invariant(
        "forgotten-visitor-has-no-name",
        _("Of a visitor who was forgotten, neither name nor address nor answers are left."),
        """
        SELECT i.id, i.forgotten_at FROM schedule_intro i JOIN people_participant p ON p.id = i.participant_id
        WHERE i.forgotten_at IS NOT NULL
          AND ((p.user_id IS NULL AND p.name <> '') OR i.email <> '' OR i.answers <> '[]' OR i.link IS NOT NULL)""",
    ),
    Invariant(
        "visitor-is-forgotten-in-time",
        _("Visitors are forgotten some time after their intro was over."),
        f"""
        SELECT i.id, s.ends_at FROM schedule_intro i JOIN schedule_session s ON s.id = i.session_id
        WHERE i.forgotten_at IS NULL AND s.ends_at < now() - interval '{INTRO_KEPT_DAYS + 3} days'""",
        is_about_time=True,
    ),
)
