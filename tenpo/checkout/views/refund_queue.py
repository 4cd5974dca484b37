"""The admins' refunds: the queue, deciding, giving, and the terms."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tenpo.checkout.actions.refunding import give_refund, give_refund_elsewhere, grant_refund
from tenpo.checkout.queries.refunds import Refundable, payment_of, refund_effect, refundable
from tenpo.checkout.refund_forms import RefundFilter, RefundGiveForm, RefundGrantForm, RefundTermsForm, RefundWordForm
from tenpo.core.business import current_business
from tenpo.core.limits import hit
from tenpo.orders.models import Line
from tenpo.payments.actions.refund_sending import mark_refund_done, send_refund_again
from tenpo.payments.actions.refunds import TERMS, reject_refund, update_refund_terms
from tenpo.payments.models import Payment, Refund
from tenpo.payments.permissions import can_decide_refund
from tenpo.payments.providers import provider_of
from tenpo.payments.queries import borne_by_business, manual_providers, refund_terms
from tenpo.payments.refund_models import RefundTo
from tenpo.payments.words import why_not_sent
from tenpo.people.http import (
    PageRequest,
    admins_only,
    attempt,
    attempt_form,
    is_fresh,
    page_of,
    show_again,
    typed_before,
    visit_of,
)


@admins_only
@never_cache
@require_safe
def queue(request: PageRequest) -> HttpResponse:
    """Refunds that wait for somebody or something, the oldest first; by `?state=` any others."""
    form = RefundFilter(request.GET or None)
    state = form.cleaned_data["state"] if form.is_valid() else ""
    rows = Refund.objects.visible_to(request.user).select_related("user", "payment")
    if state != "all":
        rows = rows.filter(state=state) if state else rows.waiting()
    page = page_of(request, rows, order=("id",) if state in ("", *Refund.WAITING) else ("-id",))
    context = {"form": form, "is_filtered": bool(state), "page": page, "by_hand": manual_providers(), "tab": "refunds"}
    return render(request, "checkout/refund_queue.html", context)


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def refund_review(request: PageRequest, refund_id: UUID) -> HttpResponse:
    """One refund before an admin: who paid, what would go back to whom; grant, reject, deal with what failed."""
    rows = Refund.objects.visible_to(request.user).select_related("user", "payment__payer", "reviewed_by", "marked_by")
    refund = get_object_or_404(rows, pk=refund_id)
    lines = Line.objects.select_related("order__buyer", "share_policy", "sponsorship")
    line = lines.filter(pk=refund.line_id).first() if refund.line_id else None
    found = refundable(line, refund.payment)
    act = request.POST.get("act", "") if request.method == "POST" else ""
    grant = RefundGrantForm(
        request.POST if act == "grant" else None, places=found.places,
        initial={"amount": min(refund.asked, found.left.whole), "to": refund.to} | typed_before(request),
    )  # fmt: skip
    word = RefundWordForm(request.POST if act == "reject" else None)
    if act == "grant" and grant.is_valid():
        if not is_fresh(request):
            return show_again(request, typed=grant.cleaned_data)
        if _grant(request, refund, grant):
            return redirect("checkout:refund-review", refund.pk)
    elif act == "reject" and word.is_valid():
        said = word.cleaned_data["word"]
        done = _("Rejected. The buyer reads your word.")
        attempt(request, lambda: reject_refund(refund, word=said, by=request.user), done=done)
        return redirect("checkout:refund-review", refund.pk)
    elif act not in ("", "grant", "reject"):
        _carry_out(request, refund, act)
        return redirect("checkout:refund-review", refund.pk)
    kept_back = _kept_back(refund)
    context = {
        **_effect(request, found, grant),
        "refund": refund,
        "why": why_not_sent(refund.failure_code),
        "line": line,
        "grant": grant,
        "word": word,
        "may_decide": can_decide_refund(request.user, refund),
        "kept_back": kept_back,
        "elsewhere": refund.own - kept_back,
        "is_by_hand": bool(refund.provider) and provider_of(refund.provider).is_marked_by_hand,
        "by_hand": manual_providers(),
    }
    part = "#effect" if request.headers.get("HX-Request") else ""
    status = 422 if grant.errors or word.errors else 200
    return render(request, f"checkout/refund_review.html{part}", context, status=status)


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def refund_give(request: PageRequest, line_id: UUID) -> HttpResponse:
    """Give back what nobody asked for, of a line."""
    line = get_object_or_404(Line.objects.select_related("order__buyer", "share_policy", "sponsorship"), pk=line_id)
    return _give(request, refundable(line, payment_of(line)))


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def payment_refund_give(request: PageRequest, payment_id: UUID) -> HttpResponse:
    """Give back what is still there of a top-up, or of money that came late and became credit."""
    payments = Payment.objects.by_itself().select_related("payer")
    return _give(request, refundable(None, get_object_or_404(payments, pk=payment_id)))


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def terms(request: PageRequest) -> HttpResponse:
    """What holds for every refund that is asked for, and for what is sold, from now on."""
    # What another process changed a second ago must not be written back.
    now = refund_terms.afresh()
    form = RefundTermsForm(
        request.POST or None, initial={name: getattr(now, name) for name in TERMS} | typed_before(request)
    )
    if request.method == "POST" and form.is_valid():
        if not is_fresh(request):
            return show_again(request, typed=form.cleaned_data)
        changed = attempt_form(
            form, lambda: update_refund_terms(by=request.user, visit=visit_of(request), **form.cleaned_data)
        )
        if changed:
            messages.success(request, _("Saved. What was sold before keeps where its cancellation goes."))
            return redirect("checkout:refund-terms")
    context = {"form": form, "currency": current_business().currency}
    return render(request, "checkout/refund_terms.html", context, status=422 if form.errors else 200)


def _kept_back(refund: Refund) -> int:
    """What of a refund that is held its payer has already, from their bank at the business's cost."""
    if refund.payment is None or refund.state not in (Refund.State.APPROVED, Refund.State.FAILED):
        return 0
    return min(refund.own, sum(borne_by_business(refund.payment).values()))


def _give(request: PageRequest, found: Refundable) -> HttpResponse:
    form = RefundGiveForm(
        request.POST or None, shown_to=request.user, places=found.places,
        initial={"amount": found.left.whole, "to": next(iter(found.places), "")} | typed_before(request),
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        if not is_fresh(request):
            return show_again(request, typed=form.cleaned_data)
        hit("refund-user", request.user.pk)
        wanted = form.cleaned_data
        given = attempt_form(
            form,
            lambda: give_refund(
                line=found.line, payment=None if found.line else found.payment, amount=wanted["amount"],
                to=form.chosen, word=wanted["word"], by=request.user, visit=visit_of(request), once=wanted["once"],
            ),
        )  # fmt: skip
        if given:
            messages.success(request, _("It goes back, and the buyer is told."))
            return redirect("checkout:refund-review", given.pk)
    buyer = found.line.order.buyer if found.line else found.payment and found.payment.payer
    context = {**_effect(request, found, form), "form": form, "line": found.line, "buyer": buyer}
    context["is_own"] = buyer == request.user
    part = "#effect" if request.headers.get("HX-Request") else ""
    return render(request, f"checkout/refund_give.html{part}", context, status=422 if form.errors else 200)


def _effect(request: PageRequest, found: Refundable, form: RefundGrantForm) -> dict[str, object]:
    """What an amount would do: the one that is typed, as far as it can be read, or else the one in the form."""
    typed = RefundGrantForm({"amount": request.GET.get("amount", "")}, places=[])
    wanted = form.initial["amount"]
    if "amount" in request.GET and typed.is_valid():
        wanted = typed.cleaned_data["amount"]
    elif form.is_bound:
        wanted = form.cleaned_data.get("amount", wanted)
    return {"found": found, "effect": refund_effect(found.line, found.left, wanted), "currency": found.currency}


def _grant(request: PageRequest, refund: Refund, form: RefundGrantForm) -> bool:
    wanted = form.cleaned_data
    granted = attempt_form(
        form,
        lambda: grant_refund(
            refund, amount=wanted["amount"], to=form.chosen if form.places else None, word=wanted["word"],
            by=request.user, visit=visit_of(request),
        ),
    )  # fmt: skip
    if granted:
        messages.success(request, _("Granted. Each part goes back to who paid it."))
    return bool(granted)


def _carry_out(request: PageRequest, refund: Refund, act: str) -> None:
    user = request.user
    acts: dict[str, tuple[Callable[[], Refund], str]] = {
        "sent": (lambda: mark_refund_done(refund, by=user), _("Marked as sent back.")),
        "again": (lambda: send_refund_again(refund, by=user), _("It is sent once more.")),
        "wallet": (lambda: give_refund_elsewhere(refund, to=RefundTo.WALLET, by=user), _("It is in the wallet.")),
        "credit": (lambda: give_refund_elsewhere(refund, to=RefundTo.CREDIT, by=user), _("It is credit now.")),
    }
    if act not in acts:
        raise Http404
    do, done = acts[act]
    attempt(request, do, done=done)
