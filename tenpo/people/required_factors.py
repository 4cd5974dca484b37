"""Who gets in only with a second factor, and what is open to them until they showed it.

Whoever has one, and whoever the business asks for one from a day on (`Business.second_factor_for`). What counts is
what this visit showed: a password alone stays one, even when its owner set a factor up elsewhere meanwhile.
"""

from datetime import date
from typing import TYPE_CHECKING, Any

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from tenpo.core.business import current_business
from tenpo.core.days import day_here
from tenpo.core.models import Business
from tenpo.people.models import User, UserQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

# What allauth calls any second factor in its record of a visit, a recovery code and a passkey alone among them: it
# asks a passkey that signs in alone for the finger or the PIN, so that it is two factors by itself.
SHOWN = "mfa"
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)

# In a visit: the page that somebody wanted, and is shown after the factor.
WANTED = "wanted_with_second_factor"

# All that is open to who has no factor yet: setting one up, which asks for the password once more, and going away.
SET_UP_VIEWS = {
    "people:second-factor",
    "account_logout",
    "account_reauthenticate",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "headless:browser:config",
    "headless:browser:account:current_session",
    "headless:browser:account:reauthenticate",
    "headless:browser:mfa:authenticators",
    "headless:browser:mfa:manage_totp",
    "headless:browser:mfa:manage_webauthn",
}
# And to who has one, and has not shown it here. Not setting up another: a password would be enough for that.
SHOW_VIEWS = {
    "people:second-factor",
    "account_logout",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "headless:browser:config",
    "headless:browser:account:current_session",
    "headless:browser:mfa:reauthenticate",
    "headless:browser:mfa:reauthenticate_webauthn",
}


def factors_of(user: User) -> QuerySet[Authenticator]:
    """Somebody's second factors, without the recovery codes that stand in for them."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS)
    return found


def with_factors(users: UserQuerySet) -> UserQuerySet:
    """Load in the same statement whether each has a second factor."""
    factors = Authenticator.objects.filter(user_id=OuterRef("pk"), type__in=FACTORS)
    return users.annotate(has_factor=Exists(factors))


def has_factor(user: User) -> bool:
    """Whether somebody has a second factor; loaded with the row by `with_factors`."""
    loaded: bool | None = getattr(user, "has_factor", None)
    return factors_of(user).exists() if loaded is None else loaded


def bound_from(user: User) -> date | None:
    """From which day on somebody gets in only with a second factor; None when the business does not ask for one."""
    business = current_business()
    is_meant = {
        Business.SecondFactorFor.NOBODY: False,
        Business.SecondFactorFor.ADMINS: user.is_admin,
        Business.SecondFactorFor.TEAM: user.is_admin or user.is_coach,
        Business.SecondFactorFor.EVERYBODY: True,
    }[Business.SecondFactorFor(business.second_factor_for)]
    return business.second_factor_starts_on if is_meant else None


def is_bound(user: User) -> bool:
    """Whether somebody gets in only with a second factor now, by the calendar of the business."""
    starts_on = bound_from(user)
    return starts_on is not None and day_here() >= starts_on


def is_kept_out(request: HttpRequest) -> bool:
    """Whether whoever is signed in showed less than they must: neither pages nor streams nor the API are theirs."""
    user: User | AnonymousUser = request.user
    if not user.is_authenticated:
        return False
    # Whoever has one shows it, asked for or not: a visit from before it was set up knows no more than a password.
    return not _has_shown(request, user) if has_factor(user) else is_bound(user)


def _has_shown(request: HttpRequest, user: User) -> bool:
    records: list[dict[str, Any]] = get_authentication_records(request, user)
    return any(one.get("method") == SHOWN for one in records)


def note_new_factor(request: HttpRequest, user: User) -> None:
    """Remember that this visit showed a second factor: it was there when the factor was set up."""
    record_authentication(request, user, SHOWN)
