"""Money that goes back to whoever paid it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RefundTo(models.TextChoices):
    """Where that goes back to which was paid from outside."""

    CREDIT = "credit", _("Credit")
    WALLET = "wallet", _("Wallet")
    METHOD = "method", _("The way it was paid")
