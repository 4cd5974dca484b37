"""The terms of refunds are kept for a few seconds where they are shown; who decides by them reads them now."""

from typing import Any

import pytest

from tenpo.checkout.tests.refund_make import make_bought, make_request
from tenpo.core.errors import RuleError
from tenpo.payments.actions.refunds import update_refund_terms
from tenpo.payments.models import RefundTerms
from tenpo.payments.queries import refund_terms
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def changed_elsewhere(**terms: Any) -> None:
    """Another process changes them, while this one keeps what it read."""
    RefundTerms.objects.update_or_create(only=True, defaults=terms)


def test_a_list_shows_what_was_just_changed_here(django_capture_on_commit_callbacks):
    make_session()
    client = signed_in(make_member())

    def said() -> str:
        return str(client.get("/api/v1/sessions").json()["items"][0]["cancellation_terms"])

    before = said()
    with django_capture_on_commit_callbacks(execute=True):
        update_refund_terms(by=make_admin(), cancellation_to="wallet")

    assert "credit" in before
    assert "wallet" in said()


def test_what_is_granted_by_itself_goes_by_the_terms_of_now():
    line = make_bought()
    changed_elsewhere(automatic_amount=3_000)
    assert refund_terms().automatic_amount == 3_000

    changed_elsewhere(automatic_amount=None)

    assert make_request(line, 1_000).state == "asked"


def test_until_when_one_may_ask_goes_by_the_terms_of_now():
    line = make_bought()
    assert refund_terms().ask_days == 14

    changed_elsewhere(ask_days=0)

    with pytest.raises(RuleError) as refusal:
        make_request(line, 1_000)
    assert refusal.value.code == "too_late"


def test_a_form_shows_what_there_is_now_so_that_nothing_old_is_written_back():
    admin = make_admin()
    assert refund_terms().ask_days == 14

    changed_elsewhere(ask_days=3)

    assert signed_in(admin).get("/money/refunds/terms/").context["form"]["ask_days"].value() == 3
    assert signed_in(admin).get("/api/v1/refund-terms").json()["ask_days"] == 3
