"""My payouts, and the ways in which I can be paid."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core.business import current_business
from tenpo.core.limits import hit
from tenpo.payments.actions.payout_accounts import add_payout_account, choose_payout_account, remove_payout_account
from tenpo.payments.actions.payouts import ask_for_payout, cancel_payout
from tenpo.payments.models import Payout, PayoutAccount
from tenpo.payments.payout_forms import PayoutAccountForm, PayoutForm
from tenpo.payments.payout_methods import offered_methods
from tenpo.payments.payout_methods.manual import note_of
from tenpo.payments.queries import Payable, payable, payout_terms
from tenpo.payments.words import why_not_sent
from tenpo.people.http import (
    PageRequest,
    attempt,
    attempt_form,
    is_fresh,
    page_of,
    show_again,
    typed_before,
    url_to_show_again,
    visit_of,
)
from tenpo.people.models import User


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def payout_list(request: PageRequest) -> HttpResponse:
    """My payouts, what can be paid out, and asking for it."""
    sources = _sources(request.user)
    accounts = PayoutAccount.objects.live().filter(owner=request.user).order_by("-is_default", "-id")
    most = max(sources, key=lambda one: one.left)
    form = PayoutForm(
        request.POST or None,
        shown_to=request.user,
        accounts=accounts,
        sources=[(one.source, one.source.label) for one in sources],
        initial={"source": most.source, "amount": most.left or None, "account": next(iter(accounts), None)},
    )
    if request.method == "POST":
        hit("payout-user", request.user.pk)
        if form.is_valid():
            wanted = form.cleaned_data
            asked = attempt_form(
                form,
                lambda: ask_for_payout(
                    wanted["account"],
                    source=wanted["source"],
                    amount=wanted["amount"],
                    by=request.user,
                    once=wanted["once"],
                ),
            )
            if asked:
                messages.success(request, _("Asked for. An admin looks at it, and we tell you."))
                return redirect("payments:payout-detail", asked.pk)
    page = page_of(request, Payout.objects.filter(payee=request.user).select_related("account"), order=("-id",))
    context = {
        "form": form,
        "sources": sources,
        "accounts": accounts,
        "terms": payout_terms(),
        "currency": current_business().currency,
        "page": page,
    }
    return render(request, "payments/payout_list.html", context, status=422 if form.errors else 200)


@login_required
@never_cache
@require_safe
def payout_detail(request: PageRequest, payout_id: UUID) -> HttpResponse:
    """One payout of mine: what it is made of, and where it is."""
    payout = _own(request, payout_id)
    context = {"payout": payout, "note": note_of(payout), "why": why_not_sent(payout.failure_code)}
    return render(request, "payments/payout_detail.html", context)


@login_required
@require_POST
def payout_cancel(request: PageRequest, payout_id: UUID) -> HttpResponse:
    """Take back what I asked for."""
    payout = _own(request, payout_id)
    attempt(request, lambda: cancel_payout(payout, by=request.user), done=_("Taken back. The money is yours again."))
    return redirect("payments:payout-detail", payout.pk)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def payout_account_list(request: PageRequest) -> HttpResponse:
    """The ways in which I can be paid; a new one by `?method=`."""
    offered = offered_methods(payout_terms(), current_business().currency)
    method = request.GET.get("method") or next(iter(offered))
    if method not in offered:
        raise Http404
    # Where money goes outlives the sign-in: nobody says it who only sits at an open browser.
    may_add = is_fresh(request)
    form = PayoutAccountForm(
        request.POST or None, method=method, initial={"holder": request.user.name} | typed_before(request)
    )
    if request.method == "POST" and not may_add:
        # What was typed is an account's number: it waits nowhere.
        return show_again(request, back=f"{request.path}?method={method}")
    if request.method == "POST":
        hit("payout-account-user", request.user.pk)
        if form.is_valid() and attempt_form(form, lambda: _add(request, form)):
            messages.success(request, _("You can be paid there. We wrote to you, in case it was not you."))
            return redirect("payments:payout-account-list")
    page = page_of(request, PayoutAccount.objects.filter(owner=request.user), order=("-id",))
    context = {
        "form": form,
        "method": method,
        "offered": [(one.name, one.name.label) for one in offered.values()],
        "page": page,
        "show_again_url": "" if may_add else url_to_show_again(request, f"{request.path}?method={method}"),
    }
    return render(request, "payments/payout_account_list.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def payout_account_default(request: PageRequest, account_id: UUID) -> HttpResponse:
    """Have my earnings paid out to this one."""
    account = get_object_or_404(PayoutAccount, pk=account_id, owner=request.user)
    # It says where money goes, as a new account does.
    if not is_fresh(request):
        return show_again(request, back=reverse("payments:payout-account-list"))
    done = _("Your earnings are paid out there.")
    visit = visit_of(request)
    attempt(request, lambda: choose_payout_account(account, by=request.user, visit=visit), done=done)
    return redirect("payments:payout-account-list")


@login_required
@require_POST
def payout_account_remove(request: PageRequest, account_id: UUID) -> HttpResponse:
    """Never be paid there again."""
    account = get_object_or_404(PayoutAccount, pk=account_id, owner=request.user)
    attempt(request, lambda: remove_payout_account(account, by=request.user), done=_("Nothing is paid there any more."))
    return redirect("payments:payout-account-list")


def _add(request: PageRequest, form: PayoutAccountForm) -> PayoutAccount:
    return add_payout_account(
        request.user,
        method=form.method,
        holder=form.cleaned_data["holder"],
        details=form.details(),
        is_default=form.cleaned_data["is_default"],
        by=request.user,
        visit=visit_of(request),
    )


def _own(request: PageRequest, payout_id: UUID) -> Payout:
    return get_object_or_404(Payout.objects.select_related("account"), pk=payout_id, payee=request.user)


def _sources(user: User) -> list[Payable]:
    """What somebody can have paid out: their earnings, and their wallet where it is paid out."""
    wallets = [Payout.Source.WALLET] if payout_terms().pays_wallets else []
    currency = current_business().currency
    return [payable(user, source, currency) for source in (Payout.Source.EARNINGS, *wallets)]
