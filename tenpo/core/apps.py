from django.apps import AppConfig
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms import Field
from django.utils.translation import gettext_lazy as _

from tenpo.runtime.messages import compile_stale


class CoreConfig(AppConfig):
    name = "tenpo.core"

    def ready(self) -> None:
        """Have the translations ready in whatever process this is: server, worker, command, test."""
        compile_stale()
        say_plainly()


def say_plainly() -> None:
    """Refuse what was typed in our words rather than Django's, in every form."""
    Field.default_error_messages["required"] = _("Please fill this in.")
    MinValueValidator.message = _("This must be at least %(limit_value)s.")
    MaxValueValidator.message = _("This must be at most %(limit_value)s.")
