"""Who earns what: the rules, and what becomes of the splits that they made.

Whoever reverses splits locks what is sold first, then the splits, then the earnings, and only then what a refund gives
back to: no transaction locks earnings after somebody's credit or wallet.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.money import apportion
from tenpo.core.outbox import publish, publish_all
from tenpo.ledger.actions import Posting, Pot, post_transfers, post_what_is_there
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.actions.policies import MAX_NAME, terms_begin_at
from tenpo.orders.models import Line, Order, Split, SplitRule
from tenpo.orders.permissions import can_manage_policies
from tenpo.orders.policies import parts_given, parts_left, split_line, taught_by_whom
from tenpo.orders.queries import Sold, fitting_split_rules
from tenpo.people.models import User

MAX_PLACE = 1000


@transaction.atomic
def create_split_rule(
    *,
    name: str,
    business_percent: int,
    creator_percent: int,
    teacher_percent: int,
    by: User | None,
    coach: User | None = None,
    kind: str = "",
    offered_id: UUID | None = None,
    taught_by: str = "",
    place: int = 100,
    active_from: datetime | None = None,
    active_until: datetime | None = None,
) -> SplitRule:
    """Decide who earns what is sold from `active_from` (now) on; what was sold before keeps its splits.

    It is for a `kind` of line, or anything; and of it for what is `offered_id` alone, of which the caller knows that it
    is there.

    Raises RuleError starts_in_past, ends_too_early; ValidationError by field.
    """
    if not can_manage_policies(by):
        raise PermissionDenied
    problems = {}
    if not 0 < len(name.strip()) <= MAX_NAME:
        problems["name"] = _("Give it a name of at most 80 characters.")
    if coach is not None and not coach.is_coach:
        problems["coach"] = _("This person is not a coach.")
    if taught_by not in SplitRule.TaughtBy.values:
        problems["taught_by"] = _("Choose one of these.")
    if kind not in ("", *Line.Kind.values) or (offered_id is not None and not kind):
        problems["kind"] = _("Choose one of these.")
    if not 0 <= place <= MAX_PLACE:
        problems["place"] = _("A place is a number from 0 to 1000.")
    percents = (business_percent, creator_percent, teacher_percent)
    if min(percents) < 0 or sum(percents) != 100:
        problems["business_percent"] = _("The three percentages sum to 100.")
    if problems:
        raise ValidationError(problems)
    in_past = _("A rule starts now or later; what was sold stays as it was divided.")
    starts = terms_begin_at(active_from, active_until, in_past=in_past)
    rule = SplitRule.objects.create(
        name=name.strip(), place=place, coach=coach, taught_by=taught_by, business_percent=business_percent,
        creator_percent=creator_percent, teacher_percent=teacher_percent, active_from=starts,
        active_until=active_until, created_by=by, kind=kind, offered_id=offered_id,
    )  # fmt: skip
    said: dict[str, object] = {
        "business": business_percent,
        "creator": creator_percent,
        "teacher": teacher_percent,
        "coach": coach,
    }
    said |= {name: value for name, value in (("kind", kind), ("offered_id", offered_id)) if value}
    record("split_rule.created", by=by, on=rule, after=said)
    return rule


@transaction.atomic
def end_split_rule(rule: SplitRule, *, by: User | None) -> SplitRule:
    """End a rule now, or withdraw one that has not begun. Raises RuleError over."""
    rule = SplitRule.objects.select_for_update(no_key=True).get(pk=rule.pk)
    if not can_manage_policies(by):
        raise PermissionDenied
    now = clock.now()
    if rule.active_until is not None and rule.active_until <= max(now, rule.active_from):
        raise RuleError("over", _("This rule is over already."))
    before = rule.active_until
    rule.active_until = max(now, rule.active_from)
    rule.save(update_fields=["active_until"])
    record("split_rule.ended", by=by, on=rule, before={"active_until": before}, after={"active_until": now})
    return rule


def earn_splits(kind: Line.Kind, subject_id: UUID) -> int:
    """What was sold has taken place: the splits of it are their recipients' earnings; returns how many.

    The caller holds the lock on what was sold. Again changes nothing.
    """
    due = Split.objects.select_for_update(of=("self",), no_key=True).select_related("line__order")
    of_it = due.filter(line__kind=kind, line__subject_id=subject_id, line__order__state=Order.State.PAID)
    splits = list(of_it.filter(earned_at=None).exclude(part=Split.Part.BUSINESS).order_by("id"))
    if not splits:
        return 0
    Split.objects.filter(pk__in=[split.pk for split in splits]).update(earned_at=clock.now())
    post_transfers(
        [
            Posting(
                Transfer.Kind.EARNING, Pot(Account.Kind.SALES, split.line.order.currency), _earnings(split),
                split.left, f"split:{split.pk}", split.pk,
            )
            for split in splits
            if split.left
        ]
    )  # fmt: skip
    for recipient_id in sorted({split.recipient_id for split in splits if split.recipient_id and split.left}):
        theirs = [split for split in splits if split.recipient_id == recipient_id]
        line = theirs[0].line
        earned = {"amount": sum(split.left for split in theirs), "currency": line.order.currency}
        earned["is_royalty"] = all(split.part == Split.Part.ROYALTY for split in theirs)
        publish("earnings.earned", subject=User(pk=recipient_id), what=line.description, **earned)
    return len(splits)


def redivide_splits(
    kind: Line.Kind,
    subject_id: UUID,
    *,
    creator_id: UUID,
    taught_by: Sequence[UUID],
    was: SplitRule.TaughtBy,
    places: Mapping[UUID, UUID | None],
    offered_id: UUID | None = None,
    line_id: UUID | None = None,
) -> None:
    """Others give what was sold, the lead first, or made it: its lines, or one of them, are divided among them by the
    rules that held when it was sold, as far as nothing of them was earned yet or all of it went back.

    A line keeps its rule. Only where somebody else teaches than made it, and did not before (`was`), or the other way
    round, another kind of rule holds: the one that did so when the line was ordered. The caller holds the lock on what
    was sold. `places` says of lines for whose account they were bought, besides their buyers: nobody earns of their
    own place.
    """
    by_whom = taught_by_whom(creator_id, taught_by)
    sold = Sold(kind, offered_id)
    anew = None if by_whom == was else list(fitting_split_rules(by_whom, coach_id=taught_by[0], sold=sold))
    rows = Line.objects.select_for_update(of=("self",), no_key=True).exclude(order__state=Order.State.VOID)
    rows = rows.select_related("order", "sponsorship", "split_rule").filter(kind=kind, subject_id=subject_id)
    rows = rows.filter(pk=line_id) if line_id else rows
    lines = [line for line in rows.order_by("id") if parts_left(line).whole]
    before = _by_line(Split.objects.select_for_update(no_key=True).filter(line__in=lines).order_by("id"))
    gone, fresh = [], []
    for line in lines:
        there = before.get(line.pk, [])
        if any(split.earned_at for split in there):
            continue
        if anew is not None:
            line.split_rule = next((rule for rule in anew if rule.holds(line.created_at)), None)
        rule = line.split_rule if anew is not None else line.split_rule or _rule_of(there)
        if rule is None and not there:
            continue
        sponsor_id = line.sponsorship.sponsor_id if line.sponsorship else None
        bought_by = (line.order.buyer_id, places.get(line.pk), sponsor_id)
        parts = split_line(line.price, rule, creator_id=creator_id, taught_by=taught_by, bought_by=bought_by)
        _lay_on(line, parts)
        line.is_split = bool(parts)
        gone += there
        fresh += parts
    Split.objects.filter(pk__in=[split.pk for split in gone]).delete()
    Split.objects.bulk_create(fresh)
    Line.objects.bulk_update(lines, ["is_split", "split_rule"])


def _by_line(splits: Iterable[Split]) -> dict[UUID, list[Split]]:
    found: dict[UUID, list[Split]] = {}
    for split in splits:
        found.setdefault(split.line_id, []).append(split)
    return found


def _lay_on(line: Line, parts: Sequence[Split]) -> None:
    """What went back of a line lies on its new parts in proportion."""
    back = apportion(parts_given(line).whole, [part.amount for part in parts]) if parts else []
    for part, gone_back in zip(parts, back, strict=True):
        part.line, part.reversed = line, gone_back


def _rule_of(splits: Sequence[Split]) -> SplitRule | None:
    """What a line was divided by that was ordered before lines said so: all of its people's parts together."""
    of_people = sum(split.percent for split in splits if split.part != Split.Part.BUSINESS)
    if not of_people:
        return None
    return SplitRule(business_percent=100 - of_people, creator_percent=of_people, teacher_percent=0)


def reverse_splits(given: Sequence[tuple[Line, int]]) -> None:
    """So much of each line's price (minor units) goes back: each of its splits bears its part of it.

    What was not earned yet is simply less. What was earned is taken from the earnings, and what of it was paid out
    already is owed: a later payout gives it back first.
    """
    amounts = {line.pk: amount for line, amount in given if line.is_split and amount}
    if not amounts:
        return
    rows = Split.objects.select_for_update(of=("self",), no_key=True).select_related("line__order")
    by_line = _by_line(rows.filter(line__in=amounts).order_by("id"))
    taken: list[tuple[Split, int]] = []
    for line_id, splits in by_line.items():
        parts = apportion(amounts[line_id], [split.left for split in splits])
        for split, part in zip(splits, parts, strict=True):
            split.reversed += part
            if part and split.earned_at is not None:
                taken.append((split, part))
    Split.objects.bulk_update([split for splits in by_line.values() for split in splits], ["reversed"])
    if taken:
        _take_back(taken)


def _take_back(taken: Sequence[tuple[Split, int]]) -> None:
    """Take parts out of earnings; what is not there any more is owed."""
    owners = {split.recipient_id for split, _part in taken}
    _tell_taken_back(taken)

    def earnings() -> dict[tuple[UUID | None, str], int]:
        accounts = Account.objects.filter(owner__in=owners, kind=Account.Kind.EARNINGS)
        return {(account.owner_id, account.currency): account.balance or 0 for account in accounts}

    # A payout may take them at the same moment.
    nothing: dict[tuple[UUID | None, str], int] = {}
    post_what_is_there(earnings, lambda there: _back_postings(taken, there), nothing=nothing)


def _tell_taken_back(taken: Sequence[tuple[Split, int]]) -> None:
    sums: dict[tuple[UUID, UUID], int] = {}
    lines = {split.line_id: split.line for split, _part in taken}
    for split, part in taken:
        if split.recipient_id is not None:
            pair = (split.recipient_id, split.line_id)
            sums[pair] = sums.get(pair, 0) + part
    publish_all(
        [
            (
                "earnings.taken_back", User(pk=recipient_id),
                {"what": lines[line_id].description, "amount": amount, "currency": lines[line_id].order.currency},
            )
            for (recipient_id, line_id), amount in sorted(sums.items())
        ]
    )  # fmt: skip


def _back_postings(taken: Sequence[tuple[Split, int]], there: dict[tuple[UUID | None, str], int]) -> list[Posting]:
    """From earnings as far as they are `there`, and the rest as a debt."""
    left = dict(there)
    postings = []
    for split, part in taken:
        currency = split.line.order.currency
        pot = (split.recipient_id, currency)
        from_earnings = min(part, left.get(pot, 0))
        left[pot] = left.get(pot, 0) - from_earnings
        sales = Pot(Account.Kind.SALES, currency)
        # How much of a split went back so far tells one refund of it from the next.
        key = f"split:{split.pk}:back:{split.reversed}"
        if from_earnings:
            kind = Transfer.Kind.EARNING_BACK
            postings.append(Posting(kind, _earnings(split), sales, from_earnings, key, split.pk))
        if part > from_earnings:
            owed = Pot(Account.Kind.OWED, currency, split.recipient_id)
            kind = Transfer.Kind.CLAWBACK
            postings.append(Posting(kind, owed, sales, part - from_earnings, f"{key}:owed", split.pk))
    return postings


def _earnings(split: Split) -> Pot:
    return Pot(Account.Kind.EARNINGS, split.line.order.currency, split.recipient_id)
