"""Second factors that their owner lost. Here and not in people, because their devices go with them."""

from uuid import UUID

from allauth.mfa.models import Authenticator
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import translation

from tenpo.audit.actions import record
from tenpo.core.jobs import defer
from tenpo.core.mail import compose
from tenpo.people.actions.accounts import fresh_user
from tenpo.people.actions.visits import lock_user, sign_out_devices
from tenpo.people.mails import dropped_factors_mail
from tenpo.people.models import User


@transaction.atomic
def drop_second_factors(user: User, *, by: User | None) -> User:
    """Take all second factors and recovery codes from somebody who lost them, and sign them out everywhere.

    For whoever runs the server, and for no admin. They are told by mail. Where the business asks for a second factor,
    they set up a new one before anything else. Having none changes nothing.
    """
    user = lock_user(user)
    if by is not None:
        raise PermissionDenied
    factors = Authenticator.objects.filter(user_id=user.pk)
    kinds = sorted(factors.values_list("type", flat=True))
    if kinds:
        factors.delete()
        # What was lost may be in somebody's hands, signed in.
        devices = sign_out_devices(user)
        record("user.second_factors_dropped", by=by, on=user, before={"kinds": kinds}, after={"signed_out": devices})
        defer("access.tell_of_dropped_factors", user_id=str(user.pk))
    return fresh_user(user)


def tell_of_dropped_factors(user_id: UUID | str) -> None:
    """Mail somebody that their second factors were taken away. The job's work."""
    user = User.objects.get(pk=user_id)
    with translation.override(user.locale):
        compose(dropped_factors_mail(user), to=user.email, name=user.name).send()
