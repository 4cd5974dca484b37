"""How Tenpo says what a policy does, in the reader's language and zone."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenpo.core.money import Money
from tenpo.core.words import say_money, say_percent, say_when
from tenpo.orders.models import SharePolicy, SplitRule
from tenpo.orders.policies import Window
from tenpo.orders.sponsor_models import Sponsorship
from tenpo.payments.refund_models import RefundTo

HOURS_A_DAY = 24
# From so many days on, a notice is said in days.
DAYS_FROM = 3


# How it is said where that goes which somebody paid from outside.
_AFTER_THAT = {
    None: gettext_lazy("after that %(part)s comes back"),
    RefundTo.CREDIT: gettext_lazy("after that %(part)s comes back as credit"),
    RefundTo.WALLET: gettext_lazy("after that %(part)s comes back to your wallet"),
    RefundTo.METHOD: gettext_lazy("after that %(part)s comes back the way you paid"),
}
_UNTIL = {
    None: gettext_lazy("Until %(until)s %(part)s comes back"),
    RefundTo.CREDIT: gettext_lazy("Until %(until)s %(part)s comes back as credit"),
    RefundTo.WALLET: gettext_lazy("Until %(until)s %(part)s comes back to your wallet"),
    RefundTo.METHOD: gettext_lazy("Until %(until)s %(part)s comes back the way you paid"),
}
_UNTIL_IT_STARTS = {
    None: gettext_lazy("Until it starts %(part)s comes back"),
    RefundTo.CREDIT: gettext_lazy("Until it starts %(part)s comes back as credit"),
    RefundTo.WALLET: gettext_lazy("Until it starts %(part)s comes back to your wallet"),
    RefundTo.METHOD: gettext_lazy("Until it starts %(part)s comes back the way you paid"),
}


def describe_windows(
    windows: Sequence[Window],
    starts_at: datetime,
    zone: tzinfo | None = None,
    *,
    now: datetime | None = None,
    was_moved: bool = False,
    to: str = RefundTo.CREDIT,
) -> str:
    """What cancelling a booking gives back, by time: one sentence, in the reader's zone or in `zone`.

    "Free until Tuesday 18:00; after that half comes back as credit; from Wednesday 18:00 nothing." Windows that are
    over at `now` are left out; `to` is where it goes.
    """
    now = now or timezone.now()
    if was_moved and now <= starts_at:
        return _("The time was changed after you booked: until the start, cancelling gives everything back.")
    steps = [(w.percent, w.ends_at(starts_at)) for w in _told(windows) if now <= w.ends_at(starts_at)]
    if not steps:
        return _("Nothing comes back when you cancel.")
    said = [(percent, say_when(until, now=now, zone=zone) if until < starts_at else "") for percent, until in steps]
    return _sentence(said, RefundTo(to), from_then=lambda when: _("from %(when)s nothing") % {"when": when})


def describe_policy(windows: Sequence[Window]) -> str:
    """The same for a policy by itself: "Free until 48 hours before; after that half comes back; …"."""
    steps = [(w.percent, _notice(w.hours_before)) for w in _told(windows)]
    if not steps:
        return _("Nothing comes back when you cancel.")
    return _sentence(steps, None, from_then=lambda _when: _("later than that nothing"))


def say_part(percent: int) -> str:
    """How much of what was paid comes back: "half", "30%"."""
    if percent == 100:
        return _("everything")
    return _("half") if percent == 50 else say_percent(percent / 100)


def _told(windows: Sequence[Window]) -> list[Window]:
    """The windows that give something, neighbours of the same percent as one."""
    giving = [w for w in windows if w.percent]
    next_percents = [*(w.percent for w in giving[1:]), 0]
    return [w for w, after in zip(giving, next_percents, strict=False) if after != w.percent]


def _sentence(steps: list[tuple[int, str]], to: RefundTo | None, *, from_then: Callable[[str], str]) -> str:
    """`steps` are the percent and until when, empty for the start of the session."""
    clauses = []
    for place, (percent, until) in enumerate(steps):
        values = {"part": say_part(percent), "until": until}
        if percent == 100:
            clauses.append(_("Free until %(until)s") % values if until else _("Free until it starts"))
        elif place > 1:
            clauses.append(_("from %(since)s %(part)s") % {**values, "since": steps[place - 1][1]})
        elif place:
            clauses.append(_AFTER_THAT[to] % values)
        elif until:
            clauses.append(_UNTIL[to] % values)
        else:
            clauses.append(_UNTIL_IT_STARTS[to] % values)
    last = steps[-1][1]
    if last:
        clauses.append(from_then(last) if len(steps) > 1 else _("after that nothing"))
    return "; ".join(clauses) + "."


def _notice(hours: int) -> str:
    if hours == 0:
        return ""
    days, rest = divmod(hours, HOURS_A_DAY)
    if rest == 0 and days >= DAYS_FROM:
        return ngettext("%(n)s day before", "%(n)s days before", days) % {"n": days}
    return ngettext("%(n)s hour before", "%(n)s hours before", hours) % {"n": hours}


def describe_share(policy: SharePolicy | Sponsorship) -> str:
    """What the company or a sponsor pays, in a few words: "60%, at most €40"."""
    if policy.percent is None:
        return say_money(Money(policy.amount or 0, policy.currency), exact=False)
    share = say_percent(policy.percent / 100)
    if policy.cap is None:
        return share
    cap = say_money(Money(policy.cap, policy.currency), exact=False)
    return _("%(share)s, at most %(cap)s") % {"share": share, "cap": cap}


def describe_sponsorship(sponsorship: Sponsorship) -> str:
    """What a sponsor pays, and how much of it there is, in a sentence: "50% of each price; at most €500 each"."""
    parts = [_("%(share)s of each price") % {"share": describe_share(sponsorship)}]
    if sponsorship.per_person is not None:
        amount = say_money(Money(sponsorship.per_person, sponsorship.currency), exact=False)
        parts.append(_("%(amount)s for each person") % {"amount": amount})
    if sponsorship.pot is not None:
        amount = say_money(Money(sponsorship.pot, sponsorship.currency), exact=False)
        parts.append(_("%(amount)s in all") % {"amount": amount})
    return " · ".join(parts)


def describe_split(rule: SplitRule) -> str:
    """A rule of who earns what in a sentence."""
    parts = [
        (rule.business_percent, _("%(percent)s %% the business")),
        (rule.creator_percent, _("%(percent)s %% whoever made it")),
        (rule.teacher_percent, _("%(percent)s %% whoever teaches it")),
    ]
    return " · ".join(words % {"percent": percent} for percent, words in parts if percent)
