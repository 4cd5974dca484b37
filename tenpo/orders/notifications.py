"""What is told about sponsorships and about the business's account, and to whom."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core import clock
from tenpo.core.models import OutboxMessage
from tenpo.core.words import say_percent
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.orders.sponsor_models import SponsoredPerson, SponsorPayment, Sponsorship
from tenpo.payments.formats import in_fours
from tenpo.people.models import User

HALF = 50


def _say_part(facts: Facts) -> str:
    """How much of each price a sponsor pays."""
    percent = facts.number("percent")
    if not percent:
        return _("%(amount)s of each price") % {"amount": facts.money("amount")}
    if percent == 100:
        return _("all of each price")
    return (
        _("half of each price")
        if percent == HALF
        else _("%(share)s of each price") % {"share": say_percent(percent / 100)}
    )


def _say_sponsored(facts: Facts) -> Words:
    return Words(
        title=_("%(sponsor)s pays for you") % {"sponsor": facts["sponsor"]},
        text=_("%(sponsor)s pays %(part)s when you book. You see it before you pay, and do not have to do anything.")
        % {"sponsor": facts["sponsor"], "part": _say_part(facts)},
        act=_("See what there is for you"),
        path=path_to("checkout:my-money"),
    )


def _say_nearly_used(facts: Facts) -> Words:
    return Words(
        title=_("The budget of %(sponsor)s is nearly used") % {"sponsor": facts["sponsor"]},
        text=_("%(left)s of %(pot)s is left. What comes after that, people pay themselves.")
        % {"left": facts.money("left"), "pot": facts.money("pot")},
        act=_("See the budget"),
        path=path_to("orders:sponsorship-detail", facts["sponsorship_id"]),
    )


def _say_used_up(facts: Facts) -> Words:
    return Words(
        title=_("The budget of %(sponsor)s is used up") % {"sponsor": facts["sponsor"]},
        text=_("All of %(pot)s is spent. From now on people pay themselves, unless the budget is raised.")
        % {"pot": facts.money("pot")},
        act=_("See the budget"),
        path=path_to("orders:sponsorship-detail", facts["sponsorship_id"]),
    )


def _say_paid(facts: Facts) -> Words:
    return Words(
        title=_("We received %(amount)s") % {"amount": facts.money("amount")},
        text=_("Thank you. It is counted for the budget of %(sponsor)s.") % {"sponsor": facts["sponsor"]},
        act=_("See the budget"),
        path=path_to("orders:sponsorship-detail", facts["sponsorship_id"]),
    )


def _say_account_changed(facts: Facts) -> Words:
    if facts["iban"]:
        title = _("Bank transfers go to another account: %(iban)s") % {"iban": in_fours(facts["iban"])}
    else:
        title = _("Nobody reads an account for bank transfers any more")
    who = _("%(person)s changed it.") % {"person": facts["changed_by"] or _("The system")}
    warning = _("If none of you wanted this, change it back now, and end that person’s access.")
    before = ((_("Before"), in_fours(facts["iban_before"])),) if facts["iban_before"] else ()
    now = ((_("Now"), f"{facts['holder']}, {in_fours(facts['iban'])}"),) if facts["iban"] else ()
    return Words(
        title=title,
        text=f"{who} {warning}",
        act=_("See the settings"),
        path=path_to("web:settings"),
        facts=(*before, *now),
    )


SPONSORED = Kind(
    "sponsorship.person_added", gettext_lazy("Somebody pays a part for you"), Audience.MEMBER, _say_sponsored,
    icon="hand-coins",
)  # fmt: skip
NEARLY_USED = Kind(
    "sponsorship.nearly_used", gettext_lazy("A budget that you look after is nearly used"), Audience.MEMBER,
    _say_nearly_used, icon="hand-coins",
)  # fmt: skip
USED_UP = Kind(
    "sponsorship.used_up", gettext_lazy("A budget that you look after is used up"), Audience.MEMBER, _say_used_up,
    icon="hand-coins",
)  # fmt: skip
PAID = Kind(
    "sponsorship.paid", gettext_lazy("Your payment for a budget has come"), Audience.MEMBER, _say_paid,
    icon="banknote",
)  # fmt: skip

ACCOUNT_CHANGED = Kind(
    "admin.account_changed", gettext_lazy("Somebody changes the account for bank transfers"), Audience.ADMIN,
    _say_account_changed, email_is_optional=False, icon="landmark",
)  # fmt: skip

KINDS = (SPONSORED, NEARLY_USED, USED_UP, PAID, ACCOUNT_CHANGED)


def on_person_added(message: OutboxMessage) -> list[Notice]:
    """Whoever is funded from now on; nobody who was removed meanwhile."""
    person = SponsoredPerson.objects.select_related("sponsorship").get(pk=message.subject_id)
    terms = person.sponsorship
    if person.removed_at is not None or terms.is_over(clock.now()):
        return []
    facts = {"sponsor": terms.name, "percent": terms.percent, "amount": terms.amount, "currency": terms.currency}
    return [Notice(SPONSORED, person.user_id, facts)]


def on_nearly_used(message: OutboxMessage) -> list[Notice]:
    """The sponsor, once for each height of the budget."""
    return _about_budget(NEARLY_USED, message)


def on_used_up(message: OutboxMessage) -> list[Notice]:
    """The sponsor, once for each height of the budget."""
    return _about_budget(USED_UP, message)


def on_paid(message: OutboxMessage) -> list[Notice]:
    """The sponsor whose money came."""
    payment = SponsorPayment.objects.select_related("sponsorship").get(pk=message.subject_id)
    facts = _facts(payment.sponsorship) | {"amount": payment.amount}
    return [Notice(PAID, payment.sponsorship.sponsor_id, facts)]


def on_account_changed(message: OutboxMessage) -> list[Notice]:
    """Every admin, whoever did it too: it may have been somebody else in their name."""
    facts = {name: message.payload[name] for name in ("holder", "iban", "iban_before", "changed_by")}
    admins = User.objects.admins().active().values_list("pk", flat=True)
    return [Notice(ACCOUNT_CHANGED, admin, facts) for admin in admins]


def _about_budget(kind: Kind, message: OutboxMessage) -> list[Notice]:
    sponsorship = Sponsorship.objects.get(pk=message.subject_id)
    pot = message.payload["pot"]
    if sponsorship.pot != pot:
        # It was raised since.
        return []
    facts = _facts(sponsorship) | {"pot": pot, "left": message.payload["left"]}
    return [Notice(kind, sponsorship.sponsor_id, facts, once=f"{sponsorship.pk}:{pot}")]


def _facts(sponsorship: Sponsorship) -> dict[str, Any]:
    return {"sponsorship_id": str(sponsorship.pk), "sponsor": sponsorship.name, "currency": sponsorship.currency}


TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "sponsorship.person_added": on_person_added,
    "sponsorship.nearly_used": on_nearly_used,
    "sponsorship.used_up": on_used_up,
    "sponsorship.paid": on_paid,
    "business.account_changed": on_account_changed,
}
