"""Looking around in the books: the trial balance, accounts, transfers."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenpo.books.forms import AccountFilter, DayForm, TransferFilter
from tenpo.books.queries.balances import balances_of, trial_balance_at
from tenpo.books.queries.days import last_closed
from tenpo.books.queries.explorer import family_of, find_accounts, find_transfers, movements_of
from tenpo.books.subjects import subjects_of
from tenpo.checkout.queries.money import Cause, causes_of
from tenpo.ledger.models import Account, Transfer
from tenpo.people.http import PageRequest, admins_only, known_cursor, page_of

TRANSFERS_SHOWN = 50


@admins_only
@never_cache
@require_safe
def trial_balance(request: PageRequest) -> HttpResponse:
    """Every account with its sums at the end of a day, and that both sides are equal."""
    form = DayForm(request.GET)
    day: date | None = form.cleaned_data["day"] if form.is_valid() else None
    sums = trial_balance_at(day)
    totals = [
        {
            "currency": currency,
            "debits": sum(row.debits for row in sums if row.currency == currency),
            "credits": sum(row.credits for row in sums if row.currency == currency),
        }
        for currency in dict.fromkeys(row.currency for row in sums)
    ]
    context = {
        "form": form,
        "day": day,
        "sums": sums,
        "totals": totals,
        "is_balanced": all(total["debits"] == total["credits"] for total in totals),
        "closed": last_closed(),
        "place": "trial-balance",
    }
    return render(request, "books/trial_balance.html", context)


@admins_only
@never_cache
@require_safe
def account_list(request: PageRequest) -> HttpResponse:
    """Every account, the newest first, filtered by kind, owner and currency."""
    form = AccountFilter(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    rows = find_accounts(
        kind=wanted.get("kind", ""), owner=wanted.get("q", ""), currency=wanted.get("currency", "")
    )  # fmt: skip
    page = page_of(request, rows, order=("-id",))
    balances = balances_of(page.items)
    context = {
        "form": form,
        "accounts": [(account, balances[account.pk]) for account in page.items],
        "next_cursor": page.next_cursor,
        "is_filtered": any(wanted.values()),
        "place": "accounts",
    }
    return render(request, "books/account_list.html", context)


@admins_only
@never_cache
@require_safe
def account_detail(request: PageRequest, account_id: UUID) -> HttpResponse:
    """One account: what it holds, and everything that moved on it with the balance after it."""
    account = get_object_or_404(Account.objects.visible_to(request.user).select_related("owner"), pk=account_id)
    form = TransferFilter(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    with known_cursor():
        movements, next_cursor = movements_of(
            account, kind=wanted.get("kind", ""), day=wanted.get("day"), cursor=request.GET.get("cursor")
        )
    causes = causes_of(one.transfer for one in movements)
    context = {
        "account": account,
        "balance": balances_of([account])[account.pk],
        "form": form,
        "movements": [(one, causes[one.transfer.pk]) for one in movements],
        "next_cursor": next_cursor,
        "is_filtered": any(wanted.values()),
    }
    return render(request, "books/account_detail.html", context)


@admins_only
@never_cache
@require_safe
def transfer_list(request: PageRequest) -> HttpResponse:
    """Every transfer, newest first, with what caused it; filtered by kind and day."""
    form = TransferFilter(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    rows = find_transfers(kind=wanted.get("kind", ""), day=wanted.get("day"))
    page = page_of(request, rows, order=("-id",), limit=TRANSFERS_SHOWN)
    context = {
        "transfers": _with_causes(page.items),
        "next_cursor": page.next_cursor,
        "form": form,
        "is_filtered": any(wanted.values()),
        "place": "transfers",
    }
    return render(request, "books/transfer_list.html", context)


@admins_only
@never_cache
@require_safe
def transfer_detail(request: PageRequest, transfer_id: UUID) -> HttpResponse:
    """One transfer: its two ends, what caused it, what undid it, and what else has the same cause."""
    rows = find_transfers().filter(pk__in=Transfer.objects.visible_to(request.user).filter(pk=transfer_id))
    transfer = get_object_or_404(rows)
    family = family_of(transfer)
    context: dict[str, Any] = {
        "transfer": transfer,
        "cause": causes_of([transfer])[transfer.pk],
        "subject": subjects_of([transfer]).get(transfer.subject_id),
        "family": family,
        "siblings": _with_causes(family.siblings),
    }
    return render(request, "books/transfer_detail.html", context)


def _with_causes(transfers: Sequence[Transfer]) -> list[tuple[Transfer, Cause]]:
    causes = causes_of(transfers)
    return [(transfer, causes[transfer.pk]) for transfer in transfers]
