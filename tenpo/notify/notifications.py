"""What is told about invites and about the machinery itself.

The invites' news stands here, not in `people`, which is below this app.
"""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.notify.models import Delivery
from tenpo.people.models import Invite, User


def _invitee(facts: Facts) -> str:
    return facts["name"] or facts["email"] or _("Somebody with your link")


def _say_accepted(facts: Facts) -> Words:
    return Words(
        title=_("%(person)s accepted your invite") % {"person": _invitee(facts)},
        text=_("They have an account now."),
        act=_("See your invites"),
        path=path_to("people:invite-list"),
    )


def _say_declined(facts: Facts) -> Words:
    return Words(
        title=_("%(person)s declined your invite") % {"person": _invitee(facts)},
        text=_("The link is worthless now. You can invite them again at any time."),
        act=_("See your invites"),
        path=path_to("people:invite-list"),
    )


def _say_mail_dead(facts: Facts) -> Words:
    return Words(
        title=_("An e-mail to %(person)s could not be sent") % {"person": facts["person"]},
        text=_(
            "We tried for three hours, or the address was refused. There may be more; you can see why and try again."
        ),
        act=_("See the deliveries"),
        path=f"{path_to('notify:delivery-list')}?state=dead",
    )


def _say_outbox_dead(facts: Facts) -> Words:
    return Words(
        title=_("An event could not be passed on: %(event)s") % {"event": facts["event"]},
        text=_("Whoever should have heard of it has not. There may be more; you can see why and try again."),
        act=_("See the events"),
        path=f"{path_to('notify:outbox-list')}?state=dead",
    )


def _say_invariants_broken(facts: Facts) -> Words:
    return Words(
        title=_("Tonight's check found something that should not be"),
        text=_("Whoever runs the server sees all of it with “tenpo check”. It changes nothing."),
        act=_("See what it found"),
        path=path_to("web:checks"),
        facts=((_("Found"), facts["names"]),),
    )


INVITE_ACCEPTED = Kind(
    "invite.accepted", gettext_lazy("Somebody accepts your invite"), Audience.ADMIN, _say_accepted, by_email=False,
    icon="user-check",
)  # fmt: skip
INVITE_DECLINED = Kind(
    "invite.declined", gettext_lazy("Somebody declines your invite"), Audience.ADMIN, _say_declined, by_email=False,
    icon="user-x",
)  # fmt: skip
MAIL_DEAD = Kind(
    "admin.mail_dead",
    gettext_lazy("An e-mail could not be sent"),
    Audience.ADMIN,
    _say_mail_dead,
    icon="triangle-alert",
)
OUTBOX_DEAD = Kind(
    "admin.outbox_dead", gettext_lazy("An event could not be passed on"), Audience.ADMIN, _say_outbox_dead,
    icon="triangle-alert",
)  # fmt: skip

INVARIANTS_BROKEN = Kind(
    "admin.invariants_broken", gettext_lazy("A nightly check finds something wrong"), Audience.ADMIN,
    _say_invariants_broken, email_is_optional=False, icon="triangle-alert",
)  # fmt: skip

KINDS = (INVITE_ACCEPTED, INVITE_DECLINED, MAIL_DEAD, OUTBOX_DEAD, INVARIANTS_BROKEN)


def _to_the_inviter(kind: Kind, message: OutboxMessage) -> list[Notice]:
    invite = Invite.objects.get(pk=message.subject_id)
    payload = {"invite_id": str(invite.pk), "name": invite.name, "email": invite.email}
    if invite.accepted_by_id:
        payload["name"] = str(User.objects.get(pk=invite.accepted_by_id))
    return [Notice(kind, invite.created_by_id, payload)]


def on_invite_accepted(message: OutboxMessage) -> list[Notice]:
    """Whoever sent the invite."""
    return _to_the_inviter(INVITE_ACCEPTED, message)


def on_invite_declined(message: OutboxMessage) -> list[Notice]:
    """Whoever sent the invite."""
    return _to_the_inviter(INVITE_DECLINED, message)


def on_delivery_dead(message: OutboxMessage) -> list[Notice]:
    """Every admin, once an hour however many mails are given up; not of a mail that says just this."""
    delivery = Delivery.objects.select_related("notification__user").get(pk=message.subject_id)
    if delivery.notification.kind == MAIL_DEAD.code:
        return []
    return _to_admins(MAIL_DEAD, message, person=str(delivery.notification.user))


def on_outbox_message_dead(message: OutboxMessage) -> list[Notice]:
    """Every admin, once an hour however many events are given up."""
    return _to_admins(OUTBOX_DEAD, message, event=message.payload["event"])


def on_invariants_broken(message: OutboxMessage) -> list[Notice]:
    """Every admin, each time a check finds something."""
    return _to_admins(INVARIANTS_BROKEN, message, names=", ".join(message.payload["names"]))


def _to_admins(kind: Kind, message: OutboxMessage, **payload: str) -> list[Notice]:
    hour = f"{message.published_at:%Y-%m-%dT%H}"
    admins = User.objects.admins().active().values_list("pk", flat=True)
    return [Notice(kind, admin, payload, once=hour) for admin in admins]


TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "invite.accepted": on_invite_accepted,
    "invite.declined": on_invite_declined,
    "delivery.dead": on_delivery_dead,
    "outbox.message_dead": on_outbox_message_dead,
    "invariants.broken": on_invariants_broken,
}
