"""Approved payouts leave: by themselves, by a file for many, or by an admin's hand; and what became of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from tenpo.audit.actions import record, record_all
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.days import day_here
from tenpo.core.errors import RuleError
from tenpo.core.models import check_fields
from tenpo.core.outbox import publish, publish_all
from tenpo.core.tokens import new_id
from tenpo.core.words import say_names, say_when
from tenpo.ledger.actions import post_transfers
from tenpo.payments.actions.asking import ask_in_turn
from tenpo.payments.actions.payouts import arrival_of, end_payout, lock_payout, payee_disabled
from tenpo.payments.models import Payout, PayoutAccount, PayoutBatch
from tenpo.payments.payout_methods import METHODS
from tenpo.payments.payout_methods.base import PayoutFile, PayoutOutcome, PayoutTimeout
from tenpo.payments.permissions import can_decide_payout
from tenpo.payments.queries import disabled_in, payout_terms
from tenpo.people.models import User
from tenpo.people.permissions import check_admin

MAX_IN_BATCH = 500
# A method is asked again what became of a payout after so long, and of no more than these at once.
ASK_AGAIN = timedelta(minutes=1)
ASKED_AT_ONCE = 100
# A method knows our key for thirty days. What it has not answered by then is not sent again: an admin looks.
SENT_AGAIN_WITHIN = timedelta(days=25)
# Nor is one on its way for longer than this: PayPal gives back after thirty days what nobody claimed.
ENDED_BY_HAND_AFTER = timedelta(days=31)
# A bank gives back what it had taken within some days: that long each is asked about once a day.
COMES_BACK_WITHIN = timedelta(days=14)
ASK_WHETHER_BACK = timedelta(days=1)

log = structlog.get_logger()


def to_leave() -> Q:
    """What was approved and may leave: what goes to whoever is disabled since waits until an admin rejects it."""
    return Q(state=Payout.State.APPROVED, payee__disabled_at=None)


@transaction.atomic
def make_payout_batch(method: str, *, by: User) -> PayoutBatch:
    """Write the approved payouts of a method into one file, the oldest first. Each stands in one live file.

    Those to whoever is disabled since wait.

    Raises RuleError "nothing_to_send", "method_not_offered", "no_name_for_banks".
    """
    check_admin(by)
    terms, business = payout_terms(), current_business()
    way = METHODS.get(method)
    if way is None or not way.writes_files or not way.is_offered(terms, business.currency):
        raise RuleError("method_not_offered", _("Nobody is paid this way here."))
    payouts = list(
        Payout.objects.select_for_update(no_key=True, of=("self",))
        .select_related("account")
        .filter(to_leave(), method=method, batch=None, currency=business.currency)
        .order_by("id")[:MAX_IN_BATCH]
    )
    if not payouts:
        raise RuleError("nothing_to_send", _("No approved payout waits for this file."))
    file = way.write(payouts, terms, on=day_here())
    batch = PayoutBatch(
        id=new_id(),
        method=method,
        currency=business.currency,
        count=len(payouts),
        total=sum(payout.sent_amount for payout in payouts),
        document=file.text,
        made_by=by,
    )
    batch.save(force_insert=True)
    Payout.objects.filter(pk__in=[payout.pk for payout in payouts]).update(batch=batch)
    record("payout_batch.made", by=by, on=batch, after={"count": batch.count, "total": batch.total})
    return batch


@transaction.atomic
def read_payout_batch(batch: PayoutBatch, *, by: User) -> PayoutFile:
    """The file of a batch, as it was made; who took it is written down, because it names accounts in the clear.

    From then on the bank may have it, and dropping it needs a word more.
    """
    check_admin(by)
    batch = _lock_batch(batch)
    batch.read_at, batch.read_by = clock.now(), by
    batch.save(update_fields=["read_at", "read_by"])
    record("payout_batch.read", by=by, on=batch)
    is_bank = batch.method == PayoutAccount.Method.SEPA
    name = f"payouts-{batch.created_at:%Y-%m-%d}-{batch.pk.hex[:8]}"
    return PayoutFile(
        batch.document,
        f"{name}.xml" if is_bank else f"{name}.csv",
        "application/xml" if is_bank else "text/csv; charset=utf-8",
    )


@transaction.atomic
def send_payout_batch(batch: PayoutBatch, *, by: User) -> PayoutBatch:
    """The bank has the file: its payouts are on their way. Saying it twice changes nothing.

    Raises RuleError "dropped", and "payee_disabled" while somebody in it is: a file is handed on whole, or not at all.
    """
    check_admin(by)
    batch = _lock_batch(batch)
    if batch.state == PayoutBatch.State.SENT:
        return batch
    if batch.state == PayoutBatch.State.DROPPED:
        raise RuleError("dropped", _("This file was dropped: its payouts stand in another one, or wait for it."))
    payouts = _lock_all(batch.payouts.filter(state=Payout.State.APPROVED))
    if names := disabled_in(batch):
        words = _(
            "Disabled, and in this file: %(names)s. Drop the file and make a new one. If the bank has it already, "
            "enable them before you say so."
        )
        raise RuleError("payee_disabled", words % {"names": say_names(names)})
    batch.state, batch.sent_at = PayoutBatch.State.SENT, clock.now()
    batch.save(update_fields=["state", "sent_at"])
    record("payout_batch.sent", by=by, on=batch, before={"state": "made"}, after={"state": "sent"})
    _send_out(payouts, by=by)
    return batch


@transaction.atomic
def drop_payout_batch(batch: PayoutBatch, *, by: User, taken_at: datetime | None = None) -> PayoutBatch:
    """Give up a file that nobody handed on: its payouts wait for another one.

    Of a file that somebody took, `taken_at` says that whoever drops it knows of that: the bank would pay twice. Raises
    RuleError "already_sent", "taken".
    """
    check_admin(by)
    batch = _lock_batch(batch)
    if batch.state == PayoutBatch.State.SENT:
        raise RuleError("already_sent", _("The bank has this file. What does not arrive is marked one by one."))
    if batch.state == PayoutBatch.State.MADE:
        if batch.read_at is not None and batch.read_at != taken_at:
            raise _taken(batch)
        _lock_all(batch.payouts.all())
        batch.payouts.update(batch=None)
        batch.state = PayoutBatch.State.DROPPED
        batch.save(update_fields=["state"])
        record("payout_batch.dropped", by=by, on=batch, before={"state": "made"}, after={"state": "dropped"})
    return batch


@transaction.atomic
def finish_payout_batch(batch: PayoutBatch, *, by: User) -> int:
    """All payouts of a batch that are on their way have arrived, but for one's own; how many they were."""
    check_admin(by)
    batch = _lock_batch(batch)
    payouts = _lock_all(batch.payouts.filter(state=Payout.State.SENT).exclude(payee=by))
    for payout in payouts:
        _arrive(payout, by=by)
    return len(payouts)


@transaction.atomic
def mark_payout_sent(payout: Payout, *, by: User) -> Payout:
    """An admin sent an approved payout by hand. Marking twice changes nothing.

    Raises RuleError "not_by_hand", "not_approved", "payee_disabled".
    """
    payout = lock_payout(payout)
    if not can_decide_payout(by, payout):
        raise PermissionDenied
    if METHODS[payout.method].sends_itself or METHODS[payout.method].writes_files:
        raise _not_by_hand()
    if payout.state == Payout.State.SENT:
        return payout
    if payout.state != Payout.State.APPROVED:
        raise RuleError("not_approved", _("Only what was approved is sent."))
    if payout.payee.disabled_at is not None:
        raise payee_disabled()
    _send_out([payout], by=by)
    return payout


@transaction.atomic
def mark_payout_done(payout: Payout, *, by: User) -> Payout:
    """An admin saw that a payout arrived. Marking twice changes nothing. Raises "not_by_hand", "not_sent"."""
    payout = _lock_to_mark(payout, by)
    if payout.state != Payout.State.DONE:
        _arrive(payout, by=by)
    return payout


@transaction.atomic
def mark_payout_failed(payout: Payout, *, word: str, by: User) -> Payout:
    """A payout came back, also one that had arrived: its whole amount is its payee's again. Again changes nothing.

    Raises RuleError "not_by_hand", "not_sent".
    """
    payout = _lock_to_mark(payout, by, but=Payout.State.FAILED)
    if payout.state == Payout.State.FAILED:
        return payout
    payout.word = " ".join(word.split())
    check_fields(payout, "word")
    return end_payout(payout, Payout.State.FAILED, by=by)


def send_waiting_payouts() -> int:
    """Send what was approved and leaves by itself, ask what became of what is on its way, and whether what arrived came
    back; how many were asked.
    """
    ours = [name for name, way in METHODS.items() if way.sends_itself]
    waiting = Payout.objects.filter(method__in=ours)
    sent = waiting.filter(state=Payout.State.SENT, sent_at__lt=clock.now() - ASK_AGAIN)
    now = clock.now()
    arrived = waiting.filter(state=Payout.State.DONE, ended_at__gt=now - COMES_BACK_WITHIN)
    asked_long_ago = arrived.filter(Q(asked_at=None) | Q(asked_at__lt=now - ASK_WHETHER_BACK))
    begun = ask_in_turn(waiting.filter(to_leave()), send_payout, limit=ASKED_AT_ONCE)
    begun += ask_in_turn(sent, ask_about_payout, limit=ASKED_AT_ONCE)
    return begun + ask_in_turn(asked_long_ago, ask_whether_back, limit=ASKED_AT_ONCE)


def send_payout(payout: Payout) -> Payout:
    """Send one approved payout by its method. It is on its way before anybody is asked, so that it leaves once."""
    with transaction.atomic():
        payout = lock_payout(payout)
        if payout.state != Payout.State.APPROVED or not METHODS[payout.method].sends_itself:
            return payout
        if payout.payee.disabled_at is not None:
            return payout
        _send_out([payout], by=None)
    return _hear(payout, is_new=True)


def ask_about_payout(payout: Payout) -> Payout:
    """Ask a method what became of a payout; one that it never heard of is sent again, under the same key."""
    return _hear(payout, is_new=False)


def ask_whether_back(payout: Payout) -> bool:
    """Ask a method whether a payout came back that had arrived, as a bank may say days later. Nothing is sent.

    False when it does not answer.
    """
    try:
        outcome = METHODS[payout.method].came_back(payout)
    except PayoutTimeout:
        log.warning("payout_unknown", payout_id=str(payout.pk), method=payout.method)
        return False
    if outcome:
        _note_back(payout, outcome)
    return True


@transaction.atomic
def _note_back(payout: Payout, outcome: PayoutOutcome) -> None:
    payout = lock_payout(payout)
    if payout.state == Payout.State.DONE:
        payout.failure_code = outcome.failure_code[:60]
        end_payout(payout, Payout.State.FAILED, by=None)


@transaction.atomic
def apply_payout_outcome(payout: Payout, outcome: PayoutOutcome) -> Payout:
    """Bring a payout on its way to what its method says. Hearing it twice changes nothing."""
    payout = lock_payout(payout)
    if payout.state != Payout.State.SENT:
        return payout
    payout.reference = outcome.reference or payout.reference
    if outcome.state == Payout.State.DONE:
        payout.cost = outcome.cost
        return _arrive(payout, by=None)
    if outcome.state == Payout.State.FAILED:
        payout.failure_code = outcome.failure_code[:60]
        return end_payout(payout, Payout.State.FAILED, by=None)
    payout.save(update_fields=["reference"])
    return payout


def _hear(payout: Payout, *, is_new: bool) -> Payout:
    method = METHODS[payout.method]
    try:
        outcome = None if is_new else method.retrieve(payout)
        if outcome is None:
            if _is_given_up(payout):
                log.error("payout_not_known", payout_id=str(payout.pk), method=payout.method)
                return payout
            outcome = method.send(payout, is_new=is_new)
    except PayoutTimeout:
        # Nobody knows whether it left: it stays on its way, and is asked about again.
        log.warning("payout_unknown", payout_id=str(payout.pk), method=payout.method)
        return payout
    return apply_payout_outcome(payout, outcome)


def _is_given_up(payout: Payout) -> bool:
    """Whether it left so long ago that its method may have forgotten our key."""
    return payout.sent_at is not None and payout.sent_at < clock.now() - SENT_AGAIN_WITHIN


def _send_out(payouts: Sequence[Payout], *, by: User | None) -> None:
    now = clock.now()
    for payout in payouts:
        payout.state, payout.sent_at = Payout.State.SENT, now
    Payout.objects.filter(pk__in=[payout.pk for payout in payouts]).update(state=Payout.State.SENT, sent_at=now)
    before, after = {"state": Payout.State.APPROVED}, {"state": Payout.State.SENT}
    record_all([("payout.sent", payout, before, after) for payout in payouts], by=by)
    publish_all([("payout.sent", payout, {}) for payout in payouts])


def _arrive(payout: Payout, *, by: User | None) -> Payout:
    """It arrived: what was held has left, and its account is known to work."""
    before = {"state": payout.state}
    payout.state, payout.ended_at = Payout.State.DONE, clock.now()
    payout.save(update_fields=["state", "ended_at", "cost", "reference"])
    PayoutAccount.objects.filter(pk=payout.account_id, verified_at=None).update(verified_at=payout.ended_at)
    post_transfers(arrival_of(payout))
    record("payout.done", by=by, on=payout, before=before, after={"state": payout.state})
    publish("payout.done", subject=payout)
    return payout


def _lock_to_mark(payout: Payout, by: User, *, but: Payout.State = Payout.State.DONE) -> Payout:
    payout = lock_payout(payout)
    if not can_decide_payout(by, payout):
        raise PermissionDenied
    if payout.state == but or (but == Payout.State.FAILED and may_come_back(payout)):
        return payout
    if payout.state != Payout.State.SENT:
        raise RuleError("not_sent", _("Only what is on its way arrives or comes back."))
    if not may_be_marked(payout):
        raise _not_by_hand()
    return payout


def may_be_marked(payout: Payout) -> bool:
    """Whether an admin may say what became of a payout on its way.

    Of one that leaves by itself: once its method never heard of it, or has not brought it to an end in so many days.
    """
    if payout.state != Payout.State.SENT or not METHODS[payout.method].sends_itself:
        return payout.state == Payout.State.SENT
    is_overdue = payout.sent_at is not None and payout.sent_at < clock.now() - ENDED_BY_HAND_AFTER
    return is_overdue or (payout.reference is None and _is_given_up(payout))


def may_come_back(payout: Payout) -> bool:
    """Whether an admin may say that what had arrived came back. Of what leaves by itself its method says so."""
    return payout.state == Payout.State.DONE and not METHODS[payout.method].sends_itself


def _lock_batch(batch: PayoutBatch) -> PayoutBatch:
    return PayoutBatch.objects.select_for_update(no_key=True, of=("self",)).select_related("read_by").get(pk=batch.pk)


def _taken(batch: PayoutBatch) -> RuleError:
    assert batch.read_at is not None
    words = _("%(name)s took this file %(when)s. Ask whether the bank has it, before you drop it.")
    return RuleError("taken", words % {"name": batch.read_by, "when": say_when(batch.read_at)})


def _lock_all(payouts: QuerySet[Payout]) -> list[Payout]:
    return list(payouts.select_for_update(no_key=True).order_by("id"))


def _not_by_hand() -> RuleError:
    return RuleError("not_by_hand", _("This payout leaves by another way, which says what becomes of it."))
