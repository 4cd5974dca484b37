import re
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.people.models import Import, Invite, Role, RoleGrant, User, UserQuerySet

MAX_WORDS = 6
WORDS_OF_A_NAME = 5


def prefix_query(text: str) -> SearchQuery | None:
    """A full-text query that finds the beginnings of words, as somebody types them; None when there is no word."""
    words = re.findall(r"[^\W_]+", text)[:MAX_WORDS]
    if not words:
        return None
    return SearchQuery(" & ".join(f"{word}:*" for word in words), search_type="raw", config="simple")


def called(text: str, *, of: str = "") -> Q:
    """Whoever has all of these words in name or address; `of` leads from a row to the person ("payer__")."""
    wanted = Q()
    for word in text.split()[:WORDS_OF_A_NAME]:
        wanted &= Q(**{f"{of}name__icontains": word}) | Q(**{f"{of}email__icontains": word})
    return wanted


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
    # It is not ended with all the others.
    stays: bool = False


def find_standing_access(user: User) -> list[Standing]:
    """What gets in for `user` without their password, and works now; each app names its own (`STANDING_ACCESS`)."""
    return [one for path in settings.STANDING_ACCESS for one in import_string(path)(user)]


def standing_invites(user: User) -> list[Standing]:
    """The open links that `user` made for nobody's mailbox, and those that make an admin, the newest first."""
    url = reverse("people:invite-list")
    return [Standing(_say_invite(invite), url) for invite in Invite.objects.links_of(user).order_by("-id")]


def _say_invite(invite: Invite) -> str:
    words = {"role": invite.get_role_display(), "who": invite.email or invite.name}
    if invite.email:
        return _("The invite as %(role)s of %(who)s") % words
    if invite.name:
        return _("The link to a new account as %(role)s, for %(who)s") % words
    return _("A link to a new account as %(role)s") % words


def standing_files(user: User) -> list[Standing]:
    """The files of `user` that have still to invite an admin, the newest first."""
    return [
        Standing(
            _("The file “%(name)s”, which is inviting an admin") % {"name": import_},
            reverse("people:import-detail", args=[import_.pk]),
        )
        for import_ in Import.objects.inviting_for(user).order_by("-id")
        if import_.admins_to_come()
    ]


def standing_passkeys(user: User) -> list[Standing]:
    """The passkeys of `user`, the newest first."""
    keys = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).order_by("-pk")
    return [
        Standing(_("The passkey “%(name)s”") % {"name": key}, reverse("mfa_remove_webauthn", args=[key.pk]), stays=True)
        for key in keys
    ]


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
