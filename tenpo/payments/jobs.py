from uuid import UUID

from procrastinate.contrib.django import app

from tenpo.payments.actions import connect, methods, payout_schedule, payout_sending, refund_sending
from tenpo.payments.models import Refund


@app.periodic(cron="*/5 * * * *")
@app.task(name="payments.send_payouts", queue="periodic")
def send_payouts(timestamp: int) -> None:
    """Send approved payouts that leave by themselves, and ask what became of those on their way."""
    payout_sending.send_waiting_payouts()


@app.periodic(cron="* * * * *")
@app.task(name="payments.send_refunds", queue="periodic")
def send_refunds(timestamp: int) -> None:
    """Send granted refunds that leave by themselves, and ask what became of those on their way."""
    refund_sending.send_waiting_refunds()


@app.task(name="payments.send_refund")
def send_refund(refund_id: str) -> None:
    """Send one refund that was just granted."""
    refund_sending.send_refund(Refund(pk=UUID(refund_id)))


@app.periodic(cron="47 * * * *")
@app.task(name="payments.ask_for_due_payouts", queue="periodic")
def ask_for_due_payouts(timestamp: int) -> None:
    """Ask for the earnings of the week or month that has ended."""
    payout_schedule.ask_for_due_payouts()


@app.periodic(cron="* * * * *")
@app.task(name="payments.settle_methods", queue="periodic")
def settle_methods(timestamp: int) -> None:
    """Ask the providers what became of cards that are being added or removed."""
    methods.settle_methods()


@app.periodic(cron="23 * * * *")
@app.task(name="payments.settle_stripe_accounts", queue="periodic")
def settle_stripe_accounts(timestamp: int) -> None:
    """Ask Stripe about people's accounts that are not complete yet."""
    connect.settle_stripe_accounts()
