"""What is counted when somebody shows who they are, or has a mail sent: beforehand, so that many at once are seen."""

import structlog
from django.http import HttpRequest

from tenpo.core.errors import TooManyRequests
from tenpo.core.limits import Try, hit
from tenpo.core.networks import client_address, hit_from

log = structlog.get_logger()


def count_password(request: HttpRequest, email: str) -> list[Try]:
    """Count a try of a password before looking anything up, so that unknown addresses answer alike.

    Give back what is returned when the password was right.
    """
    email = email.lower()
    try:
        tries = [*hit_from(request, "sign-in-network"), *hit_from(request, "sign-in-account", email)]
        return [*tries, hit("sign-in-everywhere", email)]
    except TooManyRequests:
        log.warning("sign_in_limited", address=client_address(request))
        raise


def count_mail(request: HttpRequest, email: str) -> None:
    """Count a mail that a stranger can have sent, alike for known and unknown addresses."""
    email = email.lower()
    hit_from(request, "account-mail-network")
    hit_from(request, "account-mail", email)
    hit("account-mail-everywhere", email)
