from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.db.models import ExpressionWrapper, OuterRef, Q
from django.db.models.functions import UUID7, Lower, Now
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.fields import EncryptedField
from tenpo.core.models import TIME_ZONE_LENGTH, BaseModel

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

NAME_LENGTH = 120
HASH_LENGTH = 64


class Role(models.TextChoices):
    """What a user may do beyond being a member, which everyone is."""

    ADMIN = "admin", _("Admin")
    COACH = "coach", _("Coach")


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Admins see everybody, everybody sees the coaches and themselves."""
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        return self.filter(Q(pk=user.pk) | Q(pk__in=RoleGrant.objects.filter(role=Role.COACH).values("user")))

    def active(self) -> Self:
        return self.filter(disabled_at=None)

    def admins(self) -> Self:
        return self.filter(pk__in=RoleGrant.objects.filter(role=Role.ADMIN).values("user"))

    def coaches(self) -> Self:
        return self.filter(pk__in=RoleGrant.objects.filter(role=Role.COACH).values("user"))

    def with_roles(self) -> Self:
        """Load each user's roles and own participant in the same statement."""
        return self.select_related("participant").annotate(granted_roles=granted_roles("pk"))


def granted_roles(user: str) -> ArraySubquery:
    """The roles of the user whose id is in the column `user`, to be loaded with a row that names one."""
    return ArraySubquery(RoleGrant.objects.filter(user=OuterRef(user)).order_by("role").values("role"))


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Finds people by e-mail, whatever its case."""

    def get_by_natural_key(self, email: str | None) -> "User":
        user: User = self.get(email__iexact=email)
        return user


class User(AbstractBaseUser):
    """An account that can sign in."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    email = models.EmailField(_("E-mail"))
    name = models.CharField(_("Name"), max_length=NAME_LENGTH)
    time_zone = models.CharField(_("Time zone"), max_length=TIME_ZONE_LENGTH, default="Europe/Berlin")
    locale = models.CharField(_("Language"), max_length=10, default="en")
    disabled_at = models.DateTimeField(null=True, editable=False)
    # allauth and Django filter by this name.
    is_active = models.GeneratedField(
        expression=ExpressionWrapper(Q(disabled_at__isnull=True), output_field=models.BooleanField()),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    search = models.GeneratedField(
        expression=SearchVector("name", "email", config="simple"), output_field=SearchVectorField(), db_persist=True
    )

    objects: UserManager = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_is_unique")]
        indexes = [
            GinIndex(name="user_search", fields=["search"]),
            models.Index(name="user_by_name", fields=["name", "id"]),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @cached_property
    def roles(self) -> frozenset[str]:
        """The roles granted to this user; loaded with the row by `with_roles`."""
        loaded = self.__dict__.get("granted_roles")
        return frozenset(loaded if loaded is not None else self.role_grants.values_list("role", flat=True))

    @property
    def is_admin(self) -> bool:
        return Role.ADMIN in self.roles

    @property
    def is_coach(self) -> bool:
        return Role.COACH in self.roles


def display_name(user: User) -> str:
    """How allauth's pages and mails call somebody."""
    return str(user)


class RoleGrantQuerySet(models.QuerySet["RoleGrant"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self.filter(user__in=User.objects.visible_to(user).values("pk"))


class RoleGrant(BaseModel):
    """One role that one user has, and who gave it."""

    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="role_grants")
    role = models.CharField(max_length=12, choices=Role)
    granted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = RoleGrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="role_grant_once_per_user", fields=["user", "role"]),
            models.CheckConstraint(name="role_grant_is_known", condition=Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"


class ParticipantQuerySet(models.QuerySet["Participant"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Admins see all, a member sees who takes part on their account."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(Q(user=user) | Q(guest_of=user))

    def guests_of(self, user: User) -> Self:
        """Whom somebody may bring, by name."""
        return self.filter(guest_of=user, left_out_at=None).order_by(Lower("name"), "id")


class Participant(BaseModel):
    """Somebody who takes part: an account holder, a guest whom one brings, a visitor; later a child with guardians."""

    user = models.OneToOneField(User, models.PROTECT, null=True, related_name="participant")
    guest_of = models.ForeignKey(User, models.PROTECT, null=True, related_name="guests")
    name = models.CharField(_("Name"), max_length=NAME_LENGTH)
    # A guest who is not asked about any more; what they were booked for stays.
    left_out_at = models.DateTimeField(null=True)
    # Came once, and has no account: nobody's but their own, and known by what they booked alone.
    is_visitor = models.BooleanField(default=False, db_default=False)

    objects = ParticipantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="participant_is_somebodys",
                condition=Q(user__isnull=False, guest_of=None, left_out_at=None, is_visitor=False)
                | Q(user=None, guest_of__isnull=False, is_visitor=False)
                | Q(user=None, guest_of=None, left_out_at=None, is_visitor=True),
            ),
            models.UniqueConstraint(
                "guest_of", Lower("name"), name="participant_guest_once_by_name",
                condition=Q(guest_of__isnull=False, left_out_at=None),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name


class CoachProfileQuerySet(models.QuerySet["CoachProfile"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self if user.is_authenticated else self.none()


class CoachProfile(BaseModel):
    """How a coach introduces themselves."""

    user = models.OneToOneField(User, models.PROTECT, related_name="coach_profile")
    headline = models.CharField(_("Headline"), max_length=120, blank=True)
    bio = models.TextField(_("About"), max_length=2_000, blank=True)

    objects = CoachProfileQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.user)


class InviteQuerySet(models.QuerySet["Invite"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Invites are the admins' business; the invitee comes with the token, not with an account."""
        return self if getattr(user, "is_admin", False) else self.none()

    def open(self, now: datetime | None = None) -> Self:
        return self.filter(accepted_at=None, declined_at=None, revoked_at=None, expires_at__gt=now or clock.now())

    def links_of(self, user: User) -> Self:
        """Open ones by which `user` could come back, or let others in: sent to no mailbox, or making an admin."""
        return self.open().filter(Q(email="") | Q(role=Invite.Grant.ADMIN), created_by=user)


class Invite(BaseModel):
    """A single-use link that makes one account with one role, or is declined."""

    class Grant(models.TextChoices):
        MEMBER = "member", _("Member")
        COACH = "coach", _("Coach")
        ADMIN = "admin", _("Admin")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        ACCEPTED = "accepted", _("Accepted")
        DECLINED = "declined", _("Declined")
        REVOKED = "revoked", _("Revoked")
        EXPIRED = "expired", _("Expired")

    email = models.EmailField(_("E-mail"), blank=True)
    name = models.CharField(_("Name"), max_length=NAME_LENGTH, blank=True)
    role = models.CharField(_("Role"), max_length=12, choices=Grant, default=Grant.MEMBER)
    token_hash = models.CharField(max_length=HASH_LENGTH, unique=True)
    expires_at = models.DateTimeField(_("Expires"))
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    sent_at = models.DateTimeField(null=True)
    sent_count = models.PositiveSmallIntegerField(default=0)
    # Why the last mail did not leave; empty when it did.
    send_error = models.CharField(max_length=200, blank=True, editable=False)
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.OneToOneField(User, models.PROTECT, null=True, related_name="invite")
    declined_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = InviteQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="invite_has_one_outcome",
                condition=Q(declined_at=None, revoked_at=None)
                | Q(accepted_at=None, revoked_at=None)
                | Q(accepted_at=None, declined_at=None),
            ),
            models.CheckConstraint(
                name="invite_accepted_by_somebody",
                condition=Q(accepted_at=None, accepted_by=None)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
            ),
            models.UniqueConstraint(
                Lower("email"),
                name="invite_once_per_address",
                condition=Q(accepted_at=None, declined_at=None, revoked_at=None) & ~Q(email=""),
            ),
            models.CheckConstraint(name="invite_role_is_known", condition=Q(role__in=["member", "coach", "admin"])),
        ]

    def __str__(self) -> str:
        return self.email or self.name or str(_("Link"))

    def state(self, now: datetime | None = None) -> "Invite.State":
        if self.accepted_at:
            return self.State.ACCEPTED
        if self.declined_at:
            return self.State.DECLINED
        if self.revoked_at:
            return self.State.REVOKED
        return self.State.EXPIRED if self.expires_at <= (now or clock.now()) else self.State.OPEN


class ImportQuerySet(models.QuerySet["Import"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Whoever uploaded it, and the admins."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(created_by=user)

    def inviting_for(self, user: User) -> Self:
        """Files of people that `user` uploaded and that are under way."""
        return self.filter(created_by=user, kind=Import.Kind.PEOPLE, state=Import.State.RUNNING)


class Import(BaseModel):
    """A file read row by row: shown with every row's problem first, done only when confirmed."""

    class Kind(models.TextChoices):
        PEOPLE = "people", _("People")
        SESSIONS = "sessions", _("Sessions")

    class State(models.TextChoices):
        PREVIEW = "preview", _("To be confirmed")
        RUNNING = "running", _("Under way")
        DONE = "done", _("Done")

    kind = models.CharField(max_length=10, choices=Kind)
    file_name = models.CharField(max_length=200)
    rows = models.JSONField(default=list)
    # What holds for every row: whose sessions, seats, price and the like; what each kind of import needs.
    options = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.PREVIEW)
    rows_done = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = ImportQuerySet.as_manager()

    def __str__(self) -> str:
        return self.file_name

    def admins_to_come(self) -> list[dict[str, Any]]:
        """The rows that have still to invite an admin."""
        coming = self.rows[self.rows_done :]
        return [row for row in coming if not row["problem"] and row["data"].get("role") == Invite.Grant.ADMIN]


class VisitQuerySet(models.QuerySet["Visit"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Nobody's to see; who is signed in where is told by allauth's list of devices."""
        return self.none()


class Visit(AbstractBaseSession):
    """One browser's dealings with us, which Django calls a session: who signed in, and what they are in the middle of.

    The key is the hash of what the browser's cookie holds; see `people.visits`.
    """

    session_data = EncryptedField(bound_to="session_key")

    objects = BaseSessionManager.from_queryset(VisitQuerySet)()  # type: ignore[misc] # as Django itself has it
