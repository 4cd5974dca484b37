"""What always holds of what people are told."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant

INVARIANTS = (
    Invariant(
        "news-is-told-once",
        _("Nobody is told the same thing twice."),
        """
        SELECT user_id, key, count(*) AS times FROM notify_notification
        GROUP BY user_id, key HAVING count(*) > 1""",
    ),
    Invariant(
        "news-goes-somewhere",
        _("What somebody is told goes by at least one channel, and in the app where it says so."),
        """
        SELECT n.id, n.kind, n.in_app, count(d.id) AS deliveries
        FROM notify_notification n LEFT JOIN notify_delivery d ON d.notification_id = n.id
        GROUP BY n.id
        HAVING count(d.id) = 0 OR n.in_app <> (count(d.id) FILTER (WHERE d.channel = 'in_app') > 0)""",
    ),
    Invariant(
        "news-is-read-after-it-was-told",
        _("What somebody has read was told before."),
        "SELECT id, created_at, read_at FROM notify_notification WHERE read_at < created_at - interval '1 minute'",
    ),
    Invariant(
        "delivery-is-made-once-by-each-channel",
        _("A notification goes by each channel once."),
        """
        SELECT notification_id, channel, count(*) AS times FROM notify_delivery
        GROUP BY notification_id, channel HAVING count(*) > 1""",
    ),
    Invariant(
        "delivery-is-sent-at-a-time",
        _("A delivery that was sent was tried, at a time; one that was not has none."),
        """
        SELECT id, state, attempts, sent_at FROM notify_delivery
        WHERE (state = 'sent') <> (sent_at IS NOT NULL) OR (state = 'sent' AND attempts = 0)
           OR state NOT IN ('queued', 'sent', 'failed', 'dead')""",
    ),
    Invariant(
        "mail-is-sent-or-given-up",
        _("An e-mail is sent, or tried again when it is due, or given up."),
        """
        SELECT id, state, attempts, next_attempt_at FROM notify_delivery
        WHERE state IN ('queued', 'failed') AND next_attempt_at < now() - interval '1 hour'""",
        is_about_time=True,
    ),
    Invariant(
        "preference-is-chosen-once",
        _("A person has one choice for each kind of news and channel."),
        """
        SELECT user_id, kind, channel, count(*) AS times FROM notify_notificationpreference
        GROUP BY user_id, kind, channel HAVING count(*) > 1""",
    ),
)
