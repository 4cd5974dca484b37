"""What falls into a coach's time off, and is handed over to whoever stands in."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.people.models import User
from tenpo.schedule.actions.standing_in import HandedOver, hand_over, take_back
from tenpo.schedule.availability_queries import Away, zone_of
from tenpo.schedule.models import TimeOff
from tenpo.schedule.permissions import can_hand_over
from tenpo.schedule.queries import cancellation_effect
from tenpo.schedule.stand_in_queries import hand_overs_in, stood_in, time_off_of
from tenpo.schedule.views.teaching import teacher


@login_required
@require_safe
def stand_in(request: HttpRequest, time_off_id: UUID) -> HttpResponse:
    """What can be handed over to whoever stands in, what cannot and why, and what they have by now."""
    user = teacher(request)
    off = time_off_of(user, time_off_id)
    found = hand_overs_in(off, by=user)
    theirs = stood_in(off)
    ready = [one.session for one in found if not one.code]
    context = {
        "off": off,
        # By the clock of who is away, as beside their hours.
        "when": Away(off, [], 0, zone_of(off.coach)).said(),
        "ready": ready,
        "left": [one for one in found if one.code],
        "theirs": theirs,
        "people": cancellation_effect(ready).people if ready else 0,
    }
    return render(request, "schedule/stand_in.html", context)


@login_required
@require_POST
def stand_in_hand_over(request: HttpRequest, time_off_id: UUID) -> HttpResponse:
    """Hand over those that were chosen."""
    user = teacher(request)
    off = time_off_of(user, time_off_id)
    hit("hand-over-user", user.pk)
    try:
        done = hand_over(off, by=user, only=_chosen(request))
    except RuleError as refusal:
        messages.error(request, str(refusal))
    else:
        words = ngettext(
            "%(n)s session is with %(coach)s now. Everybody who comes is told.",
            "%(n)s sessions are with %(coach)s now. Everybody who comes is told.",
            len(done.given),
        )
        _say(request, done, words % {"n": len(done.given), "coach": off.stand_in})
    return redirect("schedule:stand-in", off.pk)


@login_required
@require_POST
def stand_in_take_back(request: HttpRequest, time_off_id: UUID) -> HttpResponse:
    """Take back what whoever stands in was to give."""
    user = teacher(request)
    off = time_off_of(user, time_off_id)
    _take_back(request, user, off, off.coach)
    return redirect("schedule:stand-in", off.pk)


@login_required
@require_POST
def stood_in_take_back(request: HttpRequest, coach_id: UUID) -> HttpResponse:
    """Take back all that others give in a coach's place, whatever became of the time off."""
    user = teacher(request)
    coach: User = get_object_or_404(User.objects.visible_to(user).with_roles(), pk=coach_id)
    if not can_hand_over(user, coach=coach):
        raise Http404
    _take_back(request, user, coach, coach)
    return redirect("schedule:hours", coach.pk)


def _take_back(request: HttpRequest, user: User, of: TimeOff | User, coach: User) -> None:
    hit("hand-over-user", user.pk)
    try:
        done = take_back(of, by=user)
    except RuleError as refusal:
        messages.error(request, str(refusal))
    else:
        words = ngettext(
            "%(n)s session is with %(coach)s again. Everybody who comes is told.",
            "%(n)s sessions are with %(coach)s again. Everybody who comes is told.",
            len(done.given),
        )
        _say(request, done, words % {"n": len(done.given), "coach": coach})


def _chosen(request: HttpRequest) -> set[UUID]:
    """The sessions that were ticked; what is no id is none."""
    found = set()
    for text in request.POST.getlist("session"):
        try:
            found.add(UUID(text))
        except ValueError:
            continue
    return found


def _say(request: HttpRequest, done: HandedOver, words: str) -> None:
    if done.given:
        messages.success(request, words)
    elif not done.left:
        messages.warning(request, _("Nothing was chosen that could still be handed over."))
    for one in done.left:
        messages.warning(request, f"{one.session.title}: {one.reason}")
