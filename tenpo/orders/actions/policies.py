"""Deciding what the company pays, and what comes back to whoever cancels. Terms never change: a new version does."""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.errors import EXCLUSION, RuleError, refuse_on
from tenpo.core.money import MAX_AMOUNT
from tenpo.core.outbox import publish
from tenpo.orders.cancelling import MAX_GRACE, MAX_GRACE_DAYS, MAX_HOURS_BEFORE, MAX_RESCHEDULES, Policy, check_policy
from tenpo.orders.models import POLICY_COLUMNS, CancellationPolicy, SharePolicy
from tenpo.orders.permissions import can_manage_policies
from tenpo.people.models import User

MAX_NAME = 80


@dataclass(frozen=True)
class ShareTerms:
    """What the company or a sponsor pays: a percentage, perhaps with a cap, or a fixed amount (minor units)."""

    percent: int | None = None
    amount: int | None = None
    cap: int | None = None


def overlaps() -> RuleError:
    """The refusal behind the constraint that one share policy holds at a time for one scope."""
    return RuleError(
        "overlaps",
        _("Another policy holds in that time. End or withdraw it first, or choose an earlier end for this one."),
    )


def check_terms(terms: ShareTerms) -> None:
    """Raise ValidationError unless the terms are a percentage (with or without a cap) or a fixed amount."""
    if (terms.percent is None) == (terms.amount is None):
        raise ValidationError({"percent": _("Give either a percentage or a fixed amount.")})
    if terms.percent is not None and not 1 <= terms.percent <= 100:
        raise ValidationError({"percent": _("A percentage is between 1 and 100.")})
    if terms.amount is not None and terms.cap is not None:
        raise ValidationError({"cap": _("Only a percentage has a cap.")})
    for name, value in (("amount", terms.amount), ("cap", terms.cap)):
        if value is not None and not 0 < value <= MAX_AMOUNT:
            raise ValidationError({name: _("Give an amount above zero.")})


def terms_begin_at(active_from: datetime | None, active_until: datetime | None, *, in_past: str) -> datetime:
    """When terms begin to hold: as said, or now.

    Raises RuleError starts_in_past, in the words of `in_past`, and ends_too_early.
    """
    now = clock.now()
    starts = active_from or now
    if starts < now:
        raise RuleError("starts_in_past", in_past)
    if active_until is not None and active_until <= starts:
        raise RuleError("ends_too_early", _("The end must come after the start."))
    return starts


@refuse_on(EXCLUSION, "share_policy_one_in_force", overlaps)
@transaction.atomic
def create_share_policy(
    *,
    name: str,
    terms: ShareTerms,
    by: User | None,
    coach: User | None = None,
    active_from: datetime | None = None,
    active_until: datetime | None = None,
) -> SharePolicy:
    """Decide what the company pays from `active_from` (now) on, for everybody's sessions or one coach's.

    The policy in force at that time for the same scope ends there: one supersedes the other, with no gap and no
    overlap. Raises RuleError starts_in_past, ends_too_early, overlaps; ValidationError for impossible terms.
    """
    if not can_manage_policies(by):
        raise PermissionDenied
    check_terms(terms)
    if not 0 < len(name.strip()) <= MAX_NAME:
        raise ValidationError({"name": _("Give it a name of at most 80 characters.")})
    if coach is not None and not coach.is_coach:
        raise ValidationError({"coach": _("This person is not a coach.")})
    in_past = _("A policy starts now or later; what was paid stays as it was paid.")
    starts = terms_begin_at(active_from, active_until, in_past=in_past)
    # Whoever decides for a scope first locks all of it; two first ones are kept apart by the constraint.
    scope = SharePolicy.objects.filter(coach=coach).select_for_update(no_key=True).order_by("id")
    holding = Q(active_from__lt=starts) & (Q(active_until=None) | Q(active_until__gt=starts))
    earlier = scope.filter(holding).first()
    if earlier is not None:
        before = earlier.active_until
        earlier.active_until = starts
        earlier.save(update_fields=["active_until"])
        record(
            "share_policy.superseded",
            by=by,
            on=earlier,
            before={"active_until": before},
            after={"active_until": starts},
        )
    policy = SharePolicy.objects.create(
        name=name.strip(),
        coach=coach,
        percent=terms.percent,
        amount=terms.amount,
        cap=terms.cap,
        currency=current_business().currency,
        active_from=starts,
        active_until=active_until,
        supersedes=earlier,
        created_by=by,
    )
    record("share_policy.created", by=by, on=policy, after=_terms(policy))
    publish("share_policy.created", subject=policy, coach_id=coach.pk if coach else None)
    return policy


@transaction.atomic
def end_share_policy(policy: SharePolicy, *, by: User | None, at: datetime | None = None) -> SharePolicy:
    """End a policy at a time (now), or withdraw one that has not begun: then it never holds.

    A policy ends earlier than planned, never later. Raises RuleError over, starts_in_past, cannot_extend.
    """
    policy = SharePolicy.objects.select_for_update(no_key=True).get(pk=policy.pk)
    if not can_manage_policies(by):
        raise PermissionDenied
    now = clock.now()
    ends = at or now
    if ends < now:
        raise RuleError("starts_in_past", _("Choose a time from now on."))
    if policy.active_until is not None and policy.active_until <= max(now, policy.active_from):
        raise RuleError("over", _("This policy is over already."))
    if policy.active_until is not None and ends > policy.active_until:
        raise RuleError("cannot_extend", _("A policy cannot be made longer. Create a new version instead."))
    before = policy.active_until
    policy.active_until = max(ends, policy.active_from)
    policy.save(update_fields=["active_until"])
    is_withdrawn = policy.active_until == policy.active_from
    record(
        "share_policy.withdrawn" if is_withdrawn else "share_policy.ended",
        by=by,
        on=policy,
        before={"active_until": before},
        after={"active_until": policy.active_until},
    )
    publish("share_policy.ended", subject=policy)
    return policy


@transaction.atomic
def create_cancellation_policy(
    *, name: str, policy: Policy, by: User | None, is_default: bool = False
) -> CancellationPolicy:
    """Make a policy that sessions can be offered under. Bookings keep a copy of what it says.

    Raises ValidationError by field when it makes no policy.
    """
    if not can_manage_policies(by):
        raise PermissionDenied
    if not 0 < len(name.strip()) <= MAX_NAME:
        raise ValidationError({"name": _("Give it a name of at most 80 characters.")})
    check_cancellation_terms(policy)
    columns = {name: getattr(policy, name) for name in POLICY_COLUMNS}
    stored = [window.stored() for window in policy.windows]
    made = CancellationPolicy.objects.create(name=name.strip(), windows=stored, **columns)
    after = {"name": made.name, "windows": stored, **{name: value for name, value in columns.items() if value}}
    record("cancellation_policy.created", by=by, on=made, after=after)
    publish("cancellation_policy.created", subject=made)
    return set_default_cancellation_policy(made, by=by) if is_default else made


def check_cancellation_terms(policy: Policy) -> None:
    """Raise ValidationError by field unless it makes a policy."""
    try:
        check_policy(policy)
    except ValueError as error:
        (field,) = error.args
        words = {
            "windows": _("List them from the longest notice to the shortest; less notice never gives more back."),
            "no_show_percent": _("A percentage is between 0 and 100."),
            "grace_count": _("At most %(n)s times.") % {"n": MAX_GRACE},
            "grace_days": _("Say within how many days, at most %(n)s.") % {"n": MAX_GRACE_DAYS},
            "reschedules": _("At most %(n)s times.") % {"n": MAX_RESCHEDULES},
            "reschedule_hours": _("At most %(n)s hours.") % {"n": MAX_HOURS_BEFORE},
        }
        raise ValidationError({field: words[field]}) from None


@transaction.atomic
def set_default_cancellation_policy(policy: CancellationPolicy, *, by: User | None) -> CancellationPolicy:
    """New sessions start with this policy. Setting it again changes nothing. Raises RuleError retired."""
    if not can_manage_policies(by):
        raise PermissionDenied
    # The one that is the default now, and the one that will be, always by id.
    both = CancellationPolicy.objects.filter(Q(is_default=True) | Q(pk=policy.pk))
    locked = {row.pk: row for row in both.select_for_update(no_key=True).order_by("id")}
    policy = locked.pop(policy.pk)
    if policy.retired_at is not None:
        raise RuleError("retired", _("This policy is retired."))
    if policy.is_default:
        return policy
    # One statement each: the constraint allows one default at a time.
    CancellationPolicy.objects.filter(is_default=True).update(is_default=False)
    policy.is_default = True
    policy.save(update_fields=["is_default"])
    record(
        "cancellation_policy.made_default",
        by=by,
        on=policy,
        before={"default": next(iter(locked.values())) if locked else None},
        after={"default": policy},
    )
    return policy


@transaction.atomic
def retire_cancellation_policy(policy: CancellationPolicy, *, by: User | None) -> CancellationPolicy:
    """Offer nothing new under this policy; sessions and bookings that have it keep it.

    Retiring again changes nothing. Raises RuleError is_default.
    """
    policy = CancellationPolicy.objects.select_for_update(no_key=True).get(pk=policy.pk)
    if not can_manage_policies(by):
        raise PermissionDenied
    if policy.retired_at is not None:
        return policy
    if policy.is_default:
        raise RuleError("is_default", _("New sessions start with this policy. Make another one the default first."))
    policy.retired_at = clock.now()
    policy.save(update_fields=["retired_at"])
    record("cancellation_policy.retired", by=by, on=policy, after={"retired_at": policy.retired_at})
    return policy


def _terms(policy: SharePolicy) -> dict[str, object]:
    return {
        "percent": policy.percent,
        "amount": policy.amount,
        "cap": policy.cap,
        "coach": policy.coach,
        "active_from": policy.active_from,
        "active_until": policy.active_until,
    }
