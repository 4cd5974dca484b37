import re
from dataclasses import dataclass

from django.conf import settings
from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet
from django.utils.module_loading import import_string

from tenpo.core import clock
from tenpo.people.models import Invite, Role, RoleGrant, User, UserQuerySet

MAX_WORDS = 6


def prefix_query(text: str) -> SearchQuery | None:
    """A full-text query that finds the beginnings of words, as somebody types them; None when there is no word."""
    words = re.findall(r"[^\W_]+", text)[:MAX_WORDS]
    if not words:
        return None
    return SearchQuery(" & ".join(f"{word}:*" for word in words), search_type="raw", config="simple")


def find_people(people: UserQuerySet, *, q: str = "", role: str = "", state: str = "") -> UserQuerySet:
    """The people whose name or address begins with the words of `q`, with a role and in a state."""
    if q.strip():
        query = prefix_query(q)
        if "@" in q:
            people = people.filter(email__istartswith=q.strip())
        else:
            people = people.filter(search=query) if query else people.none()
    if role == "member":
        people = people.exclude(pk__in=RoleGrant.objects.values("user"))
    elif role:
        people = people.filter(pk__in=RoleGrant.objects.filter(role=Role(role)).values("user"))
    if state:
        people = people.filter(disabled_at__isnull=state == "active")
    return people


@dataclass(frozen=True)
class Standing:
    """Something that gets in on somebody's behalf and knows nothing of their password: in words, and where it ends."""

    words: str
    url: str


def find_standing_access(user: User) -> list[Standing]:
    """What programs were given by `user` and works now; the apps above say so (`STANDING_ACCESS`)."""
    return [one for path in settings.STANDING_ACCESS for one in import_string(path)(user)]


def find_invites(invites: QuerySet[Invite], *, q: str = "", state: str = "") -> QuerySet[Invite]:
    """The invites whose name or address holds `q`, in a state."""
    if q.strip():
        invites = invites.filter(Q(email__icontains=q.strip()) | Q(name__icontains=q.strip()))
    now = clock.now()
    unsettled = Q(accepted_at=None, declined_at=None, revoked_at=None)
    conditions = {
        Invite.State.OPEN: unsettled & Q(expires_at__gt=now),
        Invite.State.EXPIRED: unsettled & Q(expires_at__lte=now),
        Invite.State.ACCEPTED: Q(accepted_at__isnull=False),
        Invite.State.DECLINED: Q(declined_at__isnull=False),
        Invite.State.REVOKED: Q(revoked_at__isnull=False),
    }
    return invites.filter(conditions[Invite.State(state)]) if state else invites
