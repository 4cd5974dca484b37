"""Sponsors' budgets: the admins' pages, and what a sponsor sees of their own."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core import charts, clock
from tenpo.core.business import current_business
from tenpo.core.csv import csv_answer
from tenpo.core.days import business_zone, day_here, first_month, midnight
from tenpo.core.limits import ROWS_ON_PAPER, hit
from tenpo.core.money import Money, major_units
from tenpo.core.pdf import Document, pdf_answer
from tenpo.core.words import say_date, say_money, say_month, say_number
from tenpo.orders.actions.sponsorships import (
    add_sponsored_people,
    create_sponsorship,
    end_sponsorship,
    raise_pot,
    record_sponsor_payment,
    remove_sponsored_person,
)
from tenpo.orders.permissions import can_manage_sponsorships, can_note_sponsor_payment
from tenpo.orders.sponsor_forms import NameForm, PotForm, SponsorPaymentForm, SponsorshipForm
from tenpo.orders.sponsor_models import Sponsorship
from tenpo.orders.sponsor_queries import Moved, funded_by_month, moved_in, owed_at, owed_by, slip_of, uses_of
from tenpo.orders.words import describe_sponsorship
from tenpo.people.http import PageRequest, admins_only, attempt, attempt_form, page_of

PEOPLE_SHOWN = 8
USES_SHOWN = 20
PAYMENTS_SHOWN = 20
INVALID = 422


@admins_only
@never_cache
@require_safe
def sponsorship_list(request: PageRequest) -> HttpResponse:
    """Every budget, the newest first: who pays, what is left, what is owed."""
    page = page_of(request, Sponsorship.objects.select_related("sponsor"), order=("-id",))
    context = {"rows": _rows(page.items), "next_cursor": page.next_cursor, "tab": "sponsors"}
    return render(request, "orders/sponsorship_list.html", context)


@login_required
@never_cache
@require_safe
def my_sponsoring(request: PageRequest) -> HttpResponse:
    """The budgets that somebody looks after; not there for who sponsors nobody."""
    page = page_of(request, Sponsorship.objects.filter(sponsor=request.user).select_related("sponsor"), order=("-id",))
    if not page.items:
        raise Http404
    context = {"rows": _rows(page.items), "next_cursor": page.next_cursor}
    return render(request, "orders/my_sponsoring.html", context)


def _rows(sponsorships: list[Sponsorship]) -> list[dict[str, Any]]:
    owed, now = owed_by(sponsorships), clock.now()
    return [
        {"sponsorship": one, "words": describe_sponsorship(one), "owed": owed[one.pk], "state": _state(one, now)}
        for one in sponsorships
    ]


def _state(sponsorship: Sponsorship, now: datetime) -> str:
    if sponsorship.is_over(now):
        return "past"
    return "coming" if sponsorship.active_from > now else "now"


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def sponsorship_create(request: PageRequest) -> HttpResponse:
    """Agree with a sponsor what they pay."""
    form = SponsorshipForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = attempt_form(form, lambda: create_sponsorship(by=request.user, **form.wanted()))
        if made:
            messages.success(request, _("It is agreed. Now name the people whom it funds."))
            return redirect("orders:sponsored-people", made.pk)
    status = INVALID if form.errors else 200
    return render(request, "orders/sponsorship_form.html", {"form": form}, status=status)


@login_required
@never_cache
@require_safe
def sponsorship_detail(request: PageRequest, sponsorship_id: UUID) -> HttpResponse:
    """One budget: what is left, who spent what, month by month, and what its sponsor owes."""
    sponsorship = _seen(request, sponsorship_id)
    months = funded_by_month(sponsorship, zone=business_zone(), since=first_month())
    page = page_of(request, uses_of(sponsorship), order=("-id",), limit=USES_SHOWN)
    people = sponsorship.people.select_related("user", "sponsorship").order_by("-spent", "id")
    [row] = _rows([sponsorship])
    context = row | {
        "months": months[::-1],
        "chart": charts.bar_chart(
            [say_month(month.month) for month in months],
            [charts.Series(sponsorship.name, [max(month.amount, 0) for month in months])],
            say=lambda value: say_money(Money(round(value), sponsorship.currency), exact=False),
        )
        if months
        else None,
        "people": people[:PEOPLE_SHOWN],
        "named": sponsorship.people.filter(removed_at=None).count(),
        "uses": page.items,
        "next_cursor": page.next_cursor,
        "payments": sponsorship.payments.order_by("-received_on", "-id")[:PAYMENTS_SHOWN],
        "favour": -row["owed"],
        "slip": slip_of(sponsorship, row["owed"]) if sponsorship.sponsor_id == request.user.pk else None,
        "may_manage": can_manage_sponsorships(request.user),
        "may_note": can_note_sponsor_payment(request.user, sponsorship),
    }
    return render(request, "orders/sponsorship_detail.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def sponsored_people(request: PageRequest, sponsorship_id: UUID) -> HttpResponse:
    """Whom a budget funds, and how much of it each has spent; an admin names more."""
    sponsorship = _seen(request, sponsorship_id)
    may_manage = can_manage_sponsorships(request.user)
    form = NameForm(request.POST or None)
    if request.method == "POST":
        if not may_manage:
            raise PermissionDenied
        emails = form.cleaned_data["emails"] if form.is_valid() else []
        added = form.is_valid() and attempt_form(
            form, lambda: add_sponsored_people(sponsorship, emails, by=request.user)
        )
        if not form.errors:
            number = len(added or [])
            words = ngettext("%(n)s person is named, and told.", "%(n)s people are named, and told.", number)
            messages.success(request, words % {"n": number} if number else _("They were named already."))
            return redirect("orders:sponsored-people", sponsorship.pk)
    people = sponsorship.people.select_related("user", "sponsorship")
    page = page_of(request, people, order=("user__name", "id"))
    context = {
        "sponsorship": sponsorship,
        "words": describe_sponsorship(sponsorship),
        "form": form,
        "people": page.items,
        "next_cursor": page.next_cursor,
        "may_manage": may_manage,
        "may_name": may_manage and not sponsorship.is_over(clock.now()),
    }
    return render(request, "orders/sponsored_people.html", context, status=INVALID if form.errors else 200)


@admins_only
@never_cache
@require_POST
def sponsored_person_remove(request: PageRequest, sponsorship_id: UUID, person_id: UUID) -> HttpResponse:
    """Fund somebody no longer."""
    people = _seen(request, sponsorship_id).people.select_related("sponsorship")
    person = get_object_or_404(people, pk=person_id)
    remove_sponsored_person(person, by=request.user)
    messages.success(request, _("They pay for themselves from now on."))
    return redirect("orders:sponsored-people", sponsorship_id)


@admins_only
@never_cache
@require_POST
def sponsorship_end(request: PageRequest, sponsorship_id: UUID) -> HttpResponse:
    """End a sponsorship now, or withdraw one that has not begun."""
    sponsorship = _seen(request, sponsorship_id)
    attempt(request, lambda: end_sponsorship(sponsorship, by=request.user), done=_("The sponsorship has ended."))
    return redirect("orders:sponsorship-detail", sponsorship.pk)


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def sponsorship_pot(request: PageRequest, sponsorship_id: UUID) -> HttpResponse:
    """Give a sponsorship more to spend."""
    sponsorship = _seen(request, sponsorship_id)
    form = PotForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        pot = form.cleaned_data["pot"]
        if attempt_form(form, lambda: raise_pot(sponsorship, pot=pot, by=request.user)):
            messages.success(request, _("There is more to spend now."))
            return redirect("orders:sponsorship-detail", sponsorship.pk)
    context = {"sponsorship": sponsorship, "form": form}
    return render(request, "orders/sponsorship_pot.html", context, status=INVALID if form.errors else 200)


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def sponsor_payment_create(request: PageRequest, sponsorship_id: UUID) -> HttpResponse:
    """Note what a sponsor paid by bank transfer."""
    sponsorship = _seen(request, sponsorship_id)
    form = SponsorPaymentForm(request.POST or None, shown_to=request.user)
    if request.method == "POST" and form.is_valid():
        wanted = {name: form.cleaned_data[name] for name in ("amount", "received_on", "reference", "once")}
        made = attempt_form(form, lambda: record_sponsor_payment(sponsorship, **wanted, by=request.user))
        if made:
            messages.success(request, _("The payment is recorded."))
            return redirect("orders:sponsorship-detail", sponsorship.pk)
    context = {"sponsorship": sponsorship, "form": form, "owed": owed_by([sponsorship])[sponsorship.pk]}
    return render(request, "orders/sponsor_payment_form.html", context, status=INVALID if form.errors else 200)


@login_required
@never_cache
@require_safe
def sponsorship_csv(request: PageRequest, sponsorship_id: UUID) -> StreamingHttpResponse:
    """All that a budget paid for, for a spreadsheet: whom, what kind of thing, when and how much."""
    sponsorship = _seen(request, sponsorship_id)
    header = [_("Date"), _("Who"), _("What"), _("Amount"), _("Came back"), _("Currency"), _("State")]
    currency = sponsorship.currency
    rows = (
        [
            day_here(line.order.created_at).isoformat(),
            str(line.order.buyer),
            line.get_kind_display(),
            major_units(line.sponsor_share, currency),
            major_units(line.sponsor_back, currency),
            currency,
            line.order.get_state_display(),
        ]
        for line in uses_of(sponsorship)
    )
    return csv_answer(f"sponsor-{timezone.localdate().isoformat()}.csv", header, rows)


@login_required
@never_cache
@require_safe
def sponsorship_pdf(request: PageRequest, sponsorship_id: UUID) -> HttpResponse:
    """A budget's statement of one month (`month`, such as 2026-11; this one): what to pay, and by which reference."""
    sponsorship = _seen(request, sponsorship_id)
    first = _asked_month(request)
    hit("paper-user", request.user.pk)
    since, until = midnight(first), midnight(first + relativedelta(months=1))
    rows = moved_in(sponsorship, since=since, until=until, most=ROWS_ON_PAPER)
    if rows is None:
        words = _("A paper holds %(n)s rows. Take the CSV instead.")
        messages.info(request, words % {"n": say_number(ROWS_ON_PAPER)})
        return redirect("orders:sponsorship-detail", sponsorship.pk)
    document = _statement(sponsorship, first, rows, before=owed_at(sponsorship, since))
    return pdf_answer(f"sponsor-{first:%Y-%m}.pdf", document)


def _statement(sponsorship: Sponsorship, first: date, rows: Sequence[Moved], *, before: int) -> Document:
    def say(amount: int, *, sign: bool = False) -> str:
        return say_money(Money(amount, sponsorship.currency), sign=sign)

    after = before + sum(row.amount for row in rows)
    return Document(
        title=_("Statement of %(month)s") % {"month": say_month(first)},
        sender=current_business().name,
        reader=f"{sponsorship.name} · {sponsorship.sponsor}",
        facts=[
            (_("Date"), say_date(timezone.now())),
            (_("Owed before"), say(before)),
            (_("To be paid") if after >= 0 else _("In your favour"), say(abs(after))),
            *(slip.account if (slip := slip_of(sponsorship, after)) else []),
            (_("Reference"), sponsorship.transfer_reference),
        ],
        columns=[_("Date"), _("Who"), _("What"), _("Amount")],
        rows=[
            [
                say_date(day_here(row.at)),
                row.person,
                row.kind or _("Your payment. Thank you"),
                say(row.amount, sign=True),
            ]
            for row in rows
        ],
    )


def _asked_month(request: PageRequest) -> date:
    """The first day of the month that the address asks for; what is no month is not there."""
    text = request.GET.get("month")
    if text is None:
        return day_here().replace(day=1)
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise Http404 from None
    if not 2000 <= first.year < 2100:
        raise Http404
    return first


def _seen(request: PageRequest, sponsorship_id: UUID) -> Sponsorship:
    rows: QuerySet[Sponsorship] = Sponsorship.objects.visible_to(request.user).select_related("sponsor")
    return get_object_or_404(rows, pk=sponsorship_id)
