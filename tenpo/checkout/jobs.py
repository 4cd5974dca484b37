from uuid import UUID

from procrastinate.contrib.django import app

from tenpo.access.actions.idempotency import forget_old_keys
from tenpo.checkout.actions import auto_topping_up, disputing, giving_up, settling, topping_up
from tenpo.people.models import User


@app.task(name="checkout.succeed_late")
def succeed_late(charge_id: str) -> None:
    """The sandbox's bank says yes to a card that pays late."""
    settling.decide_sandbox_charge(UUID(charge_id), succeeds=True)


@app.task(name="checkout.take_back_late")
def take_back_late(charge_id: str) -> None:
    """The sandbox's bank takes a payment back."""
    settling.take_back_sandbox_charge(UUID(charge_id))


@app.task(name="checkout.refund_late")
def refund_late(refund_id: str) -> None:
    """The sandbox's bank takes what goes back late, or does not."""
    settling.decide_sandbox_refund(UUID(refund_id))


@app.periodic(cron="* * * * *")
@app.task(name="checkout.reconcile_payments", queue="periodic")
def reconcile_payments(timestamp: int) -> None:
    """Ask the providers what became of payments that no webhook settled."""
    settling.reconcile_payments()


@app.periodic(cron="52 4 * * *")
@app.task(name="checkout.ask_about_disputes", queue="periodic")
def ask_about_disputes(timestamp: int) -> None:
    """Ask the providers what became of payments that banks want back, and take what came back of what they keep."""
    disputing.ask_about_disputes()
    disputing.take_all_that_came_back()


@app.task(name="checkout.take_what_came_back")
def take_what_came_back(payer_id: str) -> None:
    """Something came back to whom a bank has given the same money back: take what they have twice."""
    disputing.take_what_came_back(User.objects.get(pk=payer_id))


@app.task(name="checkout.look_after_wallet")
def look_after_wallet(user_id: str) -> None:
    """Money has left a wallet: fill it by itself, or tell its owner that it is low."""
    auto_topping_up.look_after_wallet(User.objects.get(pk=user_id))


@app.task(name="checkout.tell_given_up")
def tell_given_up(act: str, booking_ids: list[str]) -> None:
    """Tell the coach of places that were given up together, where whoever gave them up died before."""
    giving_up.tell_given_up(UUID(act), [UUID(pk) for pk in booking_ids])


@app.periodic(cron="* * * * *")
@app.task(name="checkout.look_after_wallets", queue="periodic")
def look_after_wallets(timestamp: int) -> None:
    """Fill wallets by themselves that are low, and tell of those that stay low."""
    auto_topping_up.look_after_wallets()


@app.periodic(cron="37 * * * *")
@app.task(name="checkout.cancel_left_top_ups", queue="periodic")
def cancel_left_top_ups(timestamp: int) -> None:
    """Give up top-ups whose money nobody saw in time."""
    topping_up.cancel_left_top_ups()


@app.periodic(cron="17 3 * * *")
@app.task(name="checkout.forget_old_keys", queue="periodic")
def forget_old_idempotency_keys(timestamp: int) -> None:
    """Drop answers that were kept for repeated calls long ago."""
    forget_old_keys()
