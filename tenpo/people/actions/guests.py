"""Guests: whom somebody brings along, kept by name for the next time."""

from collections.abc import Sequence

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record, record_all
from tenpo.core import clock
from tenpo.core.errors import UNIQUE, RuleError, refuse_on
from tenpo.core.limits import GUESTS_KEPT
from tenpo.core.models import check_fields
from tenpo.people.actions.visits import lock_user
from tenpo.people.models import Participant, User
from tenpo.people.permissions import can_edit_profile


def name_taken() -> RuleError:
    """The refusal behind the constraint that each guest of somebody has a name of their own."""
    return RuleError("name_taken", _("You have a guest of this name already."))


@refuse_on(UNIQUE, "participant_guest_once_by_name", name_taken)
@transaction.atomic
def add_guests(names: Sequence[str], *, by: User) -> list[Participant]:
    """Those of one's guests who have these names, in their order; who is not there yet is added.

    Names are compared whatever their case. Raises RuleError too_many_guests; ValidationError for a name that is none.
    """
    user = lock_user(by)
    if not can_edit_profile(by, user):
        raise PermissionDenied
    known = {guest.name.lower(): guest for guest in Participant.objects.guests_of(user)}
    wanted = [Participant(guest_of=user, name=_clean(name)) for name in names]
    new: dict[str, Participant] = {}
    for guest in wanted:
        if guest.name.lower() not in known:
            new.setdefault(guest.name.lower(), guest)
    if new and len(known) + len(new) > GUESTS_KEPT:
        raise RuleError(
            "too_many_guests", _("You can keep %(n)s guests. Leave somebody out first.") % {"n": GUESTS_KEPT}
        )
    for guest in new.values():
        check_fields(guest, "name")
    made = Participant.objects.bulk_create(new.values())
    record_all([("guest.added", guest, None, {"name": guest.name}) for guest in made], by=by)
    known |= new
    return [known[guest.name.lower()] for guest in wanted]


@refuse_on(UNIQUE, "participant_guest_once_by_name", name_taken)
@transaction.atomic
def rename_guest(guest: Participant, *, name: str, by: User) -> Participant:
    """Call a guest of one's own by another name. Raises RuleError name_taken; ValidationError for none."""
    guest = _locked(guest, by)
    before, guest.name = guest.name, _clean(name)
    check_fields(guest, "name")
    if guest.name != before:
        guest.save(update_fields=["name"])
        record("guest.renamed", by=by, on=guest, before={"name": before}, after={"name": guest.name})
    return guest


@transaction.atomic
def leave_out_guest(guest: Participant, *, by: User) -> Participant:
    """Ask about a guest no more; their bookings stay. Again changes nothing."""
    guest = _locked(guest, by)
    if guest.left_out_at is None:
        guest.left_out_at = clock.now()
        guest.save(update_fields=["left_out_at"])
        record("guest.left_out", by=by, on=guest, after={"name": guest.name})
    return guest


def _locked(guest: Participant, by: User) -> Participant:
    guest = Participant.objects.select_for_update(no_key=True, of=("self",)).get(pk=guest.pk)
    if guest.guest_of_id != by.pk or by.disabled_at is not None:
        raise PermissionDenied
    return guest


def _clean(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise ValidationError({"name": _("Say a name.")})
    return name
