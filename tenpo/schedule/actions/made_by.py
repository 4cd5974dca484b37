"""Who made what is offered, where an admin, or whoever made it, says so."""

from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext as _

from tenpo.people.models import User
from tenpo.schedule.permissions import can_name_creator


def check_creator(creator: User | None, *, by: User | None, before_id: UUID | None = None) -> None:
    """Raise unless `by` may say that somebody made it, where another one, or nobody, was said to have (`before_id`).

    PermissionDenied; ValidationError for one who is no coach here now. Who was named already stays, also where they
    left. No statement where nothing changes.
    """
    creator_id = creator.pk if creator else None
    if creator_id == before_id:
        return
    if not can_name_creator(by, creator_id, before_id=before_id):
        raise PermissionDenied
    if creator_id is not None and not User.objects.coaches().active().filter(pk=creator_id).exists():
        raise ValidationError({"creator": _("Choose a coach who is here now.")})
