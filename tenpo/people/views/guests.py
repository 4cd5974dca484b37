"""Guests: whom somebody brings along."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from tenpo.people.actions.guests import add_guests, leave_out_guest, rename_guest
from tenpo.people.forms import GuestForm
from tenpo.people.http import PageRequest, attempt_form
from tenpo.people.models import Participant


@login_required
@require_http_methods(["GET", "POST"])
def guest_list(request: PageRequest) -> HttpResponse:
    """Whom I may bring, and one more of them."""
    form = GuestForm(request.POST or None)
    if form.is_valid() and attempt_form(form, lambda: add_guests([form.cleaned_data["name"]], by=request.user)):
        messages.success(request, _("Saved."))
        return redirect("people:guest-list")
    context = {"guests": Participant.objects.guests_of(request.user), "form": form}
    return render(request, "people/guest_list.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def guest_detail(request: PageRequest, guest_id: UUID) -> HttpResponse:
    """One guest, to be called by another name."""
    guest = get_object_or_404(Participant.objects.guests_of(request.user), pk=guest_id)
    form = GuestForm(request.POST or None, initial={"name": guest.name})
    if form.is_valid() and attempt_form(
        form, lambda: rename_guest(guest, name=form.cleaned_data["name"], by=request.user)
    ):
        messages.success(request, _("Saved."))
        return redirect("people:guest-list")
    context = {"guest": guest, "form": form}
    return render(request, "people/guest_detail.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def guest_leave_out(request: PageRequest, guest_id: UUID) -> HttpResponse:
    """Ask about a guest no more."""
    guest = get_object_or_404(Participant.objects.filter(guest_of=request.user), pk=guest_id)
    leave_out_guest(guest, by=request.user)
    messages.success(request, _("%(name)s is not asked about any more. What is booked stays.") % {"name": guest.name})
    return redirect("people:guest-list")
