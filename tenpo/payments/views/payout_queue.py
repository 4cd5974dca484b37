"""The admins' payouts: the queue, the files for the bank, and the terms."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core.business import current_business
from tenpo.core.limits import PAYOUTS_TOGETHER_DAYS
from tenpo.core.words import say_names
from tenpo.payments.actions.payout_accounts import TERMS, update_payout_terms
from tenpo.payments.actions.payout_sending import (
    drop_payout_batch,
    finish_payout_batch,
    make_payout_batch,
    mark_payout_done,
    mark_payout_failed,
    mark_payout_sent,
    may_be_marked,
    may_come_back,
    read_payout_batch,
    send_payout_batch,
    to_leave,
)
from tenpo.payments.actions.payouts import approve_payout, reject_payout
from tenpo.payments.models import Payout, PayoutBatch
from tenpo.payments.payout_forms import PayoutFilter, PayoutTermsForm, WordForm
from tenpo.payments.payout_methods import METHODS, offered_methods
from tenpo.payments.payout_methods.manual import note_of
from tenpo.payments.permissions import can_decide_payout
from tenpo.payments.queries import (
    DisputedEarning,
    approved_alone,
    disabled_in,
    disputed_by,
    disputed_earnings,
    lately_approved,
    needs_two,
    payout_terms,
)
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
    """Payouts that are under way, the oldest first; by `?state=` any others, and the files that can be made."""
    form = PayoutFilter(request.GET or None)
    state = form.cleaned_data["state"] if form.is_valid() else ""
    rows = Payout.objects.visible_to(request.user).select_related("payee", "account")
    if state != "all":
        rows = rows.filter(state=state) if state else rows.under_way()
    page = page_of(request, rows, order=("id",) if state in ("", *Payout.UNDER_WAY) else ("-id",))
    context = {"form": form, "is_filtered": bool(state), "page": page, "files": _files(), "tab": "payouts"}
    return render(request, "payments/payout_queue.html", context)


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def payout_review(request: PageRequest, payout_id: UUID) -> HttpResponse:
    """One payout before an admin: approve or reject it, or say what became of it."""
    rows = Payout.objects.visible_to(request.user).select_related(
        "payee", "account", "approved_by", "seconded_by", "batch"
    )
    payout = get_object_or_404(rows, pk=payout_id)
    form = WordForm(request.POST or None)
    if request.method == "POST":
        act = request.POST.get("act", "")
        if act == "approve" and not is_fresh(request):
            return show_again(request)
        if form.is_valid():
            attempt(request, lambda: _decide(request, payout, act, form.cleaned_data["word"]), done=_done(act))
            return redirect("payments:payout-review", payout.pk)
    method = METHODS[payout.method]
    is_asked = payout.state == Payout.State.ASKED
    others = Payout.objects.filter(lately_approved(), payee=payout.payee_id, currency=payout.currency)
    lately = approved_alone(others.exclude(pk=payout.pk)) if is_asked else 0
    context = {
        "payout": payout,
        "lately": lately,
        "lately_days": PAYOUTS_TOGETHER_DAYS,
        "needs_second": is_asked and needs_two(payout, lately),
        "why": why_not_sent(payout.failure_code),
        "note": note_of(payout),
        "form": form,
        "may_decide": can_decide_payout(request.user, payout),
        "has_approved": request.user.pk in (payout.approved_by_id, payout.seconded_by_id),
        "is_by_hand": not method.sends_itself and not method.writes_files,
        "disputed": disputed_by(payout.payee) if payout.state in Payout.UNDER_WAY else None,
        "disputed_earnings": _disputed_earnings(payout),
        "may_mark": may_be_marked(payout),
        "may_come_back": may_be_marked(payout) or may_come_back(payout),
    }
    return render(request, "payments/payout_review.html", context, status=422 if form.errors else 200)


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def batch_list(request: PageRequest) -> HttpResponse:
    """The files that were made, the newest first; a new one of what was approved."""
    if request.method == "POST":
        method = request.POST.get("method", "")
        batch = attempt(request, lambda: make_payout_batch(method, by=request.user))
        return redirect("payments:batch-detail", batch.pk) if batch else redirect("payments:batch-list")
    page = page_of(request, PayoutBatch.objects.visible_to(request.user).select_related("made_by"), order=("-id",))
    return render(request, "payments/batch_list.html", {"page": page, "files": _files(), "tab": "payouts"})


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def batch_detail(request: PageRequest, batch_id: UUID) -> HttpResponse:
    """One file: hand it on, say that the bank has it, or drop it."""
    batch = get_object_or_404(
        PayoutBatch.objects.visible_to(request.user).select_related("made_by", "read_by"), pk=batch_id
    )
    if request.method == "POST":
        act = request.POST.get("act", "")
        if act == "drop" and batch.read_at and not is_fresh(request):
            return show_again(request)
        _carry_out(request, batch, act)
        return redirect("payments:batch-detail", batch.pk)
    page = page_of(request, batch.payouts.select_related("payee", "account"), order=("id",))
    context = {
        "batch": batch,
        "page": page,
        "on_its_way": batch.payouts.filter(state=Payout.State.SENT).count(),
        "disabled": say_names(disabled_in(batch)) if batch.state == PayoutBatch.State.MADE else "",
    }
    return render(request, "payments/batch_detail.html", context)


@admins_only
@never_cache
@require_POST
def batch_file(request: PageRequest, batch_id: UUID) -> HttpResponse:
    """The file itself, to be saved. It names accounts in the clear, so who takes it is written down."""
    batch = get_object_or_404(PayoutBatch.objects.visible_to(request.user), pk=batch_id)
    if not is_fresh(request):
        return show_again(request, back=reverse("payments:batch-detail", args=[batch.pk]))
    file = read_payout_batch(batch, by=request.user)
    disposition = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return HttpResponse(file.text, content_type=file.content_type, headers=disposition)


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def terms(request: PageRequest) -> HttpResponse:
    """What holds for every payout that is asked for from now on."""
    now = payout_terms()
    form = PayoutTermsForm(
        request.POST or None, initial={name: getattr(now, name) for name in TERMS} | typed_before(request)
    )
    if request.method == "POST" and form.is_valid():
        if not is_fresh(request):
            return show_again(request, typed=form.cleaned_data)
        changed = attempt_form(
            form, lambda: update_payout_terms(by=request.user, visit=visit_of(request), **form.cleaned_data)
        )
        if changed:
            messages.success(request, _("Saved. What was asked for before keeps its own terms."))
            return redirect("payments:payout-terms")
    context = {"form": form, "currency": current_business().currency}
    return render(request, "payments/payout_terms.html", context, status=422 if form.errors else 200)


def _decide(request: PageRequest, payout: Payout, act: str, word: str) -> Payout:
    user = request.user
    acts: dict[str, Callable[[], Payout]] = {
        "approve": lambda: approve_payout(payout, by=user, visit=visit_of(request)),
        "reject": lambda: reject_payout(payout, word=word, by=user),
        "sent": lambda: mark_payout_sent(payout, by=user),
        "done": lambda: mark_payout_done(payout, by=user),
        "failed": lambda: mark_payout_failed(payout, word=word, by=user),
    }
    if act not in acts:
        raise Http404
    return acts[act]()


def _done(act: str) -> str:
    words = {
        "approve": _("Approved."),
        "reject": _("Rejected. The money is its payee's again."),
        "sent": _("On its way."),
        "done": _("It arrived."),
        "failed": _("It came back. The money is its payee's again."),
    }
    return words.get(act, "")


def _carry_out(request: PageRequest, batch: PayoutBatch, act: str) -> None:
    user = request.user
    if act == "sent":
        attempt(request, lambda: send_payout_batch(batch, by=user), done=_("On their way."))
    elif act == "drop":
        done = _("Dropped. Its payouts wait for another file.")
        taken_at = _time_of(request.POST.get("taken_at", ""))
        attempt(request, lambda: drop_payout_batch(batch, by=user, taken_at=taken_at), done=done)
    elif act == "finish":
        finished = finish_payout_batch(batch, by=user)
        words = ngettext("%(n)s payout arrived.", "%(n)s payouts arrived.", finished)
        messages.success(request, words % {"n": finished})
    else:
        raise Http404


def _time_of(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def _disputed_earnings(payout: Payout) -> list[DisputedEarning]:
    """What banks want back behind a payout of earnings that has not left."""
    if payout.source != Payout.Source.EARNINGS or payout.state not in (Payout.State.ASKED, Payout.State.APPROVED):
        return []
    return disputed_earnings(payout.payee, payout.currency)


def _files() -> list[dict[str, Any]]:
    """The files that can be made now, and how many payouts wait for each."""
    offered = offered_methods(payout_terms(), current_business().currency)
    waiting = Payout.objects.filter(to_leave(), batch=None).order_by().values("method")
    counts = dict(waiting.annotate(n=Count("pk")).values_list("method", "n"))
    return [
        {"method": one.name, "label": one.name.label, "waiting": counts.get(one.name, 0)}
        for one in offered.values()
        if one.writes_files
    ]
