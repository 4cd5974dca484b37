"""A buyer's refunds: asking, their state, withdrawing."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.checkout.actions.refunding import ask_for_refund
from tenpo.checkout.queries.refunds import Refundable, payment_of, refund_effect, refundable
from tenpo.checkout.refund_forms import RefundRequestForm
from tenpo.core.limits import hit
from tenpo.orders.models import Line
from tenpo.payments.actions.refunds import withdraw_refund
from tenpo.payments.models import Payment, Refund
from tenpo.people.http import attempt, attempt_form, page_of
from tenpo.people.models import User


@login_required
@never_cache
@require_safe
def refund_list(request: HttpRequest) -> HttpResponse:
    """My refunds, newest first."""
    mine = Refund.objects.filter(user=cast(User, request.user)).select_related("payment")
    page = page_of(request, mine, order=("-id",))
    return render(request, "checkout/refund_list.html", {"page": page})


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def refund_ask(request: HttpRequest, line_id: UUID) -> HttpResponse:
    """Ask back what I paid for something: how much, where to, and why."""
    lines = Line.objects.select_related("order__buyer")
    line = get_object_or_404(lines, pk=line_id, order__buyer=cast(User, request.user))
    return _ask(request, refundable(line, payment_of(line)))


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def payment_refund_ask(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """Ask back what is still there of a top-up, or of money that came late and became credit."""
    mine = Payment.objects.by_itself().filter(payer=cast(User, request.user))
    payment = get_object_or_404(mine.select_related("payer"), pk=payment_id)
    return _ask(request, refundable(None, payment))


@login_required
@never_cache
@require_safe
def refund_detail(request: HttpRequest, refund_id: UUID) -> HttpResponse:
    """One refund of mine: what it is of, and where it is."""
    refund = _own(request, refund_id)
    line = Line.objects.filter(pk=refund.line_id).first() if refund.line_id else None
    context = {"refund": refund, "order_id": line.order_id if line else None}
    return render(request, "checkout/refund_detail.html", context)


@login_required
@require_POST
def refund_withdraw(request: HttpRequest, refund_id: UUID) -> HttpResponse:
    """Take back what I asked for."""
    refund, user = _own(request, refund_id), cast(User, request.user)
    attempt(request, lambda: withdraw_refund(refund, by=user), done=_("Withdrawn. You can ask again."))
    return redirect("checkout:refund-detail", refund.pk)


def _ask(request: HttpRequest, found: Refundable) -> HttpResponse:
    user = cast(User, request.user)
    if found.open_request is not None:
        return redirect("checkout:refund-detail", found.open_request.pk)
    initial = {"amount": found.left.whole, "to": next(iter(found.places), "")}
    form = RefundRequestForm(request.POST or None, shown_to=user, places=found.places, initial=initial)
    if request.method == "POST":
        hit("refund-user", user.pk)
        if form.is_valid():
            wanted = form.cleaned_data
            asked = attempt_form(
                form,
                lambda: ask_for_refund(
                    line=found.line, payment=None if found.line else found.payment, amount=wanted["amount"],
                    to=form.chosen, reason=wanted["reason"], by=user, once=wanted["once"],
                ),
            )  # fmt: skip
            if asked:
                is_asked = asked.state == Refund.State.ASKED
                words = (
                    _("Asked for. Somebody looks at it, and we tell you.") if is_asked else _("It goes back to you.")
                )
                messages.success(request, words)
                return redirect("checkout:refund-detail", asked.pk)
    context = {
        "form": form,
        "found": found,
        "effect": refund_effect(None, found.left, found.left.whole),
        "currency": found.currency,
    }
    return render(request, "checkout/refund_ask.html", context, status=422 if form.errors else 200)


def _own(request: HttpRequest, refund_id: UUID) -> Refund:
    return get_object_or_404(Refund, pk=refund_id, user=cast(User, request.user))
