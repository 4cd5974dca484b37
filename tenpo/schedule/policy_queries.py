"""What the policy of a place says for somebody now, who gave up late, or did not come, so many times before."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.orders.actions.default_policy import USUAL
from tenpo.orders.cancelling import MAX_GRACE_DAYS, ComesBack, Move, Policy, what_comes_back
from tenpo.orders.models import CancellationPolicy
from tenpo.orders.policy_words import describe_policy, say_of_each, say_policy
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import User
from tenpo.schedule.models import Booking, Miss, Service, Session

type Misses = dict[UUID, list[datetime]]


def misses_of(user_ids: Iterable[UUID], *, now: datetime | None = None) -> Misses:
    """When each of these people gave up late or did not come, as far back as any policy looks: one statement."""
    since = (now or clock.now()) - timedelta(days=MAX_GRACE_DAYS)
    found: Misses = {user_id: [] for user_id in user_ids}
    rows = Miss.objects.counting(since).filter(user__in=found).order_by("at")
    for user_id, at in rows.values_list("user", "at"):
        found[user_id].append(at)
    return found


def misses_under(policies: Sequence[Policy], user_ids: Iterable[UUID]) -> Misses:
    """The same, without a statement where none of these policies counts them."""
    return misses_of(user_ids) if any(policy.grace_count for policy in policies) else {}


def count_misses(policy: Policy, user_id: UUID, *, now: datetime, known: Misses | None = None) -> int:
    """How many count by this policy now; asked of the database where they are not `known`."""
    if not policy.grace_count:
        return 0
    known = misses_of([user_id], now=now) if known is None else known
    return policy.misses_within(known.get(user_id, []), now)


def comes_back(
    booking: Booking,
    *,
    now: datetime | None = None,
    misses: Misses | None = None,
    by_host: bool = False,
    is_waived: bool = False,
) -> ComesBack:
    """What comes back of a booking, which has its session and its line, if it is cancelled now."""
    now, policy = now or clock.now(), booking.terms
    if booking.line is None or not booking.line.price:
        # There is nothing to let somebody off, and nothing that would count.
        policy, is_waived = replace(policy, grace_count=0), False
    return what_comes_back(
        policy,
        starts_at=booking.session.starts_at,
        now=now,
        back_to=_terms_lead_to(booking),
        misses=count_misses(policy, booking.booked_by_id, now=now, known=misses),
        by_host=by_host,
        was_moved=booking.was_moved,
        is_waived=is_waived,
    )


def say_booked_policy(booking: Booking, *, misses: Misses | None = None) -> str:
    """What holds of a booking for whoever made it; empty while one only waits."""
    policy, now = booking.terms, clock.now()
    if not policy.windows:
        return ""
    return say_policy(
        policy,
        booking.session.starts_at,
        to=_terms_lead_to(booking),
        was_moved=booking.was_moved,
        misses=count_misses(policy, booking.booked_by_id, now=now, known=misses),
        moves=booking.reschedules,
    )


def say_policy_of_places(bookings: Sequence[Booking]) -> str:
    """The same of places that were booked together, which have their sessions and lines: on one date or on several."""
    dates = {booking.session.starts_at: booking for booking in reversed(bookings) if booking.terms.windows}
    misses = misses_under([booking.terms for booking in dates.values()], {one.booked_by_id for one in bookings})
    if len(dates) < 2:
        return say_booked_policy(bookings[0], misses=misses)
    now = clock.now()
    each = [
        (
            starts_at,
            describe_policy(
                booking.terms,
                to=_terms_lead_to(booking),
                was_moved=booking.was_moved,
                misses=count_misses(booking.terms, booking.booked_by_id, now=now, known=misses),
                moves=booking.reschedules,
            ),
        )
        for starts_at, booking in sorted(dates.items())
    ]
    return say_of_each(each)


def say_offered_policy(session: Session, user: User, *, to: str, misses: Misses | None = None) -> str:
    """What would hold of a place in a session, which has its policy, for `user`, who booked nothing yet."""
    return say_policy_for(session.cancellation_policy.terms, session.starts_at, user, to=to, misses=misses)


def terms_of_service(service: Service) -> Policy:
    """The policy under which a service is booked now: its own, or the business's, which may not have chosen one yet."""
    policy = service.cancellation_policy or CancellationPolicy.objects.filter(is_default=True).first()
    return policy.terms if policy else USUAL


def say_policy_for(policy: Policy, starts_at: datetime, user: User, *, to: str, misses: Misses | None = None) -> str:
    """What a policy would mean for `user` of something that starts then."""
    counted = count_misses(policy, user.pk, now=clock.now(), known=misses)
    return say_policy(policy, starts_at, to=to, misses=counted)


def say_moved_policy(booking: Booking, starts_at: datetime, move: Move, *, misses: Misses | None = None) -> str:
    """What would hold of a booking, which has its line, once whoever made it has moved it to another start.

    Nothing where it cost nothing. How often it can be moved then is said on its own.
    """
    if booking.line is None or not booking.line.price:
        return ""
    policy = replace(booking.terms, most=move.most, reschedules=0)
    said = say_policy(
        policy,
        starts_at,
        to=_terms_lead_to(booking),
        misses=count_misses(policy, booking.booked_by_id, now=clock.now(), known=misses),
    )
    return _("After the move: %(terms)s") % {"terms": said[:1].lower() + said[1:]}


def say_policy_of_dates(dates: Sequence[tuple[datetime, Policy]], user: User, *, to: str) -> str:
    """The same of several dates booked at once: in hours before each start, as no one time holds for all of them."""
    if len(dates) == 1:
        [(starts_at, policy)] = dates
        return say_policy_for(policy, starts_at, user, to=to)
    now, misses = clock.now(), misses_under([policy for _at, policy in dates], [user.pk])
    return say_of_each(
        [
            (at, describe_policy(policy, to=to, misses=count_misses(policy, user.pk, now=now, known=misses)))
            for at, policy in dates
        ]
    )


def sessions_to_move_to(booking: Booking, user: User) -> QuerySet[Session]:
    """Where `user` may move their booking, which has its session and line: same coach, same price, with a free seat.

    None at a time at which the participant is elsewhere.
    """
    assert booking.line is not None
    session = booking.session
    rows = Session.objects.visible_to(user).upcoming().filter(coach=session.coach_id, is_private=False)
    rows = rows.filter(is_together=session.is_together)
    for coach_id in session.coach_ids[1:]:
        rows = rows.filter(coaches__coach=coach_id)
    rows = rows.filter(price=booking.line.price, currency=booking.line.order.currency, seats_taken__lt=F("capacity"))
    theirs = Booking.objects.filter(participant=booking.participant_id).exclude(pk=booking.pk)
    meanwhile = theirs.filter(
        state__in=Booking.PRESENT, starts_at__lt=OuterRef("ends_at"), ends_at__gt=OuterRef("starts_at")
    )
    rows = rows.exclude(pk=booking.session_id).exclude(Exists(meanwhile))
    return rows.exclude(Exists(theirs.live().filter(session=OuterRef("pk")))).order_by("starts_at", "id")


def _terms_lead_to(booking: Booking) -> str:
    return booking.line.back_to if booking.line else RefundTo.CREDIT
