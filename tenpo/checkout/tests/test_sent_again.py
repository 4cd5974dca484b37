"""Forms that move money, sent again: from a page that is loaded again, from two tabs, at the same moment."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.test import Client

from tenpo.checkout.actions.topping_up import top_up
from tenpo.checkout.tests.make import make_top_up
from tenpo.checkout.tests.refund_make import buyer_of, make_bought, make_refund_terms
from tenpo.core.errors import RuleError
from tenpo.core.once import made_before
from tenpo.core.tokens import new_id
from tenpo.ledger.queries import WALLET, balance_of
from tenpo.orders.tests.make import credit_left
from tenpo.payments.actions.payouts import ask_for_payout
from tenpo.payments.actions.wallets import give_money
from tenpo.payments.models import Grant, Payment, Payout, Refund
from tenpo.payments.providers.sandbox import DECLINED, SUCCEEDS
from tenpo.payments.tests.make import make_payout_account, make_terms
from tenpo.people.tests.make import freshly_signed_in, make_admin, make_member, signed_in
from tests.at_once import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
CARD = {"amount": "25", "provider": "sandbox", "test_card": SUCCEEDS}


def shown(client: Client, path: str) -> str:
    """The id that the form of a page bears."""
    found = re.search(r'name="once" value="([^"]+)"', client.get(path).content.decode())
    assert found
    return found[1]


def test_a_top_up_is_charged_once_however_often_its_form_is_sent():
    member = make_member()
    client = signed_in(member)
    page = "/me/money/top-up/"
    sent = {**CARD, "once": shown(client, page)}

    answers = [client.post(page, sent)["Location"] for _again in range(3)]
    differs = client.post(page, {**sent, "amount": "30"})
    client.post(page, {**CARD, "once": shown(client, page)})

    assert len(set(answers)) == 1
    assert differs.status_code == 409
    assert "This was sent before" in differs.content.decode()
    assert Payment.objects.filter(state="succeeded").count() == 2
    assert sum(balance_of(member, "EUR", WALLET).values()) == 5_000


def test_money_is_given_once_however_often_its_form_is_sent():
    member, client = make_member(), signed_in(make_admin())
    page = f"/money/wallets/{member.pk}/"
    sent = {"amount": "25", "reason": "Welcome", "once": shown(client, page)}

    answers = [client.post(page, sent).status_code for _again in range(2)]
    to_another = client.post(f"/money/wallets/{make_member().pk}/", sent)

    assert (answers, to_another.status_code) == ([302, 302], 422)
    assert Grant.objects.get().amount == 2_500


def test_a_payout_is_asked_for_once_however_often_its_form_is_sent():
    make_terms()
    member = make_member()
    make_top_up(member, 5_000)
    account, client, page = make_payout_account(member), signed_in(member), "/me/money/payouts/"
    sent = {"amount": "20", "source": "wallet", "account": account.pk, "once": shown(client, page)}

    answers = [client.post(page, sent)["Location"] for _again in range(2)]

    assert answers == [f"/me/money/payouts/{Payout.objects.get().pk}/"] * 2
    assert sum(balance_of(member, "EUR", WALLET).values()) == 3_000


def test_money_goes_back_once_however_often_its_form_is_sent():
    line, client = make_bought(), freshly_signed_in(make_admin())
    page = f"/money/lines/{line.pk}/refund/"
    sent = {"amount": "25", "to": "credit", "word": "", "once": shown(client, page)}

    answers = [client.post(page, sent)["Location"] for _again in range(2)]
    differs = client.post(page, {**sent, "amount": "30"})
    client.post(page, {**sent, "once": shown(client, page)})

    assert len(set(answers)) == 1
    assert differs.status_code == 422
    assert "This was sent before" in differs.content.decode()
    assert list(Refund.objects.values_list("amount", flat=True)) == [2_500, 2_500]
    assert credit_left(buyer_of(line)) == 5_000


def test_a_small_refund_is_granted_by_itself_once_however_often_its_form_is_sent():
    make_refund_terms(automatic_amount=5_000)
    line = make_bought()
    client, page = signed_in(buyer_of(line)), f"/me/money/lines/{line.pk}/refund/"
    sent = {"amount": "20", "to": "credit", "reason": "Ill", "once": shown(client, page)}

    answers = [client.post(page, sent)["Location"] for _again in range(2)]

    assert answers == [f"/me/money/refunds/{Refund.objects.get().pk}/"] * 2
    assert credit_left(buyer_of(line)) == 2_000


@pytest.mark.parametrize("page", ["/me/money/top-up/", "/me/money/payouts/"])
def test_a_form_that_was_shown_to_somebody_else_is_refused(page):
    make_terms()
    member = make_member()
    make_top_up(member, 5_000)
    account = make_payout_account(member)
    other = make_member()
    make_payout_account(other)
    foreign = shown(signed_in(other), page)

    answer = signed_in(member).post(page, {**CARD, "source": "wallet", "account": account.pk, "once": foreign})

    assert answer.status_code == 422
    assert "Open the page again" in answer.content.decode()
    assert (Payment.objects.count(), Payout.objects.count()) == (1, 0)


def test_what_differs_from_what_was_made_before_is_refused():
    admin, member, once = make_admin(), make_member(), new_id()
    grant = give_money(member, amount=500, reason="Welcome", by=admin, once=once)

    assert grant.pk == once
    assert give_money(member, amount=500, reason="Welcome", by=admin, once=once) == grant
    for owner, amount in ((member, 600), (make_member(), 500)):
        with pytest.raises(RuleError, match="sent before"):
            give_money(owner, amount=amount, reason="Welcome", by=admin, once=once)
    assert Grant.objects.get() == grant
    assert made_before(Grant.objects.all(), None) is None
    assert made_before(Grant.objects.all(), new_id()) is None


def test_a_card_that_was_declined_is_not_charged_again_by_a_reload():
    member, once = make_member(), new_id()
    terms: Any = {"amount": 1_000, "provider": "sandbox", "by": member, "once": once}
    top_up(member, source=DECLINED, **terms)

    assert top_up(member, source=SUCCEEDS, **terms).state == "failed"


@pytest.mark.django_db(transaction=True)
def test_forms_that_are_sent_at_once_move_money_once():
    make_terms()
    admin, member = make_admin(), make_member()
    make_top_up(member, 9_000)
    account = make_payout_account(member)
    ids = [new_id() for _ in range(3)]
    works: list[Callable[[], Any]] = [
        partial(top_up, member, amount=1_000, provider="sandbox", source=SUCCEEDS, by=member, once=ids[0]),
        partial(give_money, member, amount=700, reason="Welcome", by=admin, once=ids[1]),
        partial(ask_for_payout, account, source="wallet", amount=2_000, by=member, once=ids[2]),
    ]

    made = at_once([work for work in works for _again in range(3)])

    assert [getattr(one, "pk", one) for one in made] == [id_ for id_ in ids for _again in range(3)]
    assert balance_of(member, "EUR", WALLET) == {"granted": 700, "wallet": 8_000}
