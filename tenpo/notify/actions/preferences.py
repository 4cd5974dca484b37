"""Choosing what one is told, and how."""

from collections.abc import Mapping

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core.errors import RuleError
from tenpo.notify.kinds import all_kinds, kinds_for
from tenpo.notify.models import Channel, NotificationPreference
from tenpo.notify.queries import preferences_of
from tenpo.people.models import User


@transaction.atomic
def set_preferences(user: User, wanted: Mapping[tuple[str, Channel], bool], *, by: User) -> int:
    """Take over what `user` wants, by kind and channel; returns how many choices changed.

    Raises RuleError unknown_kind, or email_stays for a mail that nobody may miss.
    """
    if user.pk != by.pk:
        raise PermissionDenied
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    now = {(kind.code, channel): is_on for kind, on in preferences_of(user) for channel, is_on in on.items()}
    changed = {key: is_on for key, is_on in wanted.items() if now.get(key) != is_on}
    kinds = {kind.code: kind for kind in kinds_for(user)}
    for code, channel in changed:
        if code not in kinds:
            raise RuleError("unknown_kind", _("There is no such kind of notification for you."))
        if channel == Channel.EMAIL and not kinds[code].email_is_optional:
            raise RuleError("email_stays", _("These e-mails are too important to be switched off."))
    if not changed:
        return 0
    NotificationPreference.objects.bulk_create(
        [
            NotificationPreference(user=user, kind=code, channel=channel, is_on=is_on)
            for (code, channel), is_on in changed.items()
        ],
        update_conflicts=True,
        unique_fields=["user", "kind", "channel"],
        update_fields=["is_on"],
    )
    record(
        "notification_preferences.changed",
        by=by,
        on=user,
        before={f"{code} {channel}": now[code, channel] for code, channel in changed},
        after={f"{code} {channel}": is_on for (code, channel), is_on in changed.items()},
    )
    return len(changed)


@transaction.atomic
def switch_off_email(user: User, kind: str) -> None:
    """Send `user` no more mails of this kind; whoever holds the signed link of such a mail may ask. Repeatable."""
    found = all_kinds().get(kind)
    if found is None or not found.email_is_optional:
        return
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    choice, is_new = NotificationPreference.objects.get_or_create(
        user=user, kind=kind, channel=Channel.EMAIL, defaults={"is_on": False}
    )
    if not is_new and not choice.is_on:
        return
    NotificationPreference.objects.filter(pk=choice.pk).update(is_on=False)
    record("notification_preferences.changed", by=user, on=user, after={f"{kind} {Channel.EMAIL}": False})
