"""A member's wallet: what is in it, what moved, and how it is filled."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from tenpo.checkout.actions.topping_up import cancel_top_up, top_up
from tenpo.checkout.forms import StatementFilter, TopUpForm
from tenpo.checkout.queries.bookings import action_address, is_card_to_enter, slip_of_payment
from tenpo.checkout.queries.money import causes_of, credits_of, spendable, wallet_context
from tenpo.checkout.queries.refunds import lost_of, what_is_left
from tenpo.checkout.views.my_money import csv_name, statement_table
from tenpo.core.business import current_business
from tenpo.core.csv import csv_answer
from tenpo.core.errors import RuleError
from tenpo.core.limits import ROWS_ON_PAPER, hit
from tenpo.core.money import Money
from tenpo.core.pdf import Document, pdf_answer
from tenpo.core.words import say_date, say_money, say_number
from tenpo.ledger.queries import WALLET, balance_of, part_of_statement, whole_statement
from tenpo.payments.models import Payment
from tenpo.payments.providers import provider_of
from tenpo.payments.queries import ready_methods
from tenpo.payments.words import say_failure
from tenpo.people.http import attempt, known_cursor
from tenpo.people.models import User

REFUSED, INVALID = 409, 422


@login_required
@never_cache
@require_safe
def wallet(request: HttpRequest) -> HttpResponse:
    """What is in a member's wallet, and row by row what moved, with the balance after each."""
    user = cast(User, request.user)
    currency = current_business().currency
    form = StatementFilter(request.GET or None)
    with known_cursor():
        shown = wallet_context(user, currency, only=form.only(), cursor=request.GET.get("cursor"))
    context = {**shown, "form": form, "credit_left": spendable(credits_of(user)), "is_filtered": bool(request.GET)}
    return render(request, "checkout/wallet.html", context)


@login_required
@never_cache
@require_safe
def wallet_csv(request: HttpRequest) -> StreamingHttpResponse:
    """A member's wallet as a file for a spreadsheet."""
    rows = whole_statement(cast(User, request.user), current_business().currency, of=WALLET)
    return csv_answer(csv_name("wallet"), *statement_table(rows))


@login_required
@never_cache
@require_safe
def wallet_pdf(request: HttpRequest) -> HttpResponse:
    """A member's wallet on paper: all of it, or the rows that the filters of its page leave."""
    user = cast(User, request.user)
    business = current_business()
    hit("paper-user", user.pk)
    only = StatementFilter(request.GET or None).only()
    rows = part_of_statement(user, business.currency, of=WALLET, only=only, most=ROWS_ON_PAPER)
    if rows is None:
        words = _("A paper holds %(n)s rows. Choose some days and take the PDF of them, or take the CSV.")
        messages.info(request, words % {"n": say_number(ROWS_ON_PAPER)})
        return redirect(f"{reverse('checkout:my-wallet')}?{request.GET.urlencode()}")
    causes = causes_of(row.transfer for row in rows)
    document = Document(
        title=_("Statement of your wallet"),
        sender=business.name,
        reader=f"{user.name} · {user.email}",
        facts=[
            (_("Date"), say_date(timezone.now())),
            (_("Balance"), say_money(Money(rows[-1].balance if rows else 0, business.currency))),
        ],
        columns=[_("Date"), _("What"), _("Amount"), _("Balance")],
        rows=[
            [
                say_date(row.transfer.created_at),
                causes[row.transfer.pk].words,
                say_money(Money(row.change, business.currency), sign=True),
                say_money(Money(row.balance, business.currency)),
            ]
            for row in rows
        ],
    )
    return pdf_answer(f"wallet-{timezone.localdate().isoformat()}.pdf", document)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def top_up_form(request: HttpRequest) -> HttpResponse:
    """How much, and how it is paid."""
    user = cast(User, request.user)
    form = TopUpForm(request.POST or None, shown_to=user, saved=ready_methods(user))
    form.choose(request.GET.get("amount", ""))
    refusal = None
    if request.method == "POST" and form.is_valid():
        hit("pay-user", user.pk)
        wanted = form.cleaned_data
        try:
            payment = top_up(
                user,
                amount=wanted["amount"],
                provider=form.provider_name,
                source=form.source,
                keep=form.wants_to_keep,
                by=user,
                once=wanted["once"],
            )
        except RuleError as error:
            refusal = error
            if error.code in ("top_up_too_small", "top_up_too_large", "wallet_full"):
                form.add_error("amount", error.message)
        else:
            if payment.state == Payment.State.NEEDS_ACTION:
                return redirect(action_address(payment))
            return redirect("checkout:top-up-result", payment.pk)
    business = current_business()
    context = {
        "form": form,
        "refusal": refusal,
        "currency": business.currency,
        "left": sum(balance_of(user, business.currency, WALLET).values()),
    }
    status = REFUSED if refusal else INVALID if form.is_bound and form.errors else 200
    return render(request, "checkout/top_up_form.html", context, status=status)


@login_required
@never_cache
@require_safe
def top_up_result(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """What became of a top-up; while it is being confirmed, the page asks again by itself."""
    user = cast(User, request.user)
    payment = get_object_or_404(Payment, pk=payment_id, payer=user, purpose=Payment.Purpose.TOP_UP)
    by_hand = provider_of(payment.provider).is_marked_by_hand
    is_confirming = payment.state in (Payment.State.CREATED, Payment.State.UNKNOWN, Payment.State.PENDING)
    context = {
        "payment": payment,
        "action_address": action_address(payment),
        "is_card_to_enter": is_card_to_enter(payment),
        "is_waiting_for_money": is_confirming and by_hand,
        "is_confirming": is_confirming and not by_hand,
        "slip": slip_of_payment(payment),
        "failure": say_failure(payment.failure_code) if payment.state == Payment.State.FAILED else "",
        "left": sum(balance_of(user, payment.currency, WALLET).values()),
        "kept_by_bank": lost_of(payment),
        "may_go_back": what_is_left(None, payment).whole,
    }
    if request.htmx and not context["is_confirming"]:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(request.path)
    part = "#result" if request.htmx else ""  # type: ignore[attr-defined]
    return render(request, f"checkout/top_up_result.html{part}", context)


@login_required
@require_POST
def top_up_cancel(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """I will not pay this after all."""
    user = cast(User, request.user)
    payment = get_object_or_404(Payment, pk=payment_id, payer=user, purpose=Payment.Purpose.TOP_UP)
    attempt(request, lambda: cancel_top_up(payment, by=user), done=_("Given up. You need not pay it."))
    return redirect("checkout:top-up-result", payment.pk)
