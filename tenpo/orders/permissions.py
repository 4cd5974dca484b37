from tenpo.orders.sponsor_models import Sponsorship
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin


def can_manage_policies(user: User | None) -> bool:
    """Admins decide what the company pays, and what comes back to whoever cancels."""
    return is_active_admin(user)


def can_manage_sponsorships(user: User | None) -> bool:
    """Admins decide with a sponsor whom they fund, and note what the sponsor paid."""
    return is_active_admin(user)


def can_note_sponsor_payment(user: User, sponsorship: Sponsorship) -> bool:
    """Whether `user` may say that a sponsor paid: an admin who does not owe it."""
    return is_active_admin(user) and user.pk != sponsorship.sponsor_id
