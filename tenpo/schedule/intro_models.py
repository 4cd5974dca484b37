"""Free sessions that visitors have with a coach, without an account."""

from typing import TYPE_CHECKING, Self

from allauth.account.models import EmailAddress
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.fields import EncryptedField
from tenpo.core.models import TIME_ZONE_LENGTH, BaseModel
from tenpo.people.models import HASH_LENGTH, Participant, User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

LOCALE_LENGTH = 10


class IntroQuerySet(models.QuerySet["Intro"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Its coach, the admins, and whoever has an account by now with its address, once that is verified.

        A visitor comes with the link, not with an account.
        """
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        return self.filter(Q(coach=user) | Q(pk__in=Intro.objects.of(user).values("pk")))

    def of(self, user: User) -> Self:
        """Those that were booked with an address that is `user`'s own by now, and were confirmed."""
        own = EmailAddress.objects.filter(user=user, verified=True).annotate(written=Lower("email")).values("written")
        return self.filter(email__in=own, confirmed_at__isnull=False)

    def live(self) -> Self:
        return self.exclude(state=Intro.State.CANCELLED)

    def lapsed(self) -> Self:
        """Those that nobody confirmed in time, and that are not let go yet."""
        return self.filter(state=Intro.State.HELD, held_until__lte=clock.now())


class Intro(BaseModel):
    """A visitor's free session with a coach: held until the mailed link confirms it, and theirs from then on.

    Whoever it is has a participant without a user. Their name, address and answers go some time after it is over.
    """

    class State(models.TextChoices):
        HELD = "held", _("Held until it is confirmed")
        CONFIRMED = "confirmed", _("Booked")
        ATTENDED = "attended", _("Attended")
        NO_SHOW = "no_show", _("Did not come")
        CANCELLED = "cancelled", _("Cancelled")

    class Ending(models.TextChoices):
        BY_VISITOR = "visitor", _("Cancelled by the visitor")
        BY_HOST = "host", _("Cancelled by the coach")
        EXPIRED = "expired", _("Not confirmed in time")

    # Who has one.
    PLACED = ("confirmed", "attended", "no_show")

    session = models.OneToOneField("schedule.Session", models.PROTECT, related_name="intro")
    coach = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="intros")
    participant = models.OneToOneField(Participant, models.PROTECT, related_name="intro")
    # In small letters; empty once it was forgotten.
    email = models.EmailField(_("E-mail"), blank=True)
    # On whose clock and in which language they are written to.
    time_zone = models.CharField(max_length=TIME_ZONE_LENGTH)
    locale = models.CharField(max_length=LOCALE_LENGTH)
    answers = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.HELD)
    # Whether its service gives each address one with each coach.
    is_only = models.BooleanField(default=True)
    # Asked for with an address that has one already: the mail says so, and it is never confirmed. To everybody else it
    # is like any other, so that nobody learns whose address was here before.
    is_repeat = models.BooleanField(default=False)
    held_until = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=8, choices=Ending, blank=True)
    # The link: read to be mailed again, compared by its hash. Both are gone once it was forgotten.
    link = EncryptedField(null=True)
    token_hash = models.CharField(max_length=HASH_LENGTH, unique=True, null=True)
    forgotten_at = models.DateTimeField(null=True)

    objects = IntroQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="intro_one_for_each_address_and_coach",
                fields=["coach", "email"],
                condition=Q(is_only=True, state__in=["confirmed", "attended", "no_show"]) & ~Q(email=""),
            ),
            models.CheckConstraint(
                name="intro_state_is_known",
                condition=Q(state__in=["held", "confirmed", "attended", "no_show", "cancelled"]),
            ),
            models.CheckConstraint(
                name="intro_held_has_an_end",
                condition=Q(state="held", held_until__isnull=False) | (~Q(state="held") & Q(held_until=None)),
            ),
            models.CheckConstraint(
                name="intro_confirmed_has_a_time",
                condition=~Q(state__in=["confirmed", "attended", "no_show"]) | Q(confirmed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="intro_cancelled_says_how",
                condition=(Q(state="cancelled", cancelled_at__isnull=False) & ~Q(ending=""))
                | (~Q(state="cancelled") & Q(cancelled_at=None, ending="")),
            ),
            models.CheckConstraint(
                name="intro_of_a_known_address_is_not_confirmed",
                condition=Q(is_repeat=False) | Q(confirmed_at=None),
            ),
            models.CheckConstraint(name="intro_address_is_in_small_letters", condition=Q(email=Lower(F("email")))),
            models.CheckConstraint(
                name="intro_forgotten_says_nothing",
                condition=Q(forgotten_at=None)
                | Q(email="", answers=Value([], models.JSONField()), link__isnull=True, token_hash=None),
            ),
        ]
        indexes = [
            models.Index(name="intro_by_coach", fields=["coach", "-id"]),
            models.Index(name="intro_hold_ends", fields=["held_until"], condition=Q(state="held")),
            models.Index(name="intro_to_forget", fields=["created_at"], condition=Q(forgotten_at=None)),
        ]

    def __str__(self) -> str:
        # Written down with every change of it, and never again: so it says nobody's name.
        return str(self.pk)
