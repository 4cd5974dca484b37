"""Closing the business's days, one after the other."""

import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

import structlog
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record_all
from tenpo.books.fingerprint import DIGEST, fingerprint_of
from tenpo.books.models import DayClose, DayCloseLine
from tenpo.books.queries.balances import moved_between
from tenpo.books.queries.days import days_to_close, end_of, is_over, last_closed, next_day, start_of
from tenpo.core.business import current_business, forget_business
from tenpo.core.errors import RuleError
from tenpo.core.models import Business
from tenpo.core.tokens import new_id
from tenpo.core.words import say_date
from tenpo.ledger.queries import AccountSum
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin

# Nothing of ours runs for longer but a backup, which the next try finds at its end.
WAIT_SECONDS = 5.0
LOOK_SECONDS = 0.05

# Who has been in a transaction since before a moment. What another role does is not shown to us, so it counts; the
# database's own chores are nobody's.
_UNDER_WAY = """
    SELECT l.virtualtransaction FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid()
      AND a.datname = current_database() AND a.usesysid IS NOT NULL
      AND coalesce(a.xact_start, '-infinity') < %s
"""
_STILL_UNDER_WAY = """
    SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'virtualxid' AND mode = 'ExclusiveLock' AND granted
                   AND virtualtransaction = ANY(%s))
"""
_TRANSFERS = f"""
    SELECT t.currency, count(*), sum(t.amount)::bigint, {DIGEST} FROM ledger_transfer t
    WHERE t.created_at >= %s AND t.created_at < %s GROUP BY t.currency
"""  # noqa: S608 (of our own words)

log = structlog.get_logger()


def close_day(day: date, *, by: User | None) -> list[DayClose]:
    """Close a business day in every currency: what it came to is kept, and nothing is posted to it any more.

    Waits for whatever began before midnight and is still under way, as it may bear the old day's time. Closing twice
    is the same. Codes: `day_not_over`, `day_before_is_open`, `nothing_to_close`, `still_under_way`.
    """
    if not is_active_admin(by):
        raise PermissionDenied
    if not is_over(day):
        raise _not_over()
    ends_at = end_of(day)
    wait_for_older(ends_at)
    return _close(day, ends_at, by=by)


def close_days(*, by: User | None = None) -> list[DayClose]:
    """Close every day that is over, the oldest first; what was closed. The same codes as `close_day`."""
    return [close for day in days_to_close() for close in close_day(day, by=by)]


def close_days_tonight() -> int:
    """Close what is over; what is still under way is met again in an hour. How many rows were written."""
    try:
        return len(close_days())
    except RuleError as refusal:
        log.warning("day_not_closed", code=refusal.code)
        return 0


def wait_for_older(moment: datetime) -> None:
    """Wait until no transaction that began before `moment` is under way.

    A transfer bears the time at which it was posted, however late its transaction commits. Once none of those runs,
    every transfer of before `moment` can be seen and no other will come. Code: `still_under_way`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_UNDER_WAY, [moment])
        waited_for = [name for (name,) in cursor.fetchall()]
        gives_up_at = time.monotonic() + WAIT_SECONDS
        while waited_for:
            cursor.execute(_STILL_UNDER_WAY, [waited_for])
            if cursor.fetchone() == (False,):
                return
            if time.monotonic() > gives_up_at:
                raise RuleError(
                    "still_under_way",
                    _("Something that began before midnight is still under way. Try again in a few minutes."),
                )
            time.sleep(LOOK_SECONDS)


@transaction.atomic
def _close(day: date, waited_until: datetime, *, by: User | None) -> list[DayClose]:
    # One at a time, and the business stays in its time zone meanwhile: that which it has now.
    Business.objects.select_for_update(no_key=True).get(pk=current_business().pk)
    forget_business()
    if closed := list(DayClose.objects.filter(day=day).order_by("currency")):
        return closed
    if end_of(day) > waited_until:
        # It moved to where this day ends later, while we waited for another midnight.
        raise _not_over()
    before = last_closed()
    _check_turn(day)
    starts_at = before.ends_at if before else start_of(day)
    # The business may have moved to a time zone where this midnight was before the last one.
    ends_at = max(end_of(day), starts_at)
    closes, lines = _write_up(day, starts_at, ends_at, before.day if before else None, by=by)
    DayClose.objects.bulk_create(closes)
    DayCloseLine.objects.bulk_create(lines)
    record_all(
        [("day.closed", close, None, {"transfers": close.transfers, "amount": close.amount}) for close in closes], by=by
    )
    return closes


def _not_over() -> RuleError:
    return RuleError("day_not_over", _("A day is closed when it is over."))


def _check_turn(day: date) -> None:
    turn = next_day()
    if turn is None or day < turn:
        raise RuleError("nothing_to_close", _("Nothing moved up to that day."))
    if day > turn:
        raise RuleError("day_before_is_open", _("Close %(day)s first.") % {"day": say_date(turn)})


def _write_up(
    day: date, starts_at: datetime, ends_at: datetime, before: date | None, *, by: User | None
) -> tuple[list[DayClose], list[DayCloseLine]]:
    """The rows of a day: for each currency one, with a line for each kind of account that there ever was."""
    rows = DayClose.objects.filter(day=before) if before else DayClose.objects.none()
    earlier = {close.currency: close for close in rows.prefetch_related("lines")}
    moved: dict[str, list[AccountSum]] = defaultdict(list)
    for row in moved_between(starts_at, ends_at):
        moved[row.currency].append(row)
    with connection.cursor() as cursor:
        cursor.execute(_TRANSFERS, [starts_at, ends_at])
        transfers = {currency: (count, amount, digest) for currency, count, amount, digest in cursor.fetchall()}
    closes: list[DayClose] = []
    lines: list[DayCloseLine] = []
    for currency in sorted(earlier.keys() | transfers.keys()):
        count, amount, digest = transfers.get(currency, (0, 0, ""))
        last = earlier.get(currency)
        close = DayClose(
            id=new_id(), day=day, currency=currency, starts_at=starts_at, ends_at=ends_at, transfers=count,
            amount=amount, closed_by=by,
        )  # fmt: skip
        own = _lines(close, list(last.lines.all()) if last else [], moved[currency])
        close.fingerprint = fingerprint_of(close, own, before=last.fingerprint if last else "", digest=digest)
        closes.append(close)
        lines += own
    return closes, lines


def _lines(close: DayClose, earlier: Sequence[DayCloseLine], moved: Sequence[AccountSum]) -> list[DayCloseLine]:
    before = {(line.kind, line.name): line for line in earlier}
    during = {(row.kind, row.name): row for row in moved}
    lines = []
    for kind, name in sorted(before.keys() | during.keys()):
        last, now = before.get((kind, name)), during.get((kind, name))
        opening = last.closing if last else 0
        debits, credits = (now.debits, now.credits) if now else (0, 0)
        lines.append(
            DayCloseLine(
                day_close=close, kind=kind, name=name, opening=opening, debits=debits, credits=credits,
                closing=opening + credits - debits, debits_to_date=(last.debits_to_date if last else 0) + debits,
                credits_to_date=(last.credits_to_date if last else 0) + credits,
            )
        )  # fmt: skip
    return lines
