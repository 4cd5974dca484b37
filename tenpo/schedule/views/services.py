from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core.errors import RuleError
from tenpo.people.http import page_of
from tenpo.people.models import User
from tenpo.schedule.actions import services as actions
from tenpo.schedule.forms import TeachingForm
from tenpo.schedule.models import Service
from tenpo.schedule.permissions import can_give_service
from tenpo.schedule.service_forms import ServiceForm
from tenpo.schedule.service_queries import ServiceFilter, find_services, price_table
from tenpo.schedule.views.teaching import add_problems, teacher

# What an action says of the rows beside a service stands beside the first of them.
FORM_FIELDS = {"prices": "amount_0", "questions": "question_0"}


@login_required
@require_safe
def service_list(request: HttpRequest) -> HttpResponse:
    """What I offer by time; an admin sees everybody's."""
    user = teacher(request)
    form = TeachingForm(request.GET)
    is_past = request.GET.get("which") == "withdrawn"
    coach = form.chosen() if user.is_admin else user
    wanted = ServiceFilter(coach_id=coach.pk if coach else None, is_offered=not is_past)
    page = page_of(request, find_services(user, wanted), order=("name", "id"))
    rows = [{"service": service, "from": _lowest(service), "given_by": _givers(service)} for service in page.items]
    context = {"rows": rows, "next": page.next_cursor, "is_past": is_past, "form": form}
    return render(request, "schedule/service_list.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def service_create(request: HttpRequest) -> HttpResponse:
    """Offer something that can be booked by time."""
    user = teacher(request)
    form = ServiceForm(request.POST or None, viewer=user)
    if request.method == "POST" and not form.asks_for_rows and form.is_valid():
        try:
            service = actions.create_service(by=user, **form.terms())
        except (RuleError, ValidationError) as error:
            _add(form, error)
        else:
            messages.success(request, _("It is on offer. People can book it in your working hours."))
            return redirect("schedule:service-detail", service.pk)
    return _form_page(request, form, service=None)


@login_required
@require_safe
def service_detail(request: HttpRequest, service_id: UUID) -> HttpResponse:
    """A service as people see it, and what else holds of it."""
    user = teacher(request)
    service = _own(user, service_id)
    givers = _givers(service)
    prices = {price.people: price.amount for price in service.prices.all()}
    context = {
        "service": service,
        "givers": givers,
        "locations": [place for place in service.locations.all() if place.closed_at is None],
        "rooms": [room for room in service.rooms.all() if room.closed_at is None],
        "table": price_table(prices, service.capacity) if prices else [],
        "may_edit": can_give_service(user, givers),
    }
    return render(request, "schedule/service_detail.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def service_edit(request: HttpRequest, service_id: UUID) -> HttpResponse:
    """Change a service, for what is booked from now on."""
    user = teacher(request)
    service = _managed(user, service_id)
    form = ServiceForm(request.POST or None, viewer=user, service=service, offer=actions.offer_of(service))
    if request.method == "POST" and not form.asks_for_rows and form.is_valid():
        try:
            actions.edit_service(service, by=user, version=form.cleaned_data["version"], **form.terms())
        except (RuleError, ValidationError) as error:
            _add(form, error)
        else:
            messages.success(request, _("Saved. What is booked stays as it was booked."))
            return redirect("schedule:service-detail", service.pk)
    return _form_page(request, form, service=service)


@login_required
@require_POST
def service_offer(request: HttpRequest, service_id: UUID) -> HttpResponse:
    """Withdraw a service, or offer it again."""
    user = teacher(request)
    service = _managed(user, service_id)
    withdraws = request.POST.get("act") != "offer"
    try:
        if withdraws:
            actions.withdraw_service(service, by=user)
        else:
            actions.offer_service_again(service, by=user)
    except RuleError as refusal:
        messages.error(request, str(refusal))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        words = _("Withdrawn. What is booked of it stays.") if withdraws else _("It is on offer again.")
        messages.success(request, words)
    return redirect("schedule:service-detail", service.pk)


def _managed(user: User, service_id: UUID) -> Service:
    """A service that `user` may change; Http404 for every other."""
    service = _own(user, service_id)
    if not can_give_service(user, _givers(service)):
        raise Http404
    return service


def _own(user: User, service_id: UUID) -> Service:
    """A service that `user` gives, or that they see as an admin; Http404 for every other."""
    rows = find_services(user, ServiceFilter(coach_id=None if user.is_admin else user.pk))
    return get_object_or_404(rows, pk=service_id)


def _givers(service: Service) -> list[User]:
    return [given.coach for given in service.given_by.all()]


def _lowest(service: Service) -> int | None:
    """What it costs one person, in minor units."""
    return next((price.amount for price in service.prices.all() if price.people == 1), None)


def _form_page(request: HttpRequest, form: ServiceForm, *, service: Service | None) -> HttpResponse:
    context = {"form": form, "service": service}
    return render(request, "schedule/service_form.html", context, status=422 if form.errors else 200)


def _add(form: ServiceForm, error: RuleError | ValidationError) -> None:
    if isinstance(error, RuleError):
        form.add_error("name" if error.code == "name_taken" else None, str(error))
        return
    if not hasattr(error, "error_dict"):
        add_problems(form, error)
        return
    for name, texts in error.message_dict.items():
        field = FORM_FIELDS.get(name, name)
        for text in texts:
            form.add_error(field if field in form.fields else None, text)
