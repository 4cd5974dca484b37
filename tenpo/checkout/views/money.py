"""The admin's money: payments, what waits for a mark, who spends what."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.audit.models import AuditLog
from tenpo.audit.words import say_action
from tenpo.checkout.actions.settling import mark_all_paid, mark_paid
from tenpo.checkout.forms import PaymentFilter
from tenpo.checkout.queries.bookings import booking_of_payment, transfer_reference
from tenpo.checkout.queries.disputes import disputes_of
from tenpo.checkout.queries.money import causes_of, transfers_of_payment
from tenpo.checkout.queries.refunds import what_is_left
from tenpo.checkout.views.my_money import csv_name, payment_columns, payment_row
from tenpo.core import charts
from tenpo.core.business import current_business
from tenpo.core.csv import csv_answer
from tenpo.core.days import business_zone, first_month
from tenpo.core.errors import RuleError
from tenpo.core.money import Money
from tenpo.core.words import say_money, say_month
from tenpo.ledger.queries import spend_by_month
from tenpo.orders.models import Line
from tenpo.payments.models import Payment, PaymentQuerySet
from tenpo.payments.providers.manual import BankTransfer
from tenpo.payments.queries import manual_providers, unmarked
from tenpo.payments.words import why_not_paid
from tenpo.people.http import PageRequest, admins_only, back_to, page_of
from tenpo.people.queries import called

MAX_BULK = 200


@admins_only
@never_cache
@require_safe
def payment_list(request: PageRequest) -> HttpResponse:
    """Everybody's payments, newest first, filtered by words, state, provider and day."""
    form = PaymentFilter(request.GET or None)
    page = page_of(request, _filtered(request, form).with_disputes(), order=("-id",))
    context = {
        "form": form,
        "payments": page.items,
        "next_cursor": page.next_cursor,
        "waiting": _waiting(request).count(),
        "is_filtered": bool(request.GET),
        "tab": "payments",
    }
    return render(request, "checkout/payment_list.html", context)


@admins_only
@never_cache
@require_safe
def payment_waiting(request: PageRequest) -> HttpResponse:
    """Payments that wait for somebody to see the money, the oldest first."""
    page = page_of(request, _waiting(request).select_related("payer"), order=("id",))
    context = {
        "payments": page.items,
        "next_cursor": page.next_cursor,
    }
    return render(request, "checkout/payment_waiting.html", context)


@admins_only
@never_cache
@require_POST
def payment_mark(request: PageRequest) -> HttpResponse:
    """Mark payments as paid, one or many at once."""
    user = request.user
    try:
        ids = [UUID(value) for value in request.POST.getlist("payment")[:MAX_BULK]]
    except ValueError:
        raise Http404 from None
    marked, late = mark_all_paid(ids, by=user)
    if not ids:
        messages.info(request, _("Choose at least one payment."))
    elif marked:
        paid = ngettext("%(n)s payment is marked as paid.", "%(n)s payments are marked as paid.", marked)
        messages.success(request, paid % {"n": marked})
    if own := Payment.objects.filter(pk__in=ids, payer=user).count():
        words = ngettext(
            "%(n)s is your own: another admin marks it.", "%(n)s are your own: another admin marks them.", own
        )
        messages.info(request, words % {"n": own})
    if late:
        words = ngettext(
            "%(n)s came after its seat was gone, and became credit.",
            "%(n)s came after their seats were gone, and became credit.",
            late,
        )
        messages.info(request, words % {"n": late})
    return back_to(request, "checkout:payment-waiting")


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def payment_detail(request: PageRequest, payment_id: UUID) -> HttpResponse:
    """One payment: its states, what it moved in the ledger, and who did what to it."""
    payment = get_object_or_404(
        Payment.objects.visible_to(request.user).select_related("payer", "marked_by"), pk=payment_id
    )
    refusal = None
    if request.method == "POST":
        try:
            mark_paid(payment, by=request.user)
        except RuleError as error:
            refusal = error
        else:
            messages.success(request, _("The payment is marked as paid."))
            return redirect("checkout:payment-detail", payment.pk)
    transfers = transfers_of_payment(payment)
    causes = causes_of(transfers)
    context = {
        "payment": payment,
        "refusal": refusal,
        "why": why_not_paid(payment.failure_code),
        "booking_id": booking_of_payment(payment),
        "transfer_reference": transfer_reference(payment) if payment.provider == BankTransfer.name else "",
        "transfers": [(transfer, causes[transfer.pk]) for transfer in transfers],
        "records": [_say_record(entry) for entry in AuditLog.objects.filter(object_id=payment.pk).order_by("-id")[:50]],
        "refunds": payment.refunds.order_by("id"),
        "disputes": disputes_of(payment),
        "give_url": _give_url(payment),
        "may_mark": payment.provider in manual_providers()
        and payment.payer_id != request.user.pk
        and payment.state in (Payment.State.PENDING, Payment.State.CANCELLED),
    }
    return render(request, "checkout/payment_detail.html", context, status=409 if refusal else 200)


def _give_url(payment: Payment) -> str:
    """Where an admin gives something back of what a payment paid; empty when nothing of it can go back now.

    While a bank wants it back nothing does: it would be paid twice.
    """
    if payment.state != Payment.State.SUCCEEDED or not payment.left or payment.is_wanted_back:
        return ""
    if payment.order_id is None:
        is_there = what_is_left(None, payment).whole
        return reverse("checkout:payment-refund-give", args=[payment.pk]) if is_there else ""
    lines = list(Line.objects.filter(order_id=payment.order_id).values_list("pk", flat=True))
    if len(lines) > 1:
        # There each is named.
        return reverse("checkout:receipt", args=[payment.order_id])
    return reverse("checkout:refund-give", args=lines)


@admins_only
@never_cache
@require_safe
def payments_csv(request: PageRequest) -> StreamingHttpResponse:
    """The payments that the filter shows, all of them."""
    rows = _filtered(request, PaymentFilter(request.GET or None)).order_by("-id")
    header = [_("Payer"), _("E-mail"), *payment_columns()]
    lines = ([p.payer.name, p.payer.email, *payment_row(p)] for p in rows.iterator(chunk_size=500))
    return csv_answer(csv_name("payments"), header, lines)


@admins_only
@never_cache
@require_safe
def spend(request: PageRequest) -> HttpResponse:
    """What each month cost the company, its people and sponsors, less what went back."""
    business = current_business()
    months = spend_by_month(since=first_month(), currency=business.currency, zone=business_zone())
    sponsors = sum(month.sponsors for month in months)
    series = [
        charts.Series(business.name, [max(month.company, 0) for month in months]),
        charts.Series(_("People"), [max(month.users, 0) for month in months]),
        charts.Series(_("Credit"), [max(month.credits, 0) for month in months]),
        *([charts.Series(_("Sponsors"), [max(month.sponsors, 0) for month in months])] if sponsors else []),
    ]
    context = {
        "months": months[::-1],
        "chart": charts.bar_chart(
            [say_month(month.month) for month in months],
            series,
            stacked=True,
            say=lambda value: say_money(Money(round(value), business.currency), exact=False),
        )
        if months
        else None,
        "company": sum(month.company for month in months),
        "sponsors": sponsors,
        "users": sum(month.users for month in months),
        "credits": sum(month.credits for month in months),
        "currency": business.currency,
        "tab": "spend",
    }
    return render(request, "checkout/spend.html", context)


def _say_record(entry: AuditLog) -> dict[str, Any]:
    labels = dict(Payment.State.choices)
    before, after = (values or {} for values in (entry.before, entry.after))
    states = [labels.get(values.get("state", ""), "") for values in (before, after)]
    words = " → ".join(str(state) for state in states if state) or say_action(entry.action)
    return {"words": words, "actor_name": entry.actor_name, "created_at": entry.created_at}


def _waiting(request: PageRequest) -> QuerySet[Payment]:
    return unmarked(Payment.objects.visible_to(request.user))


def _filtered(request: PageRequest, form: PaymentFilter) -> PaymentQuerySet:
    rows = Payment.objects.visible_to(request.user).select_related("payer")
    if not form.is_valid():
        return rows
    wanted = form.cleaned_data
    rows = rows.filter(called(wanted["q"], of="payer__"))
    if wanted["state"] == "disputed":
        rows = rows.filter(disputed_at__isnull=False)
    elif wanted["state"]:
        rows = rows.filter(state=wanted["state"])
    if wanted["provider"]:
        rows = rows.filter(provider=wanted["provider"])
    if wanted["since"]:
        rows = rows.filter(created_at__gte=_midnight(wanted["since"]))
    if wanted["until"]:
        rows = rows.filter(created_at__lt=_midnight(wanted["until"] + timedelta(days=1)))
    return rows


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001 (made aware in the reader's zone)
