"""A provider's own list beside the books: what differs is found once, told, and cleared with a word."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.urls import reverse

from tenpo.audit.models import AuditLog
from tenpo.books.actions import reconciling
from tenpo.books.actions.reconciling import clear_difference, reconcile_provider, reconcile_tonight
from tenpo.books.models import Difference, Reconciliation
from tenpo.books.queries.reconciling import listing_providers, next_period
from tenpo.books.tests.make import today
from tenpo.checkout.actions.settling import settle_from_provider
from tenpo.checkout.tests.make import make_booking
from tenpo.core import outbox
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Transfer
from tenpo.notify.models import Notification
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.base import ProviderTimeout
from tenpo.payments.providers.sandbox import NEVER_ANSWERS, Sandbox
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


@pytest.fixture(autouse=True)
def _today_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests book is of today, which no comparison would take."""
    monkeypatch.setattr(reconciling, "is_over", lambda day: True)


def compare(**wanted: Any) -> Reconciliation:
    return reconcile_provider("sandbox", **{"since": today(), "until": today(), "by": None, **wanted})


def counts(run: Reconciliation) -> tuple[int, int, int, int]:
    return run.equal, run.only_theirs, run.only_ours, run.different


def test_payments_and_their_fees_are_equal_on_both_sides():
    for _ in range(3):
        make_booking(make_session(price=5_000), make_member())

    run = compare()

    assert counts(run) == (3, 0, 0, 0)
    assert not Difference.objects.exists()
    assert not OutboxMessage.objects.filter(name="reconciliation.differs").exists()


def test_what_only_they_know_is_found_and_gone_once_it_is_settled():
    """The answer was lost: the sandbox took the money, and the books do not know yet."""
    make_booking(make_session(price=5_000), make_member(), card=NEVER_ANSWERS)

    run = compare()
    found = Difference.objects.get()
    settle_everything()
    later = compare()

    assert counts(run) == (0, 1, 0, 0)
    assert (found.what, found.their_amount, found.their_fee, found.our_amount) == ("only_theirs", 5_000, 100, None)
    assert found.reference == str(SandboxCharge.objects.get().pk)
    assert counts(later) == (1, 0, 0, 0)
    found.refresh_from_db()
    assert found.cleared_at is not None
    assert found.cleared_by is None


@pytest.mark.invariants(but={"sandbox-took-what-a-payment-says"})
def test_different_amounts_are_found():
    make_booking(make_session(price=5_000), make_member())
    SandboxCharge.objects.update(amount=5_001)

    run = compare()

    found = Difference.objects.get()
    assert counts(run) == (0, 0, 0, 1)
    assert (found.their_amount, found.our_amount, found.our_fee) == (5_001, 5_000, 100)
    assert found.transfer is not None
    assert found.transfer.kind == Transfer.Kind.PAYMENT


def test_what_only_we_know_is_found(monkeypatch):
    make_booking(make_session(price=5_000), make_member())
    monkeypatch.setattr(Sandbox, "movements", lambda self, since, until: [])

    run = compare()

    found = Difference.objects.get()
    assert counts(run) == (0, 0, 1, 0)
    assert (found.what, found.their_amount, found.our_amount, found.our_fee) == ("only_ours", None, 5_000, 100)
    assert found.reference == Payment.objects.get().reference


def test_a_difference_is_written_once_and_told_to_every_admin_once():
    admins = [make_admin(), make_admin("Another")]
    make_booking(make_session(), make_member(), card=NEVER_ANSWERS)

    first, again = compare(), compare()
    outbox.drain(100)

    assert Difference.objects.get().reconciliation == first
    assert counts(again) == (0, 1, 0, 0)
    told = Notification.objects.filter(kind="admin.reconciliation_differs")
    assert set(told.values_list("user", flat=True)) == {admin.pk for admin in admins}
    page = signed_in(admins[0]).get(reverse("notify:notification-list")).content.decode()
    assert "Test cards and the books differ in 1 place" in page
    settle_everything()
    compare()


def test_days_around_count_for_one_side_only():
    """Both sides of one payment may lie on two days; what is whole elsewhere is not counted."""
    make_booking(make_session(), make_member())

    assert counts(compare(since=today() - timedelta(days=1), until=today() - timedelta(days=1))) == (0, 0, 0, 0)
    SandboxCharge.objects.update(succeeded_at=None)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payments_sandboxcharge SET created_at = created_at - interval '1 day'")
    assert counts(compare(since=today() - timedelta(days=1), until=today() - timedelta(days=1))) == (1, 0, 0, 0)
    assert counts(compare()) == (1, 0, 0, 0)


def test_a_difference_is_cleared_with_a_word_and_what_was_said_first_stays():
    admin = make_admin()
    make_booking(make_session(), make_member(), card=NEVER_ANSWERS)
    compare()
    difference = Difference.objects.get()

    with pytest.raises(ValidationError):
        clear_difference(difference, note="  ", by=admin)
    with pytest.raises(PermissionDenied):
        clear_difference(difference, note="Mine", by=make_member())
    cleared = clear_difference(difference, note=" Booked by hand ", by=admin)
    again = clear_difference(difference, note="Otherwise", by=admin)

    assert (cleared.note, cleared.cleared_by, again.note) == ("Booked by hand", admin, "Booked by hand")
    assert AuditLog.objects.filter(action="difference.cleared").count() == 1
    # What was cleared by somebody is not found again while both sides say the same.
    assert counts(compare()) == (0, 1, 0, 0)
    assert not Difference.objects.open().exists()
    settle_everything()


@pytest.mark.parametrize(
    ("provider", "days", "code"),
    [
        pytest.param("payroll", 0, "keeps_no_list", id="by-hand"),
        pytest.param("nobody", 0, "keeps_no_list", id="unknown"),
        pytest.param("sandbox", -1, "period_not_over", id="ends-before-it-begins"),
        pytest.param("sandbox", reconciling.MAX_DAYS + 1, "period_too_long", id="too-long"),
    ],
)
def test_what_cannot_be_compared_is_refused(provider, days, code):
    with pytest.raises(RuleError) as refusal:
        reconcile_provider(provider, since=today(), until=today() + timedelta(days=days), by=None)

    assert refusal.value.code == code
    assert not Reconciliation.objects.exists()


def test_a_provider_that_does_not_answer_is_asked_again_the_next_night(monkeypatch):
    def silence(*_args: object) -> None:
        raise ProviderTimeout

    with monkeypatch.context() as silent:
        silent.setattr(Sandbox, "movements", silence)
        with pytest.raises(RuleError) as refusal:
            compare()
        assert reconcile_tonight() == 0
    before = next_period("sandbox")

    assert refusal.value.code == "provider_is_silent"
    assert before == (today() - timedelta(days=1), today() - timedelta(days=1))
    assert reconcile_tonight() == len(listing_providers())
    assert next_period("sandbox") is None


def test_nobody_else_compares():
    with pytest.raises(PermissionDenied):
        compare(by=make_member())


def test_the_pages_show_differences_first_and_take_a_note():
    admin = make_admin()
    client = signed_in(admin)
    make_booking(make_session(), make_member(), card=NEVER_ANSWERS)
    address = reverse("books:reconciliation-list")

    day = today().isoformat()
    made = client.post(address, {"provider": "sandbox", "since": day, "until": day}, follow=True).content.decode()
    difference = Difference.objects.get()
    listed = client.get(address).content.decode()
    own = reverse("books:difference-detail", args=[difference.pk])
    empty = client.post(own, {"note": ""})
    noted = client.post(own, {"note": "Booked by hand"}, follow=True).content.decode()

    assert all(difference.reference in page for page in (made, listed))
    assert listed.index(difference.reference) < listed.index("Comparisons")
    assert empty.status_code == 422
    assert "It is noted." in noted
    assert "Nothing is open" in noted
    assert "Booked by hand" in client.get(own).content.decode()
    assert "Test cards" in made
    assert client.post(address, {"provider": "sandbox", "since": day, "until": "2020-01-01"}).status_code == 409
    settle_everything()


def test_what_the_books_know_of_a_difference_is_said_in_words_and_how_much_it_is():
    make_booking(make_session(title="Yoga", price=2_000), make_member())
    SandboxCharge.objects.update(amount=2_250)
    client = signed_in(make_admin())

    run = compare()

    for page in (
        reverse("books:reconciliation-detail", args=[run.pk]),
        reverse("books:difference-detail", args=[Difference.objects.get().pk]),
        reverse("books:reconciliation-list"),
    ):
        text = client.get(page).content.decode()
        assert "Payment for Yoga" in text
        assert "+€2.50" in text
    SandboxCharge.objects.update(amount=2_000)
    compare()


def settle_everything() -> None:
    """Ask the sandbox what became of payments whose answer was lost."""
    for payment in Payment.objects.open():
        settle_from_provider(payment)


def test_what_differs_again_after_it_was_equal_is_found_again(monkeypatch):
    make_booking(make_session(price=5_000), make_member())
    knows = Sandbox.movements

    def forgets() -> None:
        monkeypatch.setattr(Sandbox, "movements", lambda *_arguments: [])

    forgets()
    compare()
    monkeypatch.setattr(Sandbox, "movements", knows)
    compare()
    forgets()
    run = compare()

    assert (run.only_ours, Difference.objects.count(), Difference.objects.open().count()) == (1, 2, 1)
    clear_difference(Difference.objects.open().get(), note="Theirs is late", by=make_admin())
    compare()
    assert Difference.objects.open().count() == 0
