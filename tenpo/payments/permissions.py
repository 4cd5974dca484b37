from tenpo.payments.models import Payout, PayoutAccount, Refund
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin


def can_use_payout_account(user: User | None, account: PayoutAccount) -> bool:
    """Whether `user` may have money sent to an account: its owner. None is the system."""
    return user is None or (user.disabled_at is None and user.pk == account.owner_id)


def can_remove_payout_account(user: User | None, account: PayoutAccount) -> bool:
    """Its owner; and an admin, who may know that it is somebody else's."""
    return is_active_admin(user) or can_use_payout_account(user, account)


def can_decide_payout(user: User, payout: Payout) -> bool:
    """Whether `user` may approve or reject a payout, or say what became of it: an admin to whom it does not go."""
    return is_active_admin(user) and user.pk != payout.payee_id


def can_cancel_payout(user: User | None, payout: Payout) -> bool:
    """Whoever it goes to may think better of it."""
    return user is None or user.pk == payout.payee_id


def can_decide_refund(user: User, refund: Refund) -> bool:
    """Whether `user` may grant or reject a refund, or say what became of it: an admin to whom it does not go."""
    return is_active_admin(user) and user.pk != refund.user_id


def can_withdraw_refund(user: User, refund: Refund) -> bool:
    """Whoever asked for it may think better of it."""
    return user.pk == refund.user_id and user.disabled_at is None
