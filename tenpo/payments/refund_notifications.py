"""What is told about refunds, and to whom."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.payments.models import Refund
from tenpo.payments.queries import manual_providers
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import User


def _say_to_decide(facts: Facts) -> Words:
    return Words(
        title=_("%(person)s asks for %(amount)s back") % {"person": facts["user"], "amount": facts.money("asked")},
        text=_("For %(what)s: %(reason)s") % {"what": facts["what"], "reason": facts["reason"]},
        act=_("Look at it"),
        path=path_to("checkout:refund-review", facts["refund_id"]),
    )


def _say_to_send(facts: Facts) -> Words:
    return Words(
        title=_("Send %(amount)s back to %(person)s") % {"person": facts["user"], "amount": facts.money("own")},
        text=_("It was paid by %(method)s for %(what)s. Say so once you sent it.")
        % {"method": facts["method"], "what": facts["what"]},
        act=_("Look at it"),
        path=path_to("checkout:refund-review", facts["refund_id"]),
    )


def _say_failed(facts: Facts) -> Words:
    return Words(
        title=_("%(amount)s did not get back to %(person)s") % {"person": facts["user"], "amount": facts.money("own")},
        text=_("The money is held for them. Send it again, or give it another way."),
        act=_("Look at it"),
        path=path_to("checkout:refund-review", facts["refund_id"]),
    )


def _say_granted(facts: Facts) -> Words:
    text = _("For %(what)s. It is on its way back to you.") % {"what": facts["what"]}
    return Words(
        title=_("You get %(amount)s back") % {"amount": facts.money("buyers")},
        text=_with_the_rest(facts, text, method=_("%(amount)s is on its way back as you paid.")),
        act=_("See the refund"),
        path=path_to("checkout:refund-detail", facts["refund_id"]),
    )


def _say_done(facts: Facts) -> Words:
    if not facts.number("buyers"):
        return _say_done_to_others(facts)
    places = {
        RefundTo.CREDIT: _("For %(what)s. What you had paid is yours as credit."),
        RefundTo.WALLET: _("For %(what)s. What you had paid is in your wallet."),
        RefundTo.METHOD: _("For %(what)s. What you had paid went back the way you paid."),
    }
    place = next(iter(_places(facts)), None)
    text = places[place] if place is not None else _("For %(what)s.")
    return Words(
        title=_("%(amount)s is back with you") % {"amount": facts.money("buyers")},
        text=_with_the_rest(facts, text % {"what": facts["what"]}, method=_("%(amount)s went back the way you paid.")),
        act=_("See the refund"),
        path=path_to("checkout:refund-detail", facts["refund_id"]),
    )


def _say_done_to_others(facts: Facts) -> Words:
    """Whoever asked had paid nothing of it themselves."""
    text = _("%(amount)s goes back to who paid for you.") % {"amount": facts.money("amount")}
    return Words(
        title=_("Your refund was granted: %(what)s") % {"what": facts["what"]},
        text=f"{text} {facts['word']}".strip(),
        act=_("See the refund"),
        path=path_to("checkout:refund-detail", facts["refund_id"]),
    )


def _places(facts: Facts) -> dict[RefundTo, int]:
    """Where what is the buyer's goes (minor units): credit and wallet to where they came from, the rest as decided."""
    found = {RefundTo.CREDIT: facts.number("credit"), RefundTo.WALLET: facts.number("wallet"), RefundTo.METHOD: 0}
    if own := facts.number("own"):
        found[RefundTo(facts["to"])] += own
    return {place: amount for place, amount in found.items() if amount}


def _with_the_rest(facts: Facts, text: str, *, method: str) -> str:
    """What a refund is for and where it goes, each way by itself; what of it is not the buyer's, and the word."""
    each, places = [text], _places(facts)
    if len(places) > 1:
        said = {
            RefundTo.CREDIT: _("%(amount)s is yours as credit."),
            RefundTo.WALLET: _("%(amount)s is in your wallet."),
            RefundTo.METHOD: method,
        }
        each = [_("For %(what)s.") % {"what": facts["what"]}]
        each += [said[place] % {"amount": facts.say_money(amount)} for place, amount in places.items()]
    if facts.number("amount") > facts.number("buyers"):
        rest = facts.say_money(facts.number("amount") - facts.number("buyers"))
        words = _("%(amount)s was granted in all: %(rest)s of it goes back to who paid with you.")
        each.append(words % {"amount": facts.money("amount"), "rest": rest})
    return " ".join([*each, facts["word"]]).strip()


def _say_rejected(facts: Facts) -> Words:
    return Words(
        title=_("Your refund was not granted: %(what)s") % {"what": facts["what"]},
        text=facts["word"],
        act=_("See the refund"),
        path=path_to("checkout:refund-detail", facts["refund_id"]),
    )


REFUND_GRANTED = Kind(
    "refund.granted", gettext_lazy("A refund is granted"), Audience.MEMBER, _say_granted, icon="undo-2"
)
REFUND_DONE = Kind("refund.done", gettext_lazy("A refund arrived"), Audience.MEMBER, _say_done, icon="undo-2")
REFUND_REJECTED = Kind(
    "refund.rejected", gettext_lazy("A refund is not granted"), Audience.MEMBER, _say_rejected,
    email_is_optional=False, icon="undo-2",
)  # fmt: skip
REFUND_TO_DECIDE = Kind(
    "admin.refund_to_decide", gettext_lazy("A refund waits for your word"), Audience.ADMIN, _say_to_decide,
    by_email=False, icon="undo-2",
)  # fmt: skip
REFUND_TO_SEND = Kind(
    "admin.refund_to_send", gettext_lazy("A refund waits to be sent by hand"), Audience.ADMIN, _say_to_send,
    by_email=False, icon="send",
)  # fmt: skip
REFUND_FAILED = Kind(
    "admin.refund_failed", gettext_lazy("A refund does not arrive"), Audience.ADMIN, _say_failed,
    email_is_optional=False, icon="undo-2",
)  # fmt: skip

REFUND_KINDS = (
    REFUND_GRANTED, REFUND_DONE, REFUND_REJECTED, REFUND_TO_DECIDE, REFUND_TO_SEND, REFUND_FAILED,
)  # fmt: skip


def on_refund_asked(message: OutboxMessage) -> list[Notice]:
    """The admins who may decide. Nobody when it has been decided since."""
    refund = _refund(message)
    return _to_admins(REFUND_TO_DECIDE, refund) if refund.state == Refund.State.ASKED else []


def on_refund_granted(message: OutboxMessage) -> list[Notice]:
    """Whoever gets it, while it is on its way; the admins, where one of them sends it.

    Whoever cancelled knows, and what is done at once is told by that.
    """
    refund = _refund(message)
    notices = []
    if refund.origin != Refund.Origin.CANCELLATION and refund.state != Refund.State.DONE:
        notices.append(Notice(REFUND_GRANTED, refund.user_id, _facts(refund)))
    if refund.state == Refund.State.APPROVED and refund.provider in manual_providers():
        notices += _to_admins(REFUND_TO_SEND, refund)
    if refund.state == Refund.State.DONE and refund.sent_at is None:
        notices.append(_done(refund))
    return notices


def on_refund_done(message: OutboxMessage) -> list[Notice]:
    """Whoever has it now."""
    return [_done(_refund(message))]


def _done(refund: Refund) -> Notice:
    """Once for each way that it went: what came back and went again, or elsewhere, is told with where it is now."""
    return Notice(REFUND_DONE, refund.user_id, _facts(refund), once=f"refund:{refund.key}:done:{refund.to}")


def on_refund_rejected(message: OutboxMessage) -> list[Notice]:
    """Whoever asked, with the word."""
    refund = _refund(message)
    return [Notice(REFUND_REJECTED, refund.user_id, _facts(refund))]


def on_refund_failed(message: OutboxMessage) -> list[Notice]:
    """The admins, one of whom sees to it. Nobody when one has."""
    refund = _refund(message)
    return _to_admins(REFUND_FAILED, refund) if refund.state == Refund.State.FAILED else []


def _to_admins(kind: Kind, refund: Refund) -> list[Notice]:
    admins = User.objects.admins().active().values_list("pk", flat=True)
    return [Notice(kind, admin, _facts(refund)) for admin in admins if admin != refund.user_id]


def _refund(message: OutboxMessage) -> Refund:
    subject_id: UUID = message.subject_id
    return Refund.objects.select_related("user", "payment").get(pk=subject_id)


def _facts(refund: Refund) -> dict[str, Any]:
    return {
        "refund_id": str(refund.pk),
        "user": str(refund.user),
        "what": refund.description,
        "asked": refund.asked,
        "buyers": refund.buyers,
        "own": refund.own,
        "credit": refund.credit,
        "wallet": refund.wallet,
        "amount": refund.amount,
        "currency": refund.currency,
        "to": refund.to,
        "reason": refund.reason,
        "word": refund.word,
        "method": (refund.payment.method or refund.provider) if refund.payment else "",
    }


REFUND_TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "refund.asked": on_refund_asked,
    "refund.granted": on_refund_granted,
    "refund.done": on_refund_done,
    "refund.rejected": on_refund_rejected,
    "refund.failed": on_refund_failed,
}
