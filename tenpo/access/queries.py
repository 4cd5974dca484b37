from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.people.models import User
from tenpo.people.queries import Standing


def standing_keys(user: User) -> list[Standing]:
    """The API keys of `user` that work now, the newest first."""
    good = user.api_clients.filter(Q(expires_at=None) | Q(expires_at__gt=clock.now()), revoked_at=None)
    url = reverse("access:key-list")
    return [Standing(_("The API key “%(name)s”") % {"name": key.name}, url) for key in good.order_by("-id")]
