from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tenpo.notify.actions.notifications import mark_all_read, mark_read
from tenpo.notify.kinds import Words, all_kinds, say
from tenpo.notify.models import Notification
from tenpo.people.http import page_of
from tenpo.people.models import User


@dataclass(frozen=True)
class Told:
    """A notification in words."""

    notification: Notification
    words: Words
    icon: str


@require_GET
@login_required
def notification_list(request: HttpRequest) -> HttpResponse:
    """What this person was told, newest first, by day; new ones appear by themselves."""
    mine = Notification.objects.visible_to(request.user).shown()
    page = page_of(request, mine, order=("-id",))
    context = {
        "told": [_told(row) for row in page.items],
        "next_cursor": page.next_cursor,
        "is_first": not request.GET.get("cursor"),
    }
    return render(request, "notify/notification_list.html", context)


@require_GET
@login_required
def notification_open(request: HttpRequest, notification_id: str) -> HttpResponse:
    """Mark it as read and go where it points."""
    user = request.user
    assert isinstance(user, User)
    notification = get_object_or_404(Notification.objects.visible_to(user), pk=notification_id)
    notification = mark_read(notification, by=user)
    return redirect(say(notification.kind, notification.payload).path)


@require_POST
@login_required
def notification_read_all(request: HttpRequest) -> HttpResponse:
    """Mark everything as read."""
    user = request.user
    assert isinstance(user, User)
    if mark_all_read(user, by=user):
        messages.success(request, _("Everything is marked as read."))
    return redirect("notify:notification-list")


def _told(notification: Notification) -> Told:
    kind = all_kinds().get(notification.kind)
    return Told(notification, say(notification.kind, notification.payload), kind.icon if kind else "bell")
