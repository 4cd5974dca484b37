"""What two say of each other after a session, and what people say of a coach."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.limits import REVIEW_BLIND_DAYS
from tenpo.people.http import page_of
from tenpo.people.models import User
from tenpo.schedule.actions.reviews import is_open_for_reviews, write_review
from tenpo.schedule.meeting_forms import ReviewForm
from tenpo.schedule.models import Booking
from tenpo.schedule.permissions import can_review
from tenpo.schedule.queries import coach_rating
from tenpo.schedule.review_models import SessionReview
from tenpo.schedule.views.teaching import add_problems

BLIND_FOR = timedelta(days=REVIEW_BLIND_DAYS)


@login_required
@require_http_methods(["GET", "POST"])
def booking_review(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """One's own words about the other side, and theirs, once neither is blind."""
    user = request.user
    assert isinstance(user, User)
    rows = Booking.objects.visible_to(user).select_related("session__coach", "participant", "booked_by")
    booking = get_object_or_404(rows, pk=booking_id)
    side = side_of(user, booking)
    said = reviews_of(user, booking)
    mine, theirs = said.get(side), said.get(SessionReview.Side.COACH if side == "participant" else "participant")
    initial = {"rating": mine.rating, "comment": mine.comment} if mine else None
    form = ReviewForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            write_review(booking, side=side, by=user, **form.cleaned_data)
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
        else:
            messages.success(request, _("Thank you. Your words are kept."))
            return redirect("schedule:booking-review", booking.pk)
    context = {
        "booking": booking,
        "session": booking.session,
        "is_coach": side == SessionReview.Side.COACH,
        "form": form,
        "mine": mine,
        "theirs": theirs,
        "is_open": theirs is not None or clock.now() >= booking.session.ends_at + BLIND_FOR,
        "is_fixed": mine is not None and mine.is_open,
        "can_write": booking.state == Booking.State.ATTENDED and is_open_for_reviews(booking.session),
    }
    return render(request, "schedule/booking_review.html", context, status=422 if form.errors else 200)


@login_required
@require_safe
def coach_reviews(request: HttpRequest, coach_id: UUID) -> HttpResponse:
    """What people who were there say of a coach."""
    user = request.user
    assert isinstance(user, User)
    coach = get_object_or_404(User.objects.visible_to(user).coaches().select_related("coach_profile"), pk=coach_id)
    rows = SessionReview.objects.of_coach(coach).opened().select_related("participant", "session")
    page = page_of(request, rows, order=("-id",))
    context = {"coach": coach, "rating": coach_rating(coach), "reviews": page.items, "next": page.next_cursor}
    return render(request, "schedule/coach_reviews.html", context)


def side_of(user: User, booking: Booking) -> SessionReview.Side:
    """As which side somebody speaks of a booking; Http404 for who is neither."""
    for side in (SessionReview.Side.PARTICIPANT, SessionReview.Side.COACH):
        if can_review(user, booking, is_coach=side == SessionReview.Side.COACH):
            return side
    raise Http404


def reviews_of(user: User, booking: Booking) -> dict[Any, Any]:
    """What `user` may read of the two reviews, by side, each with whether both may."""
    of = SessionReview.objects.filter(session=booking.session_id, participant=booking.participant_id)
    opened = set(of.opened().values_list("pk", flat=True))
    found = {}
    for review in of.visible_to(user):
        review.is_open = review.pk in opened  # type: ignore[attr-defined]
        found[review.side] = review
    return found
