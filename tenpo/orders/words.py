"""How Tenpo says what company and sponsors pay, and who earns, in the reader's language."""

from django.utils.translation import gettext as _

from tenpo.core.money import Money
from tenpo.core.words import say_money, say_percent
from tenpo.orders.models import SharePolicy, SplitRule
from tenpo.orders.sponsor_models import Sponsorship


def describe_share(policy: SharePolicy | Sponsorship) -> str:
    """What the company or a sponsor pays, in a few words: "60%, at most €40"."""
    if policy.percent is None:
        return say_money(Money(policy.amount or 0, policy.currency))
    share = say_percent(policy.percent / 100)
    if policy.cap is None:
        return share
    cap = say_money(Money(policy.cap, policy.currency))
    return _("%(share)s, at most %(cap)s") % {"share": share, "cap": cap}


def describe_sponsorship(sponsorship: Sponsorship) -> str:
    """What a sponsor pays, and how much of it there is, in a sentence: "50% of each price; at most €500 each"."""
    parts = [_("%(share)s of each price") % {"share": describe_share(sponsorship)}]
    if sponsorship.per_person is not None:
        amount = say_money(Money(sponsorship.per_person, sponsorship.currency))
        parts.append(_("%(amount)s for each person") % {"amount": amount})
    if sponsorship.pot is not None:
        amount = say_money(Money(sponsorship.pot, sponsorship.currency))
        parts.append(_("%(amount)s in all") % {"amount": amount})
    return " · ".join(parts)


def describe_split(rule: SplitRule) -> str:
    """A rule of who earns what in a sentence."""
    parts = [
        (rule.business_percent, _("%(share)s the business")),
        (rule.creator_percent, _("%(share)s whoever made it")),
        (rule.teacher_percent, _("%(share)s whoever teaches it")),
    ]
    return " · ".join(words % {"share": say_percent(percent / 100)} for percent, words in parts if percent)
