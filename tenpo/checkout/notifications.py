"""What is told about money, and to whom."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.checkout.queries.bookings import slip_of_payment
from tenpo.core.models import OutboxMessage
from tenpo.core.money import Money
from tenpo.core.words import say_money
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.payments.actions.auto_top_ups import DISPUTED, METHOD_REMOVED, TOP_UP_REFUNDED
from tenpo.payments.formats import in_fours
from tenpo.payments.method_words import say_method, say_method_within
from tenpo.payments.models import Grant, Payment
from tenpo.payments.queries import owed_by
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.payments.words import say_failure
from tenpo.people.models import User
from tenpo.schedule.models import Booking
from tenpo.schedule.told_people import booking_facts

# A payment that fails this soon fails before the payer's eyes.
SEEN_WITHIN = timedelta(minutes=2)


def _say_waiting(facts: Facts) -> Words:
    if "is_top_up" in facts:
        return Words(
            title=_("We wait for your transfer of %(amount)s") % {"amount": facts.money("amount")},
            text=_("As soon as the money is there, it is in your wallet, and we tell you."),
            act=_("See your top-up"),
            path=path_to("checkout:top-up-result", facts["payment_id"]),
            facts=_slip(facts),
        )
    return Words(
        title=_("Your seat is held: %(session)s") % {"session": facts["session"]},
        text=_("It is yours until %(until)s. As soon as %(amount)s has come by %(method)s, you are booked.")
        % {
            "until": facts.when("held_until"),
            "amount": facts.money("amount"),
            "method": say_method_within(facts["method"]),
        },
        act=_("See your booking"),
        path=path_to("checkout:booking-result", facts["booking_id"]),
        facts=_slip(facts),
    )


def _slip(facts: Facts) -> tuple[tuple[str, str], ...]:
    """What somebody writes on a bank transfer; nothing where the money comes by another way."""
    slip = facts.part("slip")
    if not slip["reference"]:
        return ()
    parts = (
        (_("To"), slip["holder"]), (_("IBAN"), in_fours(slip["iban"])), (_("BIC"), slip["bic"]),
        (_("Bank"), slip["bank"]), (_("Reference"), slip["reference"]),
        (_("Amount"), say_money(Money(facts.number("amount"), facts["currency"]))),
    )  # fmt: skip
    return tuple((name, value) for name, value in parts if value)


def _say_failed(facts: Facts) -> Words:
    if "is_top_up" in facts:
        return Words(
            title=_("Your top-up of %(amount)s did not work") % {"amount": facts.money("amount")},
            text=_("Nothing was charged, and your wallet is as it was."),
            act=_("Try again"),
            path=path_to("checkout:top-up"),
        )
    if "held_until" in facts:
        return Words(
            title=_("Your payment did not work: %(session)s") % {"session": facts["session"]},
            text=_("Nothing was charged. Your seat is held until %(until)s, so you can try again.")
            % {"until": facts.when("held_until")},
            act=_("Try again"),
            path=path_to("checkout:pay", facts["booking_id"]),
        )
    return Words(
        title=_("Your payment did not work: %(session)s") % {"session": facts["session"]},
        text=_("Nothing was charged, and the seat is not held any more."),
        act=_("Find a session"),
        path=path_to("schedule:session-list"),
    )


def _say_came_late(facts: Facts) -> Words:
    return Words(
        title=_("Your payment became credit: %(amount)s") % {"amount": facts.money("amount")},
        text=_(
            "Your payment for %(session)s came when the seat was not held any more. "
            "We kept all of it as credit for you; your next booking uses it first."
        )
        % {"session": facts["session"]},
        act=_("See your credit"),
        path=path_to("checkout:my-money"),
    )


def _say_topped_up(facts: Facts) -> Words:
    return Words(
        title=_("%(amount)s is in your wallet") % {"amount": facts.money("amount")},
        text=_("Your top-up by %(method)s has come.") % {"method": say_method(facts["method"])},
        act=_("See your wallet"),
        path=path_to("checkout:my-wallet"),
    )


def _say_given_up(facts: Facts) -> Words:
    return Words(
        title=_("We do not wait any more for %(amount)s for your wallet") % {"amount": facts.money("amount")},
        text=_(
            "No money came, so you need not pay it. Should it be on its way, it fills your wallet once it is there."
        ),
        act=_("See your wallet"),
        path=path_to("checkout:my-wallet"),
    )


def _say_filled(facts: Facts) -> Words:
    return Words(
        title=_("Your wallet was filled: %(amount)s") % {"amount": facts.money("amount")},
        text=_("Little was left in it, so %(amount)s was paid in by %(method)s, as you wished.")
        % {"amount": facts.money("amount"), "method": say_method(facts["method"])},
        act=_("See your wallet"),
        path=path_to("checkout:my-wallet"),
    )


def _say_not_filled(facts: Facts) -> Words:
    again = _("We try again %(when)s.") % {"when": facts.when("again_at")}
    return Words(
        title=_("Your wallet could not be filled"),
        text=f"{say_failure(facts['code'])} {again}",
        act=_("Look at it"),
        path=path_to("checkout:auto-top-up"),
    )


def _say_switched_off(facts: Facts) -> Words:
    tried = _("It did not work %(times)s times in a row.") % {"times": facts["times"]}
    reasons = {METHOD_REMOVED: _("The card for it was removed.")}
    reasons |= {code: say_failure(code) for code in (TOP_UP_REFUNDED, DISPUTED)}
    return Words(
        title=_("Your wallet is not filled by itself any more"),
        text=reasons.get(facts["code"], tried),
        act=_("Set it up again"),
        path=path_to("checkout:auto-top-up"),
    )


def _say_low(facts: Facts) -> Words:
    return Words(
        title=_("%(amount)s is left in your wallet") % {"amount": facts.money("left")},
        text=_("You wished to know when it is less than %(amount)s.") % {"amount": facts.money("low_below")},
        act=_("Top up"),
        path=path_to("checkout:top-up"),
    )


def _say_earned(facts: Facts) -> Words:
    return Words(
        title=_("You earned %(amount)s") % {"amount": facts.money("amount")},
        text=(
            _("%(what)s has taken place. You made it, and your share of it is yours.")
            if "is_royalty" in facts
            else _("%(what)s has taken place, and your share of it is yours.")
        )
        % {"what": facts["what"]},
        act=_("See your earnings"),
        path=path_to("checkout:my-earnings"),
    )


def _say_taken_back(facts: Facts) -> Words:
    text = _("%(what)s was refunded, and your share of it with it.") % {"what": facts["what"]}
    if facts.number("owed"):
        owed = _("%(amount)s of it was paid out to you; your next payout gives it back.")
        text = f"{text} {owed % {'amount': facts.money('owed')}}"
    return Words(
        title=_("%(amount)s less for you") % {"amount": facts.money("amount")},
        text=text,
        act=_("See your earnings"),
        path=path_to("checkout:my-earnings"),
    )


def _say_granted(facts: Facts) -> Words:
    return Words(
        title=_("%(amount)s for you") % {"amount": facts.money("amount")},
        text=_("%(reason)s. It is in your wallet, and is spent before your own money.") % {"reason": facts["reason"]},
        act=_("See your wallet"),
        path=path_to("checkout:my-wallet"),
    )


def _say_to_mark(facts: Facts) -> Words:
    if "is_top_up" in facts:
        return Words(
            title=_("%(person)s owes %(amount)s") % {"person": facts["payer"], "amount": facts.money("amount")},
            text=_("For a wallet, by %(method)s. Mark it as paid once the money is there.")
            % {"method": say_method_within(facts["method"])},
            act=_("See payments"),
            path=path_to("checkout:payment-waiting"),
        )
    return Words(
        title=_("%(person)s owes %(amount)s") % {"person": facts["payer"], "amount": facts.money("amount")},
        text=_(
            "For %(session)s by %(method)s. Mark it as paid once the money is there; the seat waits until %(until)s."
        )
        % {
            "session": facts["session"],
            "method": say_method_within(facts["method"]),
            "until": facts.when("held_until"),
        },
        act=_("See payments"),
        path=path_to("checkout:payment-list"),
    )


PAYMENT_AWAITED = Kind(
    "payment.awaited", gettext_lazy("We wait for your transfer or payroll"), Audience.MEMBER, _say_waiting,
    icon="hourglass",
)  # fmt: skip
PAYMENT_FAILED = Kind(
    "payment.failed", gettext_lazy("A payment does not work"), Audience.MEMBER, _say_failed, email_is_optional=False,
    icon="credit-card",
)  # fmt: skip
PAYMENT_CREDITED = Kind(
    "payment.came_late", gettext_lazy("A late payment becomes credit"), Audience.MEMBER, _say_came_late,
    email_is_optional=False, icon="coins",
)  # fmt: skip
PAYMENT_TO_MARK = Kind(
    "admin.payment_to_mark", gettext_lazy("A payment waits to be marked as paid"), Audience.ADMIN, _say_to_mark,
    by_email=False, icon="banknote",
)  # fmt: skip

WALLET_TOPPED_UP = Kind(
    "wallet.topped_up", gettext_lazy("A top-up is in your wallet"), Audience.MEMBER, _say_topped_up, icon="wallet",
)  # fmt: skip
WALLET_GIVEN_UP = Kind(
    "wallet.top_up_given_up", gettext_lazy("We stop waiting for the money of a top-up"), Audience.MEMBER, _say_given_up,
    icon="hourglass",
)  # fmt: skip
WALLET_FILLED = Kind(
    "auto_top_up.done", gettext_lazy("Your wallet is filled by itself"), Audience.MEMBER, _say_filled, icon="wallet",
)  # fmt: skip
WALLET_NOT_FILLED = Kind(
    "auto_top_up.failed", gettext_lazy("Your wallet cannot be filled by itself"), Audience.MEMBER, _say_not_filled,
    email_is_optional=False, icon="credit-card",
)  # fmt: skip
WALLET_SWITCHED_OFF = Kind(
    "auto_top_up.switched_off", gettext_lazy("Your wallet is not filled by itself any more"), Audience.MEMBER,
    _say_switched_off, email_is_optional=False, icon="credit-card",
)  # fmt: skip
WALLET_LOW = Kind("wallet.low", gettext_lazy("Little is left in your wallet"), Audience.MEMBER, _say_low, icon="wallet")
WALLET_GRANTED = Kind(
    "wallet.granted", gettext_lazy("You are given money to spend here"), Audience.MEMBER, _say_granted, icon="wallet",
)  # fmt: skip

EARNED = Kind(
    "earnings.earned", gettext_lazy("You have earned a share"), Audience.COACH, _say_earned, by_email=False,
    icon="hand-coins",
)  # fmt: skip

TAKEN_BACK = Kind(
    "earnings.taken_back", gettext_lazy("A share is taken back for a refund"), Audience.COACH, _say_taken_back,
    icon="undo-2",
)  # fmt: skip

KINDS = (
    PAYMENT_AWAITED, PAYMENT_FAILED, PAYMENT_CREDITED, WALLET_TOPPED_UP, WALLET_GIVEN_UP, WALLET_FILLED,
    WALLET_NOT_FILLED, WALLET_SWITCHED_OFF, WALLET_LOW, WALLET_GRANTED, EARNED, TAKEN_BACK, PAYMENT_TO_MARK,
)  # fmt: skip


def _payment_and_booking(message: OutboxMessage) -> tuple[Payment, Booking | None]:
    payment = Payment.objects.select_related("payer").get(pk=message.subject_id)
    if payment.order_id is None:
        return payment, None
    bookings = Booking.objects.filter(line__order_id=payment.order_id)
    return payment, bookings.select_related("session__coach", "participant").order_by("id").first()


def _facts(payment: Payment, booking: Booking | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"session": payment.description}
    if booking is not None:
        facts = booking_facts(booking)
        if booking.state == Booking.State.HELD and booking.held_until is not None:
            facts["held_until"] = booking.held_until.isoformat()
    return {
        **facts,
        "payment_id": str(payment.pk),
        "amount": payment.amount,
        "currency": payment.currency,
        "method": payment.method,
        "payer": str(payment.payer),
        **({"is_top_up": True} if payment.purpose == Payment.Purpose.TOP_UP else {}),
    }


def _slip_facts(payment: Payment) -> dict[str, Any]:
    """The account, and the reference to write; nothing where the money comes by another way."""
    slip = slip_of_payment(payment)
    if slip is None:
        return {}
    parts = ("holder", "iban", "bic", "bank", "reference")
    return {"slip": {name: getattr(slip, name) for name in parts}}


def on_payment_awaited(message: OutboxMessage) -> list[Notice]:
    """The payer, and the admins, one of whom will see the money. Nobody when it has been decided since."""
    payment, booking = _payment_and_booking(message)
    is_top_up = payment.purpose == Payment.Purpose.TOP_UP
    is_held = booking is not None and booking.state == Booking.State.HELD
    if payment.state != Payment.State.PENDING or not (is_top_up or is_held):
        return []
    facts = _facts(payment, booking)
    admins = User.objects.admins().active().values_list("pk", flat=True)
    slip = _slip_facts(payment)
    waits = [Notice(PAYMENT_AWAITED, payment.payer_id, facts | slip)] if is_held or slip else []
    return [
        *waits,
        *(Notice(PAYMENT_TO_MARK, admin, facts) for admin in admins),
    ]


def on_payment_failed(message: OutboxMessage) -> list[Notice]:
    """The payer; by e-mail too when it fails later, out of their sight."""
    payment, booking = _payment_and_booking(message)
    was_seen = message.published_at - payment.created_at < SEEN_WITHIN
    return [Notice(PAYMENT_FAILED, payment.payer_id, _facts(payment, booking), is_quiet=was_seen)]


def on_payment_came_late(message: OutboxMessage) -> list[Notice]:
    """The payer, whose money is safe."""
    payment, booking = _payment_and_booking(message)
    return [Notice(PAYMENT_CREDITED, payment.payer_id, _facts(payment, booking))]


def on_wallet_topped_up(message: OutboxMessage) -> list[Notice]:
    """The owner, quietly when it came before their eyes."""
    payment, _booking = _payment_and_booking(message)
    if payment.is_automatic:
        return [Notice(WALLET_FILLED, payment.payer_id, _facts(payment, None))]
    was_seen = message.published_at - payment.created_at < SEEN_WITHIN
    return [Notice(WALLET_TOPPED_UP, payment.payer_id, _facts(payment, None), is_quiet=was_seen)]


def on_top_up_given_up(message: OutboxMessage) -> list[Notice]:
    """The owner. Nobody when the money was seen since."""
    payment, _booking = _payment_and_booking(message)
    if payment.state != Payment.State.CANCELLED:
        return []
    return [Notice(WALLET_GIVEN_UP, payment.payer_id, _facts(payment, None))]


def on_not_filled(message: OutboxMessage) -> list[Notice]:
    """The owner of a wallet that could not be filled, with why, and when it is tried again."""
    settings = AutoTopUp.objects.get(pk=message.subject_id)
    return [Notice(WALLET_NOT_FILLED, settings.user_id, {name: message.payload[name] for name in ("code", "again_at")})]


def on_switched_off(message: OutboxMessage) -> list[Notice]:
    """The owner of a wallet that is not filled by itself any more, with why."""
    settings = AutoTopUp.objects.get(pk=message.subject_id)
    return [Notice(WALLET_SWITCHED_OFF, settings.user_id, {name: message.payload[name] for name in ("code", "times")})]


def on_wallet_low(message: OutboxMessage) -> list[Notice]:
    """The owner, with what is left."""
    settings = AutoTopUp.objects.get(pk=message.subject_id)
    facts = {name: message.payload[name] for name in ("left", "low_below", "currency")}
    return [Notice(WALLET_LOW, settings.user_id, facts)]


def on_wallet_granted(message: OutboxMessage) -> list[Notice]:
    """The owner, with the reason."""
    grant = Grant.objects.get(pk=message.subject_id)
    if grant.taken_back_by_id is not None:
        return []
    facts = {"amount": grant.amount, "currency": grant.currency, "reason": grant.reason}
    return [Notice(WALLET_GRANTED, grant.owner_id, facts)]


def on_taken_back(message: OutboxMessage) -> list[Notice]:
    """Whoever had earned, with what they owe now."""
    facts = {name: message.payload[name] for name in ("amount", "currency", "what")}
    owed = owed_by(User(pk=message.subject_id), facts["currency"])
    return [Notice(TAKEN_BACK, message.subject_id, facts | {"owed": min(owed, facts["amount"])})]


def on_earned(message: OutboxMessage) -> list[Notice]:
    """Whoever earned."""
    facts = {name: message.payload[name] for name in ("amount", "currency", "what")}
    return [Notice(EARNED, message.subject_id, facts | {"is_royalty": message.payload.get("is_royalty", False)})]


TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "payment.awaited": on_payment_awaited,
    "payment.failed": on_payment_failed,
    "payment.came_late": on_payment_came_late,
    "wallet.topped_up": on_wallet_topped_up,
    "wallet.top_up_given_up": on_top_up_given_up,
    "auto_top_up.failed": on_not_filled,
    "auto_top_up.switched_off": on_switched_off,
    "wallet.low": on_wallet_low,
    "wallet.granted": on_wallet_granted,
    "earnings.earned": on_earned,
    "earnings.taken_back": on_taken_back,
}
