"""Everybody's wallets, for admins: what is in them, what moved, and money that the business gives."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.checkout.forms import GrantForm, WalletFilter
from tenpo.checkout.queries.money import wallet_context
from tenpo.core.business import current_business
from tenpo.ledger.models import Account
from tenpo.ledger.queries import WALLET
from tenpo.payments.actions.wallets import give_money, take_back_grant
from tenpo.payments.models import Grant
from tenpo.people.http import PageRequest, admins_only, attempt, attempt_form, known_cursor, page_of
from tenpo.people.models import User


@admins_only
@never_cache
@require_safe
def wallet_list(request: PageRequest) -> HttpResponse:
    """Who has money here, by name."""
    form = WalletFilter(request.GET or None)
    currency = current_business().currency
    theirs = Q(accounts__currency=currency)
    people = User.objects.filter(accounts__kind__in=WALLET, accounts__currency=currency).annotate(
        bought=Coalesce(Sum("accounts__balance", filter=theirs & Q(accounts__kind=Account.Kind.WALLET)), 0),
        granted=Coalesce(Sum("accounts__balance", filter=theirs & Q(accounts__kind=Account.Kind.GRANTED)), 0),
    )
    page = page_of(request, form.narrow(people), order=("name", "id"))
    context = {
        "form": form,
        "people": page.items,
        "next_cursor": page.next_cursor,
        "is_filtered": bool(request.GET),
        "currency": currency,
        "tab": "wallets",
    }
    return render(request, "checkout/wallet_list.html", context)


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def wallet_detail(request: PageRequest, user_id: UUID) -> HttpResponse:
    """One person's wallet: what moved, and what was given; an admin may give more."""
    owner = get_object_or_404(User, pk=user_id)
    currency = current_business().currency
    form = GrantForm(request.POST or None, shown_to=request.user)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        given = attempt_form(
            form,
            lambda: give_money(
                owner, amount=wanted["amount"], reason=wanted["reason"], by=request.user, once=wanted["once"]
            ),
        )
        if given:
            messages.success(request, _("It is in the wallet, and %(name)s is told.") % {"name": owner})
            return redirect("checkout:wallet-detail", owner.pk)
    with known_cursor():
        shown = wallet_context(owner, currency, cursor=request.GET.get("cursor"))
    context = {
        **shown,
        "owner": owner,
        "form": form,
        "is_own": owner == request.user,
        "grants": Grant.objects.filter(owner=owner, currency=currency).order_by("-id")[:20],
        "tab": "wallets",
    }
    return render(request, "checkout/wallet_detail.html", context, status=422 if form.errors else 200)


@admins_only
@never_cache
@require_POST
def grant_take_back(request: PageRequest, grant_id: UUID) -> HttpResponse:
    """Take back what was given and is not spent yet."""
    grant = get_object_or_404(Grant, pk=grant_id)
    attempt(request, lambda: take_back_grant(grant, by=request.user), done=_("It is taken back."))
    return redirect("checkout:wallet-detail", grant.owner_id)
