from allauth.mfa.models import Authenticator
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from tenpo.access.models import ApiClient
from tenpo.core import clock
from tenpo.people.http import PageRequest
from tenpo.people.models import CoachProfile, Role, User
from tenpo.schedule.models import Booking, Session

SESSIONS_SHOWN = 5
KEYS_SHOWN = 20


@login_required
@require_safe
def person(request: PageRequest, user_id: str) -> HttpResponse:
    """One person: for everybody the coach that they are, for an admin also their account."""
    shown = get_object_or_404(User.objects.visible_to(request.user).with_roles(), pk=user_id)
    now = clock.now()
    context = {
        "shown": shown,
        "profile": CoachProfile.objects.visible_to(request.user).filter(user=shown).first() if shown.is_coach else None,
        "sessions": _coming(request.user, shown) if shown.is_coach else [],
    }
    if request.user.is_admin:
        bookings = Booking.objects.visible_to(request.user).filter(participant__user=shown)
        context |= {
            "bookings": bookings.aggregate(all=Count("pk"), coming=Count("pk", filter=Q(session__starts_at__gt=now))),
            "keys": ApiClient.objects.visible_to(request.user).filter(owner=shown).order_by("-id")[:KEYS_SHOWN],
            "has_second_step": Authenticator.objects.filter(user=shown).exists(),
            "role_names": Role,
        }
    return render(request, "web/person.html", context)


def _coming(viewer: User, coach: User) -> list[Session]:
    coming = Session.objects.visible_to(viewer).taught_by(coach).upcoming()
    return list(coming.order_by("starts_at", "pk")[:SESSIONS_SHOWN])
