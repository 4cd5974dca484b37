"""The cancellation policy that holds where nobody chose one."""

from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.orders.cancelling import Policy, Window
from tenpo.orders.models import POLICY_COLUMNS, CancellationPolicy

# Free until a day before; then half, as long as the session has not begun. Until then it may be moved a few times, too.
USUAL = Policy((Window(24, 100), Window(0, 50)), reschedules=3, reschedule_hours=24)


def default_cancellation_policy() -> CancellationPolicy:
    """The business's default policy, made when it is first needed; a hundred at once make one."""
    columns = {name: getattr(USUAL, name) for name in POLICY_COLUMNS}
    terms = {"windows": [window.stored() for window in USUAL.windows], **columns}
    policy, is_new = CancellationPolicy.objects.get_or_create(
        is_default=True, defaults={"name": _("Free until a day before"), **terms}
    )
    if is_new:
        record("cancellation_policy.created", by=None, on=policy, after=terms)
    return policy
