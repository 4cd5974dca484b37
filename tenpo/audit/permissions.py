from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


def can_read_audit(user: "Viewer") -> bool:
    """Admins."""
    return bool(getattr(user, "is_admin", False))
