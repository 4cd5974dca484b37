"""What always holds in the record of who did what."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant

INVARIANTS = (
    Invariant(
        "audit-values-chain",
        _("What a record says was before is what the one before it says came after."),
        # A time is written in the zone of whoever gave it. Which policy is the default is said of another one each
        # time.
        r"""
        WITH said AS (
            SELECT id, action, object_id, key, before ? key AS says_before,
                CASE WHEN key ~ '_(at|from|until)$' THEN ((before ->> key)::timestamptz)::text
                    ELSE before ->> key END AS was,
                CASE WHEN key ~ '_(at|from|until)$' THEN ((after ->> key)::timestamptz)::text
                    ELSE after ->> key END AS became
            FROM audit_auditlog, jsonb_object_keys(after) key
            WHERE jsonb_typeof(after) = 'object' AND action <> 'cancellation_policy.made_default'
        ), chained AS (
            SELECT said.*, lag(id) OVER earlier AS earlier_id, lag(became) OVER earlier AS said_earlier
            FROM said WINDOW earlier AS (PARTITION BY object_id, key ORDER BY id))
        SELECT id, action, object_id, key, was, said_earlier, earlier_id FROM chained
        WHERE says_before AND earlier_id IS NOT NULL AND was IS DISTINCT FROM said_earlier""",
    ),
    Invariant(
        "audit-record-says-who",
        _("A record that names an actor says who that was."),
        "SELECT id, action, actor_id FROM audit_auditlog WHERE actor_id IS NOT NULL AND actor_name = ''",
    ),
    Invariant(
        "audit-record-is-of-the-past",
        _("A record is of something that has happened."),
        "SELECT id, action, created_at FROM audit_auditlog WHERE created_at > now() + interval '1 minute'",
    ),
)
