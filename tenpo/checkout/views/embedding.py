"""Our pages in a frame on another site: what can be booked, when, and a visitor's intro right there.

No cookie reaches us from within such a frame, and none is needed. Whatever takes an account leads out of it.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, cast
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.signing import BadSignature, TimestampSigner
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from tenpo.checkout.views.visitors import IntroPage
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.limits import EMBED_FORM_SECONDS
from tenpo.core.networks import hit_from
from tenpo.core.words import say_full_day
from tenpo.core.zones import is_zone
from tenpo.schedule.actions.intros import is_for_visitors
from tenpo.schedule.embed_models import Embed
from tenpo.schedule.find_forms import WishForm
from tenpo.schedule.find_queries import ServiceFilter, Wish, find_times, moment_of, offered_services, own, start_name
from tenpo.schedule.models import Service
from tenpo.schedule.queries import day_start
from tenpo.schedule.service_prices import lowest_price, service_price

# Programs of other sites' visitors keep it so long.
SCRIPT_KEPT = 3600
_SCRIPT = Path(__file__).resolve().parents[1] / "embed_v1.js"


@require_safe
def embed_script(request: HttpRequest) -> HttpResponse:
    """The program that other sites load; the only thing of ours that they may read, and the same for all."""
    response = HttpResponse(_SCRIPT.read_bytes(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = f"public, max-age={SCRIPT_KEPT}"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def framed[**P](
    view: Callable[Concatenate[HttpRequest, Embed, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, UUID, P], HttpResponse]:
    """A page that just the sites of its embed may show; to a browser it is nobody's, whoever is signed in."""

    @wraps(view)
    def guarded(request: HttpRequest, embed_id: UUID, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        hit_from(request, "visitor-look")
        embed = get_object_or_404(Embed.objects.live().select_related("coach", "service"), pk=embed_id)
        zone = request.GET.get("zone", "")
        with timezone.override(ZoneInfo(zone if is_zone(zone) else current_business().time_zone)):
            response = view(request, embed, *args, **kwargs)
        # `HeadersMiddleware` forbids every frame but of what says so itself.
        response.xframe_options_exempt = True
        allowed = [CSP.SELF, *embed.origins]
        response._csp_config = {**settings.SECURE_CSP, "frame-ancestors": allowed}  # type: ignore[attr-defined]
        return response

    return cast("Callable[Concatenate[HttpRequest, UUID, P], HttpResponse]", guarded)


@require_safe
@framed
def embed_home(request: HttpRequest, embed: Embed) -> HttpResponse:
    """What can be booked there; of one service its times at once."""
    services = list(_services(embed)[:50])
    if len(services) == 1:
        return _times(request, embed, services[0])
    rows = [{"service": one, "price": lowest_price(one), "lengths": sorted(one.durations)} for one in services]
    return render(request, "checkout/embed_offers.html", {**_frame(request, embed), "rows": rows})


@require_safe
@framed
def embed_times(request: HttpRequest, embed: Embed, service_id: UUID) -> HttpResponse:
    """When a service is free."""
    return _times(request, embed, get_object_or_404(_services(embed), pk=service_id))


# No cookie comes with it, so none proves where it was sent from: the form bears a token of this embed and time instead,
# and all that it does is to hold a time until a mail is answered.
@csrf_exempt
@require_http_methods(["GET", "POST"])
@framed
def embed_slot(request: HttpRequest, embed: Embed, service_id: UUID, start: str) -> HttpResponse:
    """A time, to be held for a visitor who says who they are."""
    at = moment_of(start)
    service = get_object_or_404(_services(embed), pk=service_id)
    wish = _form(request, embed, service).wish()
    if not is_for_visitors(service, wish.minutes):
        raise Http404
    return _FramedIntro(request, embed, service, wish, at).answer()


@require_safe
@framed
def embed_asked(request: HttpRequest, embed: Embed, service_id: UUID, start: str) -> HttpResponse:
    """What comes next."""
    at = moment_of(start)
    service = get_object_or_404(_services(embed), pk=service_id)
    context = {**_frame(request, embed), "service": service, "at": at, "event": "tenpo:booked"}
    return render(request, "checkout/embed_asked.html", context)


class _FramedIntro(IntroPage):
    template = "checkout/embed_slot.html"

    def __init__(self, request: HttpRequest, embed: Embed, service: Service, wish: Wish, at: datetime) -> None:
        super().__init__(request, service, wish, at)
        self.embed = embed
        self.signer = TimestampSigner(salt=f"embed:{embed.pk}:{service.pk}")

    def send(self) -> HttpResponse | None:
        try:
            self.signer.unsign(self.request.POST.get("token", ""), max_age=EMBED_FORM_SECONDS)
        except BadSignature:
            self.refusal = RuleError("form_is_old", _("This page was open for long. Please send it once more."))
            return None
        if super().send() is None:
            return None
        arguments = [self.embed.pk, self.service.pk, start_name(self.at)]
        return redirect(f"{reverse('checkout:embed-asked', args=arguments)}{_kept(self.request)}")

    def context(self) -> dict[str, Any]:
        return {
            **super().context(), **_frame(self.request, self.embed),
            "token": self.signer.sign(start_name(self.at)),
        }  # fmt: skip


def _services(embed: Embed) -> QuerySet[Service]:
    """What is open to visitors, as far as the embed shows it."""
    rows = offered_services(AnonymousUser(), ServiceFilter(coach_id=embed.coach_id)).order_by("name", "id")
    return rows.filter(pk=embed.service_id) if embed.service_id else rows


def _form(request: HttpRequest, embed: Embed, service: Service) -> WishForm:
    asked = request.GET.copy()
    if embed.coach_id:
        asked["coach"] = str(embed.coach_id)
    return WishForm(asked, service=service)


def _times(request: HttpRequest, embed: Embed, service: Service) -> HttpResponse:
    form = _form(request, embed, service)
    wish = form.wish()
    times = find_times(own(AnonymousUser()), service, wish)
    context = {
        **_frame(request, embed),
        "service": service,
        "form": form,
        "wish": wish,
        "times": times,
        "lengths": sorted(service.durations),
        "day_words": say_full_day(day_start(times.day)),
        "price": service_price(service, wish.minutes),
        "is_here": is_for_visitors(service, wish.minutes),
        "outside": f"?{urlencode(_outside(embed, wish, service))}",
        "has_others": embed.service_id is None and _services(embed).count() > 1,
    }
    return render(request, "checkout/embed_times.html", context)


def _outside(embed: Embed, wish: Wish, service: Service) -> dict[str, Any]:
    """What the page of a time is told that is opened beside the frame."""
    said = {"minutes": wish.minutes if wish.minutes != service.durations[0] else "", "coach": embed.coach_id or ""}
    return {name: value for name, value in said.items() if value} | {"zone": wish.zone.key}


def _frame(request: HttpRequest, embed: Embed) -> dict[str, Any]:
    """What every framed page has: how it looks, and which site around it is told of it."""
    host = request.GET.get("host", "")
    return {
        "embed": embed,
        # Only to a site that may show it, and to no other that has it open.
        "host": host if host in embed.origins else "",
        "hue": embed.accent_hue if embed.accent_hue is not None else current_business().accent_hue,
        "frame_theme": "" if embed.theme == Embed.Theme.AUTO else embed.theme,
        "kept": _kept(request),
    }


def _kept(request: HttpRequest) -> str:
    """What of the address goes on from page to page."""
    kept = {name: request.GET[name] for name in ("host", "zone", "minutes", "location") if request.GET.get(name)}
    return f"?{urlencode(kept)}" if kept else ""
