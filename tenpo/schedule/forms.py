from datetime import date
from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Field, Q
from django.db.models.functions import Now
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.forms import FIRST_DAY, LAST_DAY, AmountField, DayField, ZoneField, one_of_these
from tenpo.orders.models import CancellationPolicy
from tenpo.people.models import User
from tenpo.schedule.actions.series import FollowingChanges, SeriesTerms
from tenpo.schedule.actions.sessions import AS_BOOKED, MIN_SESSION_MINUTES, SessionTerms
from tenpo.schedule.beside_forms import beside_field, beside_field_of
from tenpo.schedule.ical_reading import MAX_BYTES
from tenpo.schedule.made_by_forms import creator_field
from tenpo.schedule.models import MAX_SESSION_MINUTES, Session, SessionCoach
from tenpo.schedule.occurrences import Moment, WeeklyRule, last_day_of_weeks, local_moment
from tenpo.schedule.queries import SessionFilter


def of_session(name: str, **kwargs: Any) -> forms.Field:
    """The form field of a session's own field, with its limits and its label."""
    field = Session._meta.get_field(name)
    assert isinstance(field, Field)
    made = field.formfield(**kwargs)
    assert made is not None
    return made


def time_field(label: Any, **kwargs: Any) -> forms.TimeField:
    """A time of day."""
    return forms.TimeField(label=label, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"), **kwargs)


def policy_field() -> "forms.ModelChoiceField[CancellationPolicy]":
    """Which cancellation policy holds; none chosen is the usual one."""
    return forms.ModelChoiceField(
        label=gettext_lazy("Cancellation policy"),
        queryset=CancellationPolicy.objects.filter(retired_at=None).order_by("-is_default", "name"),
        required=False,
        empty_label=gettext_lazy("The usual one"),
    )


class CoachField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Whose session it is."""

    def __init__(self, **kwargs: Any) -> None:
        coaches = User.objects.coaches().active().order_by("name", "id")
        super().__init__(queryset=coaches, label=gettext_lazy("Coach"), **kwargs)


class AnyCoachField(CoachField):
    """Whose time it is; also a coach whose account is disabled, and who was to give something yet."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        to_come = SessionCoach.objects.filter(session__starts_at__gt=Now(), session__status=Session.Status.PLANNED)
        is_wanted = Q(disabled_at=None) | Q(pk__in=to_come.values("coach"))
        self.queryset = User.objects.coaches().filter(is_wanted).order_by("name", "id")

    def label_from_instance(self, coach: Any) -> str:
        """Their name, and that they are not here any more."""
        return str(coach) if coach.disabled_at is None else _("%(name)s (account disabled)") % {"name": coach}


class OfferForm(forms.Form):
    """What a session offers, apart from when; for one, and for those of a series."""

    title = of_session("title")
    description = of_session("description", widget=forms.Textarea(attrs={"rows": 5}))
    place = one_of_these(of_session("place", help_text=gettext_lazy("A place, or a link: one of them is needed.")))
    join_link = one_of_these(
        of_session(
            "join_link",
            widget=forms.URLInput(attrs={"placeholder": "https://"}),
            help_text=gettext_lazy("Shown to those who booked."),
            assume_scheme="https",
        )
    )
    capacity = of_session("capacity", initial=10, widget=forms.NumberInput(attrs={"inputmode": "numeric"}))
    price = AmountField(label=gettext_lazy("Price"), initial="0")
    cancellation_policy = policy_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = current_business().currency

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        typed = {name for name in ("place", "join_link") if self.data.get(self.add_prefix(name))}
        if not typed and not self.errors.keys() & {"place", "join_link"}:
            self.add_error("place", _("Say where it takes place, or give a link to join."))
        return cleaned

    def offer(self) -> dict[str, Any]:
        """The fields of a session that this form knows; nothing where nothing was chosen."""
        names = ("title", "description", "place", "join_link", "capacity", "price", "cancellation_policy", "creator")
        values = {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}
        if values.get("cancellation_policy") is None:
            values.pop("cancellation_policy", None)
        return values


class SessionForm(OfferForm):
    """One session, created or edited; date and time are those of its own time zone."""

    day = DayField(label=gettext_lazy("Date"))
    at = time_field(gettext_lazy("Start"))
    minutes = forms.IntegerField(
        label=gettext_lazy("Length"), min_value=MIN_SESSION_MINUTES, max_value=MAX_SESSION_MINUTES, initial=60
    )
    time_zone = ZoneField()
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, viewer: User, session: Session | None = None, **kwargs: Any) -> None:
        super().__init__(*args, initial=_initial(session) if session else kwargs.pop("initial", None), **kwargs)
        self.viewer, self.session = viewer, session
        if session is None:
            self.fields["time_zone"].initial = viewer.time_zone
            if viewer.is_admin:
                self.fields["coach"] = CoachField(initial=viewer if viewer.is_coach else None)
            self.fields |= beside_field(viewer) | creator_field(viewer)
            self.order_fields(["coach", "title"])
        else:
            self.fields["cancellation_policy"].required = True
            for name in AS_BOOKED if session.is_private else ():
                del self.fields[name]
            self.fields |= beside_field_of(viewer, session) | creator_field(viewer, session.creator_id)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        day, at, zone = (cleaned.get(name) for name in ("day", "at", "time_zone"))
        if not (day and at and zone):
            return cleaned
        moment = local_moment(day, at, zone)
        if moment.is_shifted:
            self.add_error("at", _("The clocks go forward that night, and this time does not exist."))
        elif self.session and moment.at == self.session.starts_at.replace(second=0, microsecond=0):
            # The form has no seconds; an edit of something else is no change of time.
            moment = Moment(self.session.starts_at)
        elif moment.at <= clock.now():
            self.add_error("day", _("This time is over."))
        cleaned["starts_at"] = moment.at
        return cleaned

    def terms(self) -> SessionTerms:
        """The whole session, as the actions take it."""
        values = self.offer()
        for name in ("starts_at", "minutes", "time_zone"):
            values[name] = self.cleaned_data[name]
        return values  # type: ignore[return-value]

    def whose(self) -> User:
        chosen: User = self.cleaned_data.get("coach") or self.viewer
        return chosen

    def others(self) -> list[User]:
        """Who gives it with its coach."""
        return list(self.cleaned_data.get("beside") or ())

    def beside(self) -> list[User] | None:
        """Who is to give it with its coach; None where the viewer does not say."""
        return self.others() if "beside" in self.fields else None


def _initial(session: Session) -> dict[str, Any]:
    start = session.starts_at.astimezone(ZoneInfo(session.time_zone))
    names = ("title", "description", "place", "join_link", "capacity", "price", "cancellation_policy", "minutes")
    values = {name: getattr(session, name) for name in names}
    return {
        **values,
        "day": start.date(),
        "at": start.time().replace(second=0, microsecond=0),
        "time_zone": session.time_zone,
        "version": session.version,
        "beside": session.coach_ids[1:],
        "creator": session.creator_id,
    }


class ReasonForm(forms.Form):
    """Why something is called off; those who booked read it."""

    reason = of_session(
        "cancel_reason",
        label=gettext_lazy("Why"),
        help_text=gettext_lazy("Everybody who booked reads this."),
        widget=forms.TextInput(),
    )


class WaiverForm(forms.Form):
    """Why a host lets somebody off; whoever booked reads it."""

    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=300, help_text=gettext_lazy("Whoever booked reads this.")
    )


class FindForm(forms.Form):
    """What somebody looks for among the coming sessions."""

    q = forms.CharField(
        label=gettext_lazy("Words"), required=False, max_length=100, widget=forms.TextInput(attrs={"type": "search"})
    )
    coach = CoachField(required=False, empty_label=gettext_lazy("Everybody"))
    since = DayField(label=gettext_lazy("From"), required=False)
    until = DayField(label=gettext_lazy("Until"), required=False)
    free = forms.BooleanField(label=gettext_lazy("Only with free seats"), required=False)

    @property
    def is_narrow(self) -> bool:
        """Whether anything was asked for."""
        return any(self.data.get(name) for name in self.fields)

    def wanted(self) -> SessionFilter:
        """What can be understood of what was typed; the rest is no filter."""
        self.full_clean()
        known = self.cleaned_data
        coach = known.get("coach")
        return SessionFilter(
            words=known.get("q", ""),
            coach_id=coach.pk if coach else None,
            since=known.get("since"),
            until=known.get("until"),
            only_free=bool(known.get("free")),
        )


class TeachingForm(forms.Form):
    """Whose sessions an admin looks at."""

    coach = CoachField(required=False, empty_label=gettext_lazy("Everybody"))

    def chosen(self) -> User | None:
        """The coach, when one was chosen."""
        self.full_clean()
        chosen: User | None = self.cleaned_data.get("coach")
        return chosen


class WeekForm(forms.Form):
    """Which week is looked at, and whose: one's own, or for an admin any coach's."""

    coach = CoachField(required=False, empty_label=None)
    day = DayField(required=False)

    def __init__(self, data: Any, *, viewer: User) -> None:
        super().__init__(data)
        self.viewer = viewer
        if not viewer.is_admin:
            del self.fields["coach"]
        elif first := self._usual():
            self.fields["coach"].initial = first

    def _usual(self) -> User | None:
        if self.viewer.is_coach:
            return self.viewer
        first: User | None = User.objects.coaches().active().order_by("name", "id").first()
        return first

    def whose(self) -> User | None:
        """The coach who was chosen; without one oneself, or the first of all; None while there is no coach."""
        self.full_clean()
        chosen: User | None = self.cleaned_data.get("coach")
        return chosen or self._usual()

    def which(self) -> date | None:
        """The day that was asked for, when it makes sense."""
        self.full_clean()
        day: date | None = self.cleaned_data.get("day")
        return day if day and FIRST_DAY < day < LAST_DAY else None


class ClientFilter(TeachingForm):
    """Which clients somebody looks for; an admin also whose."""

    q = forms.CharField(
        label=gettext_lazy("Who"), required=False, max_length=80, widget=forms.TextInput(attrs={"type": "search"})
    )
    field_order = ["q", "coach"]

    def __init__(self, data: Any, *, viewer: User) -> None:
        super().__init__(data)
        if not viewer.is_admin:
            del self.fields["coach"]

    def words(self) -> str:
        """What was typed, when it makes sense."""
        self.full_clean()
        typed: str = self.cleaned_data.get("q", "")
        return typed


class CalendarFileForm(forms.Form):
    """A calendar file, and whose sessions its events become."""

    file = forms.FileField(
        label=gettext_lazy("Calendar file"),
        help_text=gettext_lazy("An .ics file, as every calendar program exports it; up to 1 MB and 500 events."),
        widget=forms.FileInput(attrs={"accept": ".ics,text/calendar"}),
    )

    def __init__(self, *args: Any, viewer: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if viewer.is_admin:
            self.fields["coach"] = CoachField(initial=viewer if viewer.is_coach else None)
        self.fields |= beside_field(viewer)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise ValidationError(_("The file is larger than 1 MB."))
        return file


class ImportOptionsForm(forms.Form):
    """What holds for every session of a file, as the file does not say it."""

    capacity = of_session("capacity", initial=10)
    price = AmountField(label=gettext_lazy("Price"), initial="0")
    place = of_session("place", help_text=gettext_lazy("For events that do not say where they take place."))
    cancellation_policy = policy_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = current_business().currency

    def terms(self) -> dict[str, Any]:
        """As the action takes them."""
        names = ("capacity", "price", "place", "cancellation_policy")
        return {name: self.cleaned_data[name] for name in names}


class SeriesForm(OfferForm):
    """A weekly series: on which days, at which hour, for how many weeks or until when."""

    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Every"), choices=WEEKDAYS.items, coerce=int, widget=forms.CheckboxSelectMultiple
    )
    first_day = DayField(label=gettext_lazy("From"))
    at = time_field(gettext_lazy("Start"))
    minutes = forms.IntegerField(
        label=gettext_lazy("Length"), min_value=MIN_SESSION_MINUTES, max_value=MAX_SESSION_MINUTES, initial=60
    )
    time_zone = ZoneField(help_text=gettext_lazy("The hour stays the same on this clock, summer and winter."))
    weeks = forms.IntegerField(
        label=gettext_lazy("For how many weeks"), min_value=1, max_value=104, required=False, initial=8
    )
    until = DayField(label=gettext_lazy("Or until"), required=False)

    def __init__(self, *args: Any, viewer: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.viewer = viewer
        self.fields["time_zone"].initial = viewer.time_zone
        if viewer.is_admin:
            self.fields["coach"] = CoachField(initial=viewer if viewer.is_coach else None)
        self.fields |= beside_field(viewer) | creator_field(viewer)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not cleaned.get("weeks") and not cleaned.get("until") and not self.errors.keys() & {"weeks", "until"}:
            self.add_error("weeks", _("Say for how many weeks, or until when."))
        return cleaned

    def rule(self) -> WeeklyRule:
        """The rule; a last day goes before a number of weeks."""
        values = self.cleaned_data
        last_day = values.get("until") or last_day_of_weeks(values["first_day"], values["weeks"])
        days = tuple(sorted(values["weekdays"]))
        return WeeklyRule(days, values["first_day"], last_day, values["at"], values["time_zone"])

    def terms(self) -> SeriesTerms:
        """What every session is, as the action takes it."""
        return {**self.offer(), "minutes": self.cleaned_data["minutes"]}  # type: ignore[typeddict-item]

    def whose(self) -> User:
        """The coach."""
        chosen: User = self.cleaned_data.get("coach") or self.viewer
        return chosen

    def others(self) -> list[User]:
        """Who gives it with its coach."""
        return list(self.cleaned_data.get("beside") or ())


class FollowingForm(OfferForm):
    """What can be edited of many sessions at once."""

    def __init__(self, *args: Any, viewer: User, session: Session, **kwargs: Any) -> None:
        initial = _initial(session)
        super().__init__(*args, initial=initial, **kwargs)
        del self.fields["cancellation_policy"]
        self.fields |= beside_field_of(viewer, session) | creator_field(viewer, session.creator_id)

    def changes(self) -> FollowingChanges:
        """Only what was changed: each session keeps what differs from this one otherwise."""
        changed = {name: value for name, value in self.offer().items() if name in self.changed_data}
        return cast(FollowingChanges, changed)

    def beside(self) -> list[User] | None:
        """Who is to give each of them with its coach, where that was changed."""
        return list(self.cleaned_data["beside"]) if "beside" in self.changed_data else None
