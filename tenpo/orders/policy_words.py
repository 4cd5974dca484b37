"""How Tenpo says what a cancellation policy does, in the reader's language and zone."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenpo.core import clock
from tenpo.core.words import say_full_when, say_percent, say_when
from tenpo.orders.cancelling import Policy, Window, whole_place
from tenpo.payments.refund_models import RefundTo

HOURS_A_DAY = 24
# From so many days on, a notice is said in days.
DAYS_FROM = 3

# How it is said where that goes which somebody paid from outside; nothing: where the business's terms lead.
_AFTER_THAT = {
    "": gettext_lazy("after that %(part)s comes back"),
    RefundTo.CREDIT: gettext_lazy("after that %(part)s comes back as credit"),
    RefundTo.WALLET: gettext_lazy("after that %(part)s comes back to your wallet"),
    RefundTo.METHOD: gettext_lazy("after that %(part)s comes back the way you paid"),
}
_AFTER_THAT_UNTIL = {
    "": gettext_lazy("after that %(part)s comes back until %(until)s"),
    RefundTo.CREDIT: gettext_lazy("after that %(part)s comes back as credit until %(until)s"),
    RefundTo.WALLET: gettext_lazy("after that %(part)s comes back to your wallet until %(until)s"),
    RefundTo.METHOD: gettext_lazy("after that %(part)s comes back the way you paid until %(until)s"),
}
_UNTIL = {
    "": gettext_lazy("Until %(until)s %(part)s comes back"),
    RefundTo.CREDIT: gettext_lazy("Until %(until)s %(part)s comes back as credit"),
    RefundTo.WALLET: gettext_lazy("Until %(until)s %(part)s comes back to your wallet"),
    RefundTo.METHOD: gettext_lazy("Until %(until)s %(part)s comes back the way you paid"),
}
_UNTIL_IT_STARTS = {
    "": gettext_lazy("Until it starts %(part)s comes back"),
    RefundTo.CREDIT: gettext_lazy("Until it starts %(part)s comes back as credit"),
    RefundTo.WALLET: gettext_lazy("Until it starts %(part)s comes back to your wallet"),
    RefundTo.METHOD: gettext_lazy("Until it starts %(part)s comes back the way you paid"),
}
_FROM = {
    "": gettext_lazy("from %(since)s %(part)s"),
    RefundTo.CREDIT: gettext_lazy("from %(since)s %(part)s as credit"),
    RefundTo.WALLET: gettext_lazy("from %(since)s %(part)s to your wallet"),
    RefundTo.METHOD: gettext_lazy("from %(since)s %(part)s the way you paid"),
}
_NO_SHOW = {
    "": gettext_lazy("If you do not come, %(part)s comes back."),
    RefundTo.CREDIT: gettext_lazy("If you do not come, %(part)s comes back as credit."),
    RefundTo.WALLET: gettext_lazy("If you do not come, %(part)s comes back to your wallet."),
    RefundTo.METHOD: gettext_lazy("If you do not come, %(part)s comes back the way you paid."),
}

# The percent, until when (empty: the start), and where to.
type _Step = tuple[int, str, str]


def say_policy(
    policy: Policy,
    starts_at: datetime,
    zone: tzinfo | None = None,
    *,
    to: str,
    now: datetime | None = None,
    was_moved: bool = False,
    misses: int = 0,
    moves: int = 0,
    is_kept: bool = False,
) -> str:
    """What holds of one booking, by time, in the reader's zone or in `zone`.

    "Free until Tuesday 18:00; after that half comes back as credit; from Wednesday 18:00 nothing. Your first late
    cancellation or no-show in 90 days costs nothing." Windows that are over at `now` are left out; `to` is where the
    business's terms lead; somebody had `misses` of those that count, and moved this `moves` times. What `is_kept`, as a
    mail is, says each time with its date.
    """
    now = now or clock.now()

    def moment(at: datetime) -> str:
        if at >= starts_at:
            return ""
        return say_full_when(at, zone=zone) if is_kept else say_when(at, now=now, zone=zone)

    if was_moved and now <= starts_at:
        first = _was_moved()
    else:
        open_ = [window for window in _told(policy, to) if now <= window.ends_at(starts_at)]
        steps = [(w.percent, moment(w.ends_at(starts_at)), w.to) for w in open_]
        first = _sentence(steps, whole_place(policy, to), after=_from_when)
    until = starts_at - timedelta(hours=policy.reschedule_hours)
    move = "" if was_moved or now > until else _moves(policy, moves, moment(until))
    return _joined(first, _no_show(policy, to), _grace(policy, misses), move)


def describe_policy(policy: Policy, *, to: str = "", was_moved: bool = False, misses: int = 0, moves: int = 0) -> str:
    """The same for a policy by itself.

    "Free until 48 hours before; after that half comes back until 24 hours before; later nothing."
    What else is said is known where it is of a booking, whenever that takes place.
    """
    steps = [(w.percent, _notice(w.hours_before), w.to) for w in _told(policy, to)]
    first = _sentence(steps, whole_place(policy, to), after=_until_when)
    move = "" if was_moved else _moves(policy, moves, _notice(policy.reschedule_hours))
    return _joined(_was_moved() if was_moved else first, _no_show(policy, to), _grace(policy, misses), move)


def say_of_each(dates: Sequence[tuple[datetime, str]], *, is_kept: bool = False) -> str:
    """What holds of several dates, as `describe_policy` says it of each: once of those of which it is the same."""
    same: dict[str, list[datetime]] = {}
    for at, said in dates:
        same.setdefault(said, []).append(at)
    if len(same) == 1:
        [said] = same
        return _("For each date: %(terms)s") % {"terms": said[:1].lower() + said[1:]}
    say = say_full_when if is_kept else say_when
    each = [{"dates": "; ".join(say(at) for at in starts), "terms": said} for said, starts in same.items()]
    return _joined(*(_("%(dates)s: %(terms)s") % one for one in each))


def say_part(percent: int) -> str:
    """How much of what was paid comes back: "half", "30%"."""
    if percent == 100:
        return _("everything")
    return _("half") if percent == 50 else say_percent(percent / 100)


def _was_moved() -> str:
    return _("It was changed after you booked: until the start, cancelling gives everything back.")


def _told(policy: Policy, to: str) -> list[Window]:
    """The windows that give something, neighbours that give the same as one; each with its place."""
    giving = [Window(w.hours_before, min(w.percent, policy.most), w.to or to) for w in policy.windows if w.percent]
    after = [*((w.percent, w.to) for w in giving[1:]), (0, "")]
    return [w for w, then in zip(giving, after, strict=False) if then != (w.percent, w.to)]


def _sentence(steps: list[_Step], free_to: str, *, after: Callable[[list[_Step]], list[str]]) -> str:
    """`free_to` is where all of it goes with the longest notice: then it is simply free; `after` says the later."""
    if not steps:
        return _("Nothing comes back when you cancel.")
    percent, until, to = steps[0]
    values = {"part": say_part(percent), "until": until}
    if percent == 100 and to == free_to:
        first = _("Free until %(until)s") % values if until else _("Free until it starts")
    else:
        first = (_UNTIL if until else _UNTIL_IT_STARTS)[to] % values
    then = [_("after that nothing")] if until and len(steps) == 1 else after(steps)
    return "; ".join([first, *then]) + "."


def _from_when(steps: list[_Step]) -> list[str]:
    """What holds after the first one, each from when on: "after that half comes back; from Wednesday 18:00 nothing"."""
    clauses = []
    for place, (percent, _until, to) in enumerate(steps[1:]):
        values = {"part": say_part(percent), "since": steps[place][1]}
        clauses.append(_FROM[_place_said(steps, place + 1)] % values if place else _AFTER_THAT[to] % values)
    last = steps[-1][1]
    return [*clauses, _("from %(when)s nothing") % {"when": last}] if last else clauses


def _until_when(steps: list[_Step]) -> list[str]:
    """The same, each until when: "after that half comes back until 24 hours before; later nothing"."""
    clauses = []
    for place, (percent, until, to) in enumerate(steps[1:], start=1):
        said = to if place == 1 else _place_said(steps, place)
        clauses.append(
            (_AFTER_THAT_UNTIL if until else _AFTER_THAT)[said] % {"part": say_part(percent), "until": until}
        )
    return [*clauses, _("later nothing")] if steps[-1][1] else clauses


def _place_said(steps: list[_Step], place: int) -> str:
    """Where it goes is said again only when it is another place."""
    to = steps[place][2]
    return "" if to == steps[place - 1][2] else to


def _no_show(policy: Policy, to: str) -> str:
    """Said where it is another than what comes back last before the start."""
    last = policy.windows[-1] if policy.windows else Window(0, 0)
    percent = min(policy.no_show_percent, policy.most)
    if percent == (last.percent if last.hours_before == 0 else 0):
        return ""
    if not percent:
        return _("If you do not come, nothing comes back.")
    return _NO_SHOW[last.to or to] % {"part": say_part(percent)}


def _grace(policy: Policy, misses: int) -> str:
    """How many late cancellations and no-shows cost nothing, and how many are left after `misses`."""
    if not policy.grace_count:
        return ""
    left = max(0, policy.grace_count - misses)
    values = {"n": left or policy.grace_count, "days": policy.grace_days}
    if not left:
        return _("Your free late cancellations and no-shows in %(days)s days are used up.") % values
    if misses:
        return (
            ngettext(
                "%(n)s more late cancellation or no-show in %(days)s days costs you nothing.",
                "%(n)s more late cancellations or no-shows in %(days)s days cost you nothing.",
                left,
            )
            % values
        )
    return (
        ngettext(
            "Your first late cancellation or no-show in %(days)s days costs nothing.",
            "Your first %(n)s late cancellations or no-shows in %(days)s days cost nothing.",
            left,
        )
        % values
    )


def _moves(policy: Policy, moves: int, until: str) -> str:
    left = policy.reschedules - moves
    if left <= 0:
        return ""
    if not until:
        words = ngettext("You can move it once until it starts.", "You can move it %(n)s times until it starts.", left)
    else:
        words = ngettext("You can move it once until %(until)s.", "You can move it %(n)s times until %(until)s.", left)
    return words % {"n": left, "until": until}


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _notice(hours: int) -> str:
    if hours == 0:
        return ""
    days, rest = divmod(hours, HOURS_A_DAY)
    if rest == 0 and days >= DAYS_FROM:
        return ngettext("%(n)s day before", "%(n)s days before", days) % {"n": days}
    return ngettext("%(n)s hour before", "%(n)s hours before", hours) % {"n": hours}
