"""Passing dead events on again."""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.core.outbox import named, revive
from tenpo.notify.permissions import can_run_deliveries
from tenpo.people.models import User


@transaction.atomic
def retry_message(message: OutboxMessage, *, by: User | None) -> OutboxMessage:
    """Pass a dead event on again from the start. Raises RuleError not_dead.

    Later events of its subject have gone on without it, so its consumer may hear it out of order.
    """
    message = OutboxMessage.objects.select_for_update(no_key=True).get(pk=message.pk)
    if not can_run_deliveries(by):
        raise PermissionDenied
    if message.dead_at is None:
        raise RuleError("not_dead", _("Only what was given up can be tried again."))
    revive(message)
    record("outbox_message.retried", by=by, on=named(message), after={"message": message.pk, "event": message.name})
    message.refresh_from_db()
    return message
