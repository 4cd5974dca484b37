from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.people.models import User
from tenpo.schedule.actions import hours as actions
from tenpo.schedule.actions import time_off as away
from tenpo.schedule.availability_queries import coming_days, coming_time_off, hours_of, taught_during, zone_of
from tenpo.schedule.forms import AnyCoachField
from tenpo.schedule.free_days import holidays_between
from tenpo.schedule.hours_forms import AwayForm, DayForm, TermsForm, TravelForm, WeekForm
from tenpo.schedule.models import TimeOff, Travel, WorkingTerms
from tenpo.schedule.permissions import can_manage_hours, can_say_away
from tenpo.schedule.stand_in_queries import has_to_hand_over, stood_in
from tenpo.schedule.views.teaching import add_problems, teacher
from tenpo.schedule.weekly_hours import digest_of_week

HOLIDAYS_SHOWN = 6


class WhoseForm(Form):
    """Whose time an admin looks at."""

    coach = AnyCoachField(required=False, empty_label=None)


@dataclass
class Forms:
    """What a page of hours is made of; each is what was sent, or what there is."""

    week: WeekForm | None = None
    day: DayForm | None = None
    off: AwayForm | None = None
    travel: TravelForm | None = None
    terms: TermsForm | None = None


@login_required
@require_safe
def hours_home(request: HttpRequest) -> HttpResponse:
    """My working hours; an admin chooses whose."""
    user = teacher(request)
    chosen = WhoseForm(request.GET)
    chosen.full_clean()
    coach = chosen.cleaned_data.get("coach") if user.is_admin else None
    if coach is None:
        coach = user if user.is_coach else User.objects.coaches().active().order_by("name", "id").first()
    if coach is None:
        return render(request, "schedule/hours_nobody.html")
    if user.is_admin and chosen.errors:
        return _page(request, User.objects.with_roles().get(pk=coach.pk), Forms(), whose=chosen)
    return redirect("schedule:hours", coach.pk)


@login_required
@require_http_methods(["GET", "POST"])
def hours(request: HttpRequest, coach_id: UUID) -> HttpResponse:
    """The week of a coach, and what stands beside it; the whole week is sent at once."""
    user, coach = _whose(request, coach_id, may=can_manage_hours if request.method == "POST" else can_say_away)
    if request.method != "POST":
        return _page(request, coach, Forms())
    form = WeekForm(request.POST, hours=())
    if form.is_valid():
        try:
            actions.set_weekly_hours(coach, form.hours(), by=user, seen=request.POST.get("seen") or None)
        except RuleError as refusal:
            form.errors.append(str(refusal))
        except ValidationError as error:
            form.errors.extend(error.messages)
        else:
            messages.success(request, _("Saved. What is booked already stays."))
            return redirect("schedule:hours", coach.pk)
    return _page(request, coach, Forms(week=form))


@login_required
@require_POST
def day_set(request: HttpRequest, coach_id: UUID) -> HttpResponse:
    """Say a day that is not as its weekday, or let it be as its weekday again."""
    user, coach = _whose(request, coach_id)
    form = DayForm(request.POST)

    def set_it() -> None:
        if request.POST.get("act") == "clear":
            actions.clear_day(coach, form.cleaned_data["day"], by=user)
        else:
            actions.set_day(coach, form.cleaned_data["day"], form.hours(), by=user)
        messages.success(request, _("Saved. What is booked already stays."))

    return _answer(request, coach, Forms(day=form), form, set_it)


@login_required
@require_POST
def time_off_add(request: HttpRequest, coach_id: UUID) -> HttpResponse:
    """Say when a coach is away; what is booked in it is named, not cancelled, and may be handed over next."""
    user, coach = _whose(request, coach_id, may=can_say_away)
    form = AwayForm(request.POST, coach=coach, zone=zone_of(coach))

    def add() -> HttpResponse | None:
        starts_at, ends_at = form.times()
        known = form.cleaned_data
        off = away.add_time_off(
            coach, starts_at=starts_at, ends_at=ends_at, by=user, reason=known["reason"], stand_in=known["stand_in"]
        )
        if off.stand_in_id and has_to_hand_over(off):
            messages.success(request, _("Saved. Choose what to hand over."))
            return redirect("schedule:stand-in", off.pk)
        _say_what_falls_into(request, off)
        return None

    return _answer(request, coach, Forms(off=form), form, add, add_problems=_add_away)


@login_required
@require_POST
def time_off_remove(request: HttpRequest, time_off_id: UUID) -> HttpResponse:
    """Be there after all."""
    return _removed(request, TimeOff, time_off_id, away.remove_time_off)


@login_required
@require_POST
def travel_add(request: HttpRequest, coach_id: UUID) -> HttpResponse:
    """Let the hours be those of another zone on some days."""
    user, coach = _whose(request, coach_id)
    form = TravelForm(request.POST)

    def add() -> None:
        away.add_travel(coach, by=user, **form.cleaned_data)
        messages.success(request, _("Saved. What is booked already stays."))

    return _answer(request, coach, Forms(travel=form), form, add)


@login_required
@require_POST
def travel_remove(request: HttpRequest, travel_id: UUID) -> HttpResponse:
    """Let the hours be those of the coach's own zone."""
    return _removed(request, Travel, travel_id, away.remove_travel)


@login_required
@require_POST
def working_terms_set(request: HttpRequest, coach_id: UUID) -> HttpResponse:
    """Say the clock, the holidays and how much at most."""
    user, coach = _whose(request, coach_id)
    form = TermsForm(request.POST, terms=_terms(coach), account_zone=coach.time_zone)

    def set_them() -> None:
        actions.set_working_terms(coach, by=user, **form.terms())
        messages.success(request, _("Saved. What is booked already stays."))

    return _answer(request, coach, Forms(terms=form), form, set_them)


def _answer(
    request: HttpRequest,
    coach: User,
    sent: Forms,
    form: Form,
    act: Callable[[], HttpResponse | None],
    *,
    add_problems: Callable[[Any, RuleError | ValidationError], None] = add_problems,
) -> HttpResponse:
    """Do what a form says, and show the page again; with its problems beside its fields where it is refused."""
    if form.is_valid():
        try:
            answer = act()
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
        else:
            return answer or redirect("schedule:hours", coach.pk)
    return _page(request, coach, sent)


def _removed[Row: (TimeOff, Travel)](
    request: HttpRequest, model: type[Row], pk: UUID, remove: Callable[..., object]
) -> HttpResponse:
    """Take away what was said of some days of somebody's, and show the page again."""
    user = teacher(request)
    row = get_object_or_404(model.objects.visible_to(user).select_related("coach"), pk=pk)
    remove(row, by=user)
    messages.success(request, _("Removed."))
    return redirect("schedule:hours", row.coach_id)


def _whose(request: HttpRequest, coach_id: UUID, *, may: Callable[..., bool] = can_manage_hours) -> tuple[User, User]:
    """Who asks, and whose time it is; Http404 where it is not theirs to say."""
    user = teacher(request)
    coach: User = get_object_or_404(User.objects.visible_to(user).with_roles(), pk=coach_id)
    if not may(user, coach=coach):
        raise Http404
    return user, coach


def _terms(coach: User) -> WorkingTerms:
    return WorkingTerms.objects.filter(coach=coach).first() or WorkingTerms(coach=coach)


def _page(request: HttpRequest, coach: User, sent: Forms, *, whose: WhoseForm | None = None) -> HttpResponse:
    said, terms = hours_of(coach), _terms(coach)
    zone = terms.time_zone or coach.time_zone
    today = clock.now().date()
    free = holidays_between(terms.holidays_of, today, today + timedelta(days=365), language=get_language() or "en")
    context: dict[str, Any] = {
        "coach": coach,
        "is_own": coach == request.user,
        "whose": whose or WhoseForm(initial={"coach": coach.pk}) if getattr(request.user, "is_admin", False) else None,
        "zone": zone,
        "week": sent.week or WeekForm(None, hours=said),
        "seen": request.POST.get("seen", "") if sent.week else digest_of_week(said),
        "days": coming_days(coach),
        "day_form": sent.day or DayForm(),
        "time_off": coming_time_off(coach, zone=zone),
        "theirs": stood_in(coach),
        "off_form": sent.off or AwayForm(coach=coach, zone=zone),
        "travels": Travel.objects.filter(coach=coach, ends_on__gte=today).order_by("starts_on", "id"),
        "travel_form": sent.travel or TravelForm(initial={"time_zone": zone}),
        "terms_form": sent.terms or TermsForm(terms=terms, account_zone=coach.time_zone),
        "holidays": [{"day": day, "name": name} for day, name in list(free.items())[:HOLIDAYS_SHOWN]],
        "open": next((name for name, form in vars(sent).items() if form is not None), ""),
    }
    is_wrong = any(form is not None for form in vars(sent).values())
    # Of whoever is not here any more it is said who gives what they were to give, and nothing else.
    template = "schedule/hours.html" if coach.disabled_at is None else "schedule/hours_disabled.html"
    return render(request, template, context, status=422 if is_wrong else 200)


def _say_what_falls_into(request: HttpRequest, off: TimeOff) -> None:
    count = taught_during(off.coach_id, off.starts_at, off.ends_at).count()
    if not count:
        messages.success(request, _("Saved. Nothing is planned in this time."))
        return
    words = ngettext(
        "Saved. %(n)s session falls into this time. It takes place unless you move or cancel it.",
        "Saved. %(n)s sessions fall into this time. They take place unless you move or cancel them.",
        count,
    )
    messages.warning(request, words % {"n": count})


def _add_away(form: AwayForm, error: RuleError | ValidationError) -> None:
    """The action speaks of moments, the form of days."""
    if isinstance(error, ValidationError) and hasattr(error, "error_dict"):
        names = {"starts_at": "first_day", "ends_at": "last_day"}
        for name, texts in error.message_dict.items():
            for text in texts:
                form.add_error(names.get(name, name), text)
    else:
        add_problems(form, error)
