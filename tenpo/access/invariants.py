"""What always holds of keys to the API, and of calls that must have their effect once."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant

INVARIANTS = (
    Invariant(
        "key-of-a-shut-account-is-revoked",
        _("Whoever is shut out has no key that opens."),
        """
        SELECT c.id, c.owner_id, u.disabled_at FROM access_apiclient c JOIN people_user u ON u.id = c.owner_id
        WHERE c.revoked_at IS NULL AND u.disabled_at IS NOT NULL""",
    ),
    Invariant(
        "key-may-something-that-we-know",
        _("A key may read, or read and change, and nothing else."),
        """
        SELECT id, scopes FROM access_apiclient
        WHERE cardinality(scopes) = 0 OR NOT scopes::text[] <@ ARRAY['read', 'write']""",
    ),
    Invariant(
        "call-has-its-effect-once",
        _("A key of a repeated call stands for one call."),
        """
        SELECT actor_id, route, key, count(*) AS times FROM access_idempotencykey
        GROUP BY actor_id, route, key HAVING count(*) > 1""",
    ),
    Invariant(
        "call-is-answered-or-running",
        _("A call that is to have its effect once is running or answered."),
        """
        SELECT id, route, locked_until, status FROM access_idempotencykey
        WHERE (locked_until IS NULL) = (status IS NULL)""",
    ),
    Invariant(
        "call-does-not-run-for-ever",
        _("A call that was never answered is forgotten within two days."),
        """
        SELECT id, route, locked_until FROM access_idempotencykey
        WHERE status IS NULL AND locked_until < now() - interval '2 days'""",
        is_about_time=True,
    ),
)
