from uuid import UUID

from procrastinate.contrib.django import app

from tenpo.access.actions.idempotency import forget_old_keys
from tenpo.checkout.actions import settling


@app.task(name="checkout.succeed_late")
def succeed_late(charge_id: str) -> None:
    """The sandbox's bank says yes to a card that pays late."""
    settling.decide_sandbox_charge(UUID(charge_id), succeeds=True)


@app.periodic(cron="* * * * *")
@app.task(name="checkout.reconcile_payments", queue="periodic")
def reconcile_payments(timestamp: int) -> None:
    """Ask the providers what became of payments that no webhook settled."""
    settling.reconcile_payments()


@app.periodic(cron="17 3 * * *")
@app.task(name="checkout.forget_old_keys", queue="periodic")
def forget_old_idempotency_keys(timestamp: int) -> None:
    """Drop answers that were kept for repeated calls long ago."""
    forget_old_keys()
