from collections.abc import Iterator, Sequence
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenpo.checkout.queries.bookings import slip_of_payment
from tenpo.checkout.queries.money import causes_of, credits_of, spendable
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.csv import csv_answer
from tenpo.core.money import major_units
from tenpo.ledger.queries import WALLET, StatementRow, balance_of, statement, whole_statement
from tenpo.orders.models import Line, Order, Split
from tenpo.orders.policies import PartsBack, parts_given, parts_left
from tenpo.orders.sponsor_models import Sponsorship
from tenpo.orders.sponsor_queries import funding_for, past_funding_for
from tenpo.orders.words import describe_share
from tenpo.payments.models import Payment, Payout, Refund
from tenpo.payments.queries import live_payment, payable, payout_terms
from tenpo.people.http import known_cursor, page_of
from tenpo.people.models import User

PAYMENTS_SHOWN = 40


@login_required
@never_cache
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """A member's money: the credit that they have, and what they paid."""
    user = cast(User, request.user)
    currency = current_business().currency
    credits = credits_of(user)
    payments = Payment.objects.filter(payer=user).with_disputes()
    page = page_of(request, payments, order=("-id",), limit=PAYMENTS_SHOWN)
    earns = Split.objects.filter(recipient=user).exists()
    context = {
        "credits": credits,
        "credit_left": spendable(credits),
        "wallet_left": sum(balance_of(user, currency, WALLET).values()),
        "may_be_paid": user.is_coach or earns or _is_paid_out(user),
        "earned": payable(user, Payout.Source.EARNINGS, currency) if earns else None,
        "funding": [(person, describe_share(person.sponsorship)) for person in funding_for(user, clock.now())],
        "past_funding": past_funding_for(user, clock.now()),
        "sponsors": Sponsorship.objects.filter(sponsor=user).count(),
        "currency": currency,
        "payments": page.items,
        "next_cursor": page.next_cursor,
    }
    return render(request, "checkout/my_money.html", context)


def _is_paid_out(user: User) -> bool:
    """Whether somebody who earns nothing has money to be paid out, or had."""
    return payout_terms().pays_wallets or Payout.objects.filter(payee=user).exists()


@login_required
@never_cache
@require_safe
def credit_statement(request: HttpRequest) -> HttpResponse:
    """A member's credit row by row, with the balance after each; a row opens to what caused it."""
    user = cast(User, request.user)
    currency = current_business().currency
    with known_cursor():
        rows, next_cursor = statement(user, currency, cursor=request.GET.get("cursor"))
    causes = causes_of(row.transfer for row in rows)
    context = {
        "rows": [(row, causes[row.transfer.pk]) for row in rows],
        "next_cursor": next_cursor,
        "currency": currency,
        "credit_left": spendable(credits_of(user)),
    }
    return render(request, "checkout/credit_statement.html", context)


@login_required
@never_cache
@require_safe
def receipt(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """What was bought, and who paid which part of it; made to be printed."""
    orders = Order.objects.visible_to(cast(User, request.user)).select_related("buyer")
    order = get_object_or_404(orders, pk=order_id)
    lines = list(
        order.lines.select_related("share_policy", "sponsorship", "booking__participant", "booking__session").order_by(
            "id"
        )
    )
    sponsors: dict[str, int] = {}
    for line in lines:
        if line.sponsorship and line.sponsor_share:
            sponsors[line.sponsorship.name] = sponsors.get(line.sponsorship.name, 0) + line.sponsor_share
    payment = live_payment(order.pk)
    refunds = list(Refund.objects.filter(line_id__in=[line.pk for line in lines]).order_by("id"))
    cancelled = [(line, _cancelled(line, refunds)) for line in lines if line.refunded_percent is not None]
    context = {
        "order": order,
        "lines": lines,
        "payment": payment if payment and payment.state == Payment.State.SUCCEEDED else None,
        "slip": slip_of_payment(payment) if payment else None,
        "cancelled": cancelled,
        "refunds": [refund for refund in refunds if refund.origin != Refund.Origin.CANCELLATION],
        "refundable": [line for line in lines if parts_left(line).whole and line.pk not in _asked_of(refunds)],
        "is_mine": order.buyer_id == cast(User, request.user).pk,
        "is_for_several": len(lines) > 1,
        "is_on_dates": len({line.subject_id for line in lines}) > 1,
        "policies": list(dict.fromkeys(line.share_policy.name for line in lines if line.share_policy)),
        "sponsors": sponsors.items(),
        "total": sum(line.price for line in lines),
        "company": sum(line.company_share for line in lines),
        "credit": sum(line.credit_spent for line in lines),
        "wallet": sum(line.wallet_spent for line in lines),
        "own": sum(line.own_share for line in lines),
    }
    return render(request, "checkout/receipt.html", context)


def _asked_of(refunds: Sequence[Refund]) -> set[UUID | None]:
    """The lines of which a refund waits to be decided."""
    return {one.line_id for one in refunds if one.state == Refund.State.ASKED}


def _cancelled(line: Line, refunds: Sequence[Refund]) -> PartsBack:
    """What its cancellation gave back of a line: all that went back, less its refunds."""
    given = parts_given(line)
    others = [one for one in refunds if one.line_id == line.pk and one.origin != Refund.Origin.CANCELLATION]
    return PartsBack(
        given.company - sum(one.company for one in others), given.credit - sum(one.credit for one in others),
        given.wallet - sum(one.wallet for one in others), given.own - sum(one.own for one in others),
        given.sponsor - sum(one.sponsor for one in others),
    )  # fmt: skip


@login_required
@never_cache
@require_safe
def payments_csv(request: HttpRequest) -> StreamingHttpResponse:
    """What a member paid, for their own books."""
    user = cast(User, request.user)
    payments = Payment.objects.filter(payer=user).order_by("-id")
    return csv_answer(csv_name("payments"), payment_columns(), (payment_row(payment) for payment in payments))


@login_required
@never_cache
@require_safe
def statement_csv(request: HttpRequest) -> StreamingHttpResponse:
    """A member's credit, every row."""
    user = cast(User, request.user)
    return csv_answer(csv_name("credit"), *statement_table(whole_statement(user, current_business().currency)))


def statement_table(rows: list[StatementRow]) -> tuple[list[str], Iterator[list[Any]]]:
    """A statement as an export has it: its columns, and its rows."""
    causes = causes_of(row.transfer for row in rows)
    header = [_("Date"), _("What"), _("Amount"), _("Balance"), _("Currency")]
    lines = (
        [
            _day(row.transfer.created_at),
            causes[row.transfer.pk].words,
            major_units(row.change, row.transfer.currency),
            major_units(row.balance, row.transfer.currency),
            row.transfer.currency,
        ]
        for row in rows
    )
    return header, lines


def payment_columns() -> list[str]:
    """The columns of an export of payments."""
    return [
        _("Date"),
        _("What"),
        _("State"),
        _("Method"),
        _("Amount"),
        _("Fee"),
        _("Currency"),
        _("Paid"),
        _("Reference"),
    ]


def payment_row(payment: Payment) -> list[Any]:
    """One payment as a row of an export."""
    return [
        _day(payment.created_at),
        payment.said_description,
        payment.get_state_display(),
        payment.said_method,
        major_units(payment.amount, payment.currency),
        major_units(payment.fee, payment.currency),
        payment.currency,
        _day(payment.paid_at) if payment.paid_at else "",
        payment.reference or "",
    ]


def csv_name(name: str) -> str:
    """What an export is called when it is saved: what it holds, and the day."""
    return f"{name}-{timezone.localdate().isoformat()}.csv"


def _day(moment: Any) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M")
