"""The private address from which a calendar program reads the caller's sessions."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, Router

from tenpo.core.api import ApiRequest, OutSchema, problems, refuse_keys
from tenpo.people.http import check_fresh, visit_of
from tenpo.schedule.actions.feeds import end_feed, new_feed_address
from tenpo.schedule.models import CalendarFeed

router = Router(tags=["Feeds"])


class FeedOut(OutSchema):
    """A private address; its secret is not kept."""

    id: UUID
    created_at: datetime
    read_at: Annotated[datetime | None, Field(description="When a calendar program last read it, to the hour.")]


class NewFeedOut(FeedOut):
    """A new address, shown this once."""

    address: Annotated[str, Field(examples=["https://tenpo.example.com/calendar/feed/r4nd0m.ics"])]


@router.get("/feeds", response=list[FeedOut], summary="My calendar addresses")
def list_feeds(request: ApiRequest) -> Any:
    """One at most."""
    return CalendarFeed.objects.visible_to(request.user)


@router.post("/feeds", response={201: NewFeedOut, **problems(403)}, summary="Make a calendar address")
def create_feed(request: ApiRequest) -> tuple[int, dict[str, Any]]:
    """Whoever has the address can see the caller's sessions, so treat it like a password. An older one ends.

    Needs the session of a browser, in which its owner showed their password or second factor in the last quarter of
    an hour (403): the address outlives both the session and a key.
    """
    refuse_keys(request, _("A key cannot make a calendar address. Sign in to make one."))
    check_fresh(request)
    token = new_feed_address(request.user, by=request.user, visit=visit_of(request))
    feed = CalendarFeed.objects.get(user=request.user)
    address = f"{settings.PUBLIC_URL}{reverse('schedule:feed', args=[token])}"
    values = {"id": feed.pk, "created_at": feed.created_at, "read_at": feed.read_at, "address": address}
    return 201, values


@router.delete("/feeds/{uuid:feed_id}", response={204: None, **problems(404)}, summary="End a calendar address")
def delete_feed(request: ApiRequest, feed_id: UUID) -> tuple[int, None]:
    """Calendar programs that use it see nothing any more."""
    get_object_or_404(CalendarFeed.objects.visible_to(request.user), pk=feed_id)
    end_feed(request.user, by=request.user)
    return 204, None
