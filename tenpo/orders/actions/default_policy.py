"""The cancellation policy that holds where nobody chose one."""

from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.orders.models import CancellationPolicy

# Free until a day before; then half, as long as the session has not begun.
DEFAULT_WINDOWS = [{"hours_before": 24, "percent": 100}, {"hours_before": 0, "percent": 50}]


def default_cancellation_policy() -> CancellationPolicy:
    """The business's default policy, made when it is first needed; a hundred at once make one."""
    policy, is_new = CancellationPolicy.objects.get_or_create(
        is_default=True, defaults={"name": _("Free until a day before"), "windows": DEFAULT_WINDOWS}
    )
    if is_new:
        record("cancellation_policy.created", by=None, on=policy, after={"windows": policy.windows})
    return policy
