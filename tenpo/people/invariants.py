"""What always holds of people, their roles, and how they come in."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant

INVARIANTS = (
    Invariant(
        "address-has-one-account",
        _("An e-mail address has one account, however it is written."),
        """
        SELECT lower(email) AS address, count(*) AS accounts FROM people_user
        GROUP BY lower(email) HAVING count(*) > 1""",
    ),
    Invariant(
        "account-has-one-main-address",
        _("The main address of an account is the one that it signs in with."),
        """
        SELECT u.id, u.email, string_agg(e.email, ', ') AS main
        FROM people_user u LEFT JOIN account_emailaddress e ON e.user_id = u.id AND e."primary"
        GROUP BY u.id HAVING count(e.id) <> 1 OR lower(min(e.email)) <> lower(u.email)""",
    ),
    Invariant(
        "everybody-takes-part-under-their-name",
        _("Whoever has an account can take part, under their name."),
        """
        SELECT u.id, u.name, p.name AS takes_part_as
        FROM people_user u LEFT JOIN people_participant p ON p.user_id = u.id
        WHERE p.name IS DISTINCT FROM u.name""",
    ),
    Invariant(
        "participant-is-somebodys",
        _("Whoever takes part has an account, is somebody's guest, or a visitor."),
        """
        SELECT id, user_id, guest_of_id, is_visitor, left_out_at FROM people_participant
        WHERE num_nonnulls(user_id, guest_of_id) + is_visitor::int <> 1
            OR (left_out_at IS NOT NULL AND guest_of_id IS NULL)""",
    ),
    Invariant(
        "guest-stands-once-on-a-list",
        _("A guest stands once on the list of whoever brings them."),
        """
        SELECT guest_of_id, lower(name) AS called, count(*) AS times FROM people_participant
        WHERE guest_of_id IS NOT NULL AND left_out_at IS NULL
        GROUP BY guest_of_id, lower(name) HAVING count(*) > 1""",
    ),
    Invariant(
        "role-is-given-once",
        _("A role is one that we know, and a user has it once."),
        """
        SELECT user_id, role, count(*) AS times FROM people_rolegrant
        GROUP BY user_id, role HAVING count(*) > 1 OR role NOT IN ('admin', 'coach')""",
    ),
    Invariant(
        "role-is-as-last-recorded",
        _("Who has which role is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (object_id, role) object_id, role, action FROM (
                SELECT object_id, id, action, coalesce(after, before) ->> 'role' AS role FROM audit_auditlog
                WHERE action IN ('user.role_granted', 'user.role_revoked')) records
            ORDER BY object_id, role, id DESC)
        SELECT said.object_id, said.role, said.action
        FROM said LEFT JOIN people_rolegrant g ON g.user_id = said.object_id AND g.role = said.role
        WHERE (said.action = 'user.role_granted') <> (g.id IS NOT NULL)""",
    ),
    Invariant(
        "account-is-open-or-shut-as-last-recorded",
        _("Whether an account is open is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (object_id) object_id, action FROM audit_auditlog
            WHERE action IN ('user.disabled', 'user.enabled') ORDER BY object_id, id DESC)
        SELECT u.id, u.disabled_at, said.action FROM people_user u LEFT JOIN said ON said.object_id = u.id
        WHERE (u.disabled_at IS NOT NULL) <> (coalesce(said.action, '') = 'user.disabled')""",
    ),
    Invariant(
        "somebody-can-run-the-business",
        _("A business with admins has one who can sign in."),
        """
        SELECT user_id, role FROM people_rolegrant WHERE role = 'admin' AND NOT EXISTS (
            SELECT FROM people_rolegrant g JOIN people_user u ON u.id = g.user_id
            WHERE g.role = 'admin' AND u.disabled_at IS NULL)""",
    ),
    Invariant(
        "invite-has-one-outcome",
        _("An invite is accepted, declined or revoked, once."),
        """
        SELECT id, accepted_at, declined_at, revoked_at FROM people_invite
        WHERE num_nonnulls(accepted_at, declined_at, revoked_at) > 1""",
    ),
    Invariant(
        "invite-makes-one-account",
        _("An accepted invite made one account, and no account came by two."),
        """
        SELECT id, accepted_at, accepted_by_id FROM people_invite
        WHERE (accepted_at IS NULL) <> (accepted_by_id IS NULL)
           OR accepted_by_id IN (
            SELECT accepted_by_id FROM people_invite WHERE accepted_by_id IS NOT NULL
            GROUP BY accepted_by_id HAVING count(*) > 1)""",
    ),
    Invariant(
        "invite-is-accepted-in-time",
        _("An invite is accepted before it ends."),
        "SELECT id, accepted_at, expires_at FROM people_invite WHERE accepted_at > expires_at + interval '1 minute'",
    ),
    Invariant(
        "address-is-invited-once-at-a-time",
        _("An address has one invite that waits for its answer."),
        """
        SELECT lower(email) AS address, count(*) AS invites FROM people_invite
        WHERE email <> '' AND num_nonnulls(accepted_at, declined_at, revoked_at) = 0
        GROUP BY lower(email) HAVING count(*) > 1""",
    ),
    Invariant(
        "invite-is-answered-as-recorded",
        _("What became of an invite is what the audit says."),
        """
        SELECT i.id, i.accepted_at, i.declined_at, i.revoked_at FROM people_invite i
        WHERE num_nonnulls(accepted_at, declined_at, revoked_at) > 0 AND NOT EXISTS (
            SELECT FROM audit_auditlog a WHERE a.object_id = i.id AND a.action = CASE
                WHEN i.accepted_at IS NOT NULL THEN 'invite.accepted'
                WHEN i.declined_at IS NOT NULL THEN 'invite.declined' ELSE 'invite.revoked' END)""",
    ),
    Invariant(
        "import-counts-its-rows",
        _("An import counts the rows that it has done, and is done when it has done them all."),
        """
        SELECT id, state, rows_done, jsonb_array_length(rows) AS of_all, confirmed_at, finished_at FROM people_import
        WHERE rows_done > jsonb_array_length(rows)
           OR (state = 'preview' AND (rows_done > 0 OR confirmed_at IS NOT NULL))
           OR (state <> 'preview' AND confirmed_at IS NULL)
           OR (state = 'done') <> (finished_at IS NOT NULL)
           OR (state = 'done' AND rows_done <> jsonb_array_length(rows))""",
    ),
    Invariant(
        "import-under-way-has-its-job",
        _("An import that is under way has a job that goes on with it."),
        """
        SELECT i.id, i.rows_done, i.confirmed_at FROM people_import i
        WHERE i.state = 'running' AND i.confirmed_at < now() - interval '1 hour' AND NOT EXISTS (
            SELECT FROM procrastinate_jobs j WHERE j.task_name = 'people.run_import'
            AND j.status IN ('todo', 'doing') AND j.args ->> 'import_id' = i.id::text)""",
        is_about_time=True,
    ),
)
