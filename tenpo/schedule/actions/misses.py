"""What was given up late, or not taken: counted once, settled by the policy of the booking, or let off by its host.

Whoever counts holds the row of whoever booked, which comes before the session's.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.outbox import publish
from tenpo.core.tokens import new_id
from tenpo.orders.actions.giving_back import Return, lock_lines, return_parts
from tenpo.orders.cancelling import ComesBack, after_no_show, whole_place
from tenpo.orders.models import Line
from tenpo.orders.policies import GivenBack, PartsBack, parts_back, parts_left
from tenpo.payments.actions.refunds import lock_payments, settle_decided
from tenpo.payments.models import Payment, Refund
from tenpo.payments.refund_models import RefundTo
from tenpo.people.actions.visits import lock_users
from tenpo.people.models import User
from tenpo.schedule.actions.seats import check_not_moved, lock_session
from tenpo.schedule.models import Booking, Miss, Session
from tenpo.schedule.permissions import can_waive
from tenpo.schedule.policy_queries import count_misses

# So long after a session its host may let somebody off who did not come.
WAIVABLE_FOR = timedelta(hours=24)


def clean_waiver(reason: str) -> str:
    """Why a host lets somebody off, as it is kept; ValidationError for none and for one that is too long."""
    reason = " ".join(reason.split())
    most = Miss._meta.get_field("reason").max_length or 0
    if not reason:
        raise ValidationError({"reason": _("Say in a few words why.")})
    if len(reason) > most or "\0" in reason:
        raise ValidationError({"reason": _("At most %(n)s characters.") % {"n": most}})
    return reason


def is_waivable(session: Session, now: datetime | None = None) -> bool:
    """Whether its host may still let somebody off who did not come."""
    return (now or clock.now()) <= session.ends_at + WAIVABLE_FOR


def note_miss(booking: Booking, kind: Miss.Kind, back: ComesBack, *, waiver: str = "", by: User | None = None) -> Miss:
    """Write down what somebody gave up late, or did not take; what cost nothing from the start is none.

    The caller holds whoever booked, and the booking.
    """
    outcome = Miss.Outcome.GRACE if back.by_grace else Miss.Outcome.CHARGED
    return Miss.objects.create(
        booking=booking, user_id=booking.booked_by_id, kind=kind, at=clock.now(), percent=back.percent,
        outcome=Miss.Outcome.WAIVED if waiver else outcome, reason=waiver, waived_by=by if waiver else None,
        earlier=back.misses, grace=booking.terms.grace_count,
    )  # fmt: skip


def lock_absent(session_id: UUID) -> set[UUID]:
    """Lock whoever did not come to a session and is still to be counted, before the session itself; returns them."""
    absent = _unsettled(session_id).values("booked_by")
    rows = User.objects.select_for_update(no_key=True).filter(pk__in=absent).order_by("pk")
    return set(rows.values_list("pk", flat=True))


def settle_no_shows(session: Session, locked: Collection[UUID]) -> bool:
    """Let the policies decide about whoever did not come to a locked session that took place.

    False, and nothing is done, when somebody was marked since those who are `locked` were.
    """
    rows = _unsettled(session.pk).select_for_update(of=("self",), no_key=True).select_related("line__order")
    bookings = list(rows.order_by("id"))
    if any(booking.booked_by_id not in locked for booking in bookings):
        return False
    for booking in bookings:
        booking.session = session
        settle_no_show(booking)
    return True


def settle_no_show(booking: Booking) -> None:
    """What the policy says of whoever did not come; the caller holds who booked, the session and the booking.

    What costs nothing is not counted.
    """
    assert booking.line is not None
    line = lock_lines([booking.line.pk])[booking.line.pk]
    if not line.price:
        return
    policy = booking.terms
    misses = count_misses(policy, booking.booked_by_id, now=clock.now())
    back = after_no_show(policy, back_to=line.back_to, misses=misses)
    note_miss(booking, Miss.Kind.NO_SHOW, back)
    parts = parts_back(line, back.percent)
    to = _refund(line, parts, back.to, by=None) if parts.whole else back.to
    given = GivenBack.of(parts, to)
    after = {"percent": back.percent, "credit": given.credit, "wallet": given.wallet, "method": given.method}
    said = {"by_grace": True} if back.by_grace else {}
    record("booking.no_show_settled", by=None, on=booking, after={**after, "company": given.company, **said})
    publish(
        "booking.no_show_settled", subject=booking, session_id=booking.session_id, by_grace=back.by_grace,
        credit=given.credit, wallet=given.wallet, method=given.method,
    )  # fmt: skip


@transaction.atomic
def waive_no_show(booking: Booking, *, reason: str, by: User) -> Booking:
    """Let somebody off who did not come: all that is left of what was paid goes back, and it does not count.

    By the session's host, never for themselves, until a day after it ended; whoever booked is told why. Again changes
    nothing. Raises RuleError no_show_only, too_late, own_sponsorship; ValidationError without a reason.
    """
    reason = clean_waiver(reason)
    lock_users(User(pk=booking.booked_by_id))
    session = lock_session(booking.session_id)
    rows = Booking.objects.select_for_update(of=("self",), no_key=True).select_related("line__order")
    booking = rows.get(pk=booking.pk)
    check_not_moved(booking, session)
    booking.session = session
    if not can_waive(by, booking):
        raise PermissionDenied
    if booking.state != Booking.State.NO_SHOW or booking.line is None or not booking.line.price:
        raise RuleError("no_show_only", _("Only who is noted as not having come to what was paid is let off."))
    miss = Miss.objects.filter(booking=booking).first()
    if miss is not None and miss.outcome == Miss.Outcome.WAIVED:
        return booking
    if not is_waivable(session):
        raise RuleError("too_late", _("Somebody is let off until a day after the session."))
    before = {"outcome": miss.outcome, "percent": miss.percent} if miss else None
    Miss.objects.update_or_create(
        booking=booking,
        defaults={"outcome": Miss.Outcome.WAIVED, "percent": 100, "reason": reason, "waived_by": by},
        create_defaults={
            "outcome": Miss.Outcome.WAIVED, "percent": 100, "reason": reason, "waived_by": by,
            "user_id": booking.booked_by_id, "kind": Miss.Kind.NO_SHOW, "at": clock.now(),
        },
    )  # fmt: skip
    line = lock_lines([booking.line.pk])[booking.line.pk]
    parts, to = parts_left(line), whole_place(booking.terms, line.back_to)
    if line.sponsorship and line.sponsorship.sponsor_id == by.pk and parts.sponsor:
        words = _("A part of this goes back to you, as its sponsor. Another admin decides it.")
        raise RuleError("own_sponsorship", words)
    if parts.whole:
        to = _refund(line, parts, to, by=by, word=reason)
    given = GivenBack.of(parts, to)
    back = {"credit": given.credit, "wallet": given.wallet, "method": given.method}
    record("booking.waived", by=by, on=booking, before=before, after={"reason": reason, **back})
    publish("booking.waived", subject=booking, session_id=session.pk, reason=reason, **back)
    return booking


def forget_no_show(booking: Booking) -> None:
    """Whoever was noted as not having come came after all: it does not count any more. The caller holds the booking.

    Raises RuleError settled when something went back for it.
    """
    miss = Miss.objects.filter(booking=booking).first()
    if miss is None:
        return
    if miss.percent:
        raise RuleError("settled", _("Something has gone back already because nobody came, so the mark stays."))
    miss.delete()


def _unsettled(session_id: UUID) -> QuerySet[Booking]:
    absent = Booking.objects.filter(session=session_id, state=Booking.State.NO_SHOW, miss=None)
    return absent.filter(line__price__gt=0)


def _refund(line: Line, parts: PartsBack, to: str, *, by: User | None, word: str = "") -> str:
    """Give parts of a locked line back, as a refund that nobody asked for: by the policy, or by the host.

    Returns where what was paid from outside goes: where it came from, once a bank wants it back.
    """
    paid = Payment.objects.filter(order_id=line.order_id, state=Payment.State.SUCCEEDED).first()
    payment = lock_payments([paid.pk])[paid.pk] if paid else None
    if payment is not None and payment.disputed_at is not None:
        # As when it is cancelled: the provider knows whether the bank has given it back already.
        to = RefundTo.METHOD
    refund = Refund(
        id=new_id(), user_id=line.order.buyer_id, payment=payment, provider=payment.provider if payment else "",
        line_id=line.pk, description=line.description, origin=Refund.Origin.ADMIN, currency=line.order.currency, to=to,
        asked=parts.whole, amount=parts.whole, company=parts.company, credit=parts.credit, wallet=parts.wallet,
        own=parts.own, sponsor=parts.sponsor, word=word,
    )  # fmt: skip
    return_parts(Return(line, parts, to, refund.pk))
    settle_decided(refund, by=by)
    return to
