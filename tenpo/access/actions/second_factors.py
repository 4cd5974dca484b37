"""Second factors that their owner lost. Here and not in people, because their devices go with them."""

from allauth.mfa.models import Authenticator
from django.db import transaction

from tenpo.access.actions.accounts import sign_out_devices
from tenpo.audit.actions import record
from tenpo.people.actions.accounts import fresh_user
from tenpo.people.actions.visits import lock_user
from tenpo.people.models import User


@transaction.atomic
def drop_second_factors(user: User) -> User:
    """Take all second factors and recovery codes from somebody who lost them, and sign them out everywhere.

    For whoever runs the server: their password is enough once more. Where the business asks for a second factor, they
    set up a new one before anything else. Having none changes nothing.
    """
    user = lock_user(user)
    factors = Authenticator.objects.filter(user_id=user.pk)
    kinds = sorted(factors.values_list("type", flat=True))
    if kinds:
        factors.delete()
        # What was lost may be in somebody's hands, signed in.
        devices = sign_out_devices(user)
        record("user.second_factors_dropped", by=None, on=user, before={"kinds": kinds}, after={"signed_out": devices})
    return fresh_user(user)
