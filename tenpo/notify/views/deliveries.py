from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tenpo.audit.words import say_action
from tenpo.core.models import OutboxMessage
from tenpo.notify.actions.deliveries import retry_delivery
from tenpo.notify.actions.outbox import retry_message
from tenpo.notify.forms import DeliveryFilter, OutboxFilter
from tenpo.notify.kinds import say
from tenpo.notify.models import Channel, Delivery
from tenpo.notify.queries import find_deliveries, find_messages, written_mails
from tenpo.people.http import PageRequest, admins_only, attempt, back_to, page_of


@dataclass(frozen=True)
class Sent:
    """A delivery and the title of what it says."""

    delivery: Delivery
    title: str


@admins_only
@require_GET
def delivery_list(request: PageRequest) -> HttpResponse:
    """What was sent to whom, what waits, and what was given up."""
    form = DeliveryFilter(request.GET)
    asked = _asked(form)
    rows = find_deliveries(**{**asked, "channel": asked.get("channel") or Channel.EMAIL})
    page = page_of(request, rows, order=("-id",))
    sent = [Sent(row, say(row.notification.kind, row.notification.payload).title) for row in page.items]
    return render(
        request, "notify/delivery_list.html", {"form": form, "sent": sent, "page": page, **_common(asked, "deliveries")}
    )


@admins_only
@require_POST
def delivery_retry(request: PageRequest, delivery_id: str) -> HttpResponse:
    """Try a dead one again."""
    delivery = get_object_or_404(Delivery.objects.visible_to(request.user), pk=delivery_id)
    attempt(request, lambda: retry_delivery(delivery, by=request.user), done=_("We try it again."))
    return back_to(request, "notify:delivery-list")


@admins_only
@require_GET
def outbox_list(request: PageRequest) -> HttpResponse:
    """What happened and has not been passed on yet, or was given up."""
    form = OutboxFilter(request.GET)
    asked = _asked(form)
    page = page_of(request, find_messages(**asked), order=("-id",))
    events = [(message, say_action(message.name)) for message in page.items]
    context = {"form": form, "events": events, "page": page, **_common(asked, "events")}
    return render(request, "notify/outbox_list.html", context)


@admins_only
@require_POST
def outbox_retry(request: PageRequest, message_id: int) -> HttpResponse:
    """Pass a dead one on again."""
    message = get_object_or_404(OutboxMessage.objects.visible_to(request.user), pk=message_id)
    attempt(request, lambda: retry_message(message, by=request.user), done=_("We try it again."))
    return redirect("notify:outbox-list")


@admins_only
@require_GET
def mail_list(request: PageRequest) -> HttpResponse:
    """The mails that were written to files, since no mail server is set; for developing and the demo."""
    if not settings.SHOWS_WRITTEN_MAILS:
        raise Http404
    mails = written_mails(settings.MAIL_DIR)
    opened = next((mail for mail in mails if mail.name == request.GET.get("open")), None)
    if request.GET.get("open") and opened is None:
        raise Http404
    return render(request, "notify/mail_list.html", {"mails": mails, "opened": opened, **_common({}, "mail")})


def _asked(form: Form) -> dict[str, Any]:
    form.is_valid()
    return {name: value for name, value in form.cleaned_data.items() if value}


def _common(asked: dict[str, Any], at: str) -> dict[str, Any]:
    # The channel is always chosen; e-mails are what one sees without choosing.
    is_filtered = any(value != Channel.EMAIL for value in asked.values())
    return {f"at_{at}": True, "shows_mail": settings.SHOWS_WRITTEN_MAILS, "is_filtered": is_filtered}
