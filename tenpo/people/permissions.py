from django.core.exceptions import PermissionDenied

from tenpo.people.models import User


def is_active_admin(user: User | None) -> bool:
    """Whether `user` may run the business; None is the system, which may."""
    return user is None or (user.disabled_at is None and user.is_admin)


def check_admin(user: User | None) -> None:
    """Raise PermissionDenied unless `user` may run the business; for what only admins read or do."""
    if not is_active_admin(user):
        raise PermissionDenied


def is_active_coach(user: User | None) -> bool:
    """Whether `user` may teach."""
    return user is None or (user.disabled_at is None and user.is_coach)


def can_edit_profile(user: User | None, profile_of: User) -> bool:
    """Whether `user` may change what somebody says of themselves: only they may."""
    return user is None or (user.disabled_at is None and user.pk == profile_of.pk)
