from uuid import UUID

from procrastinate.contrib.django import app

from tenpo.notify.actions import deliveries


@app.task(name="notify.send_delivery", queue="mail")
def send_delivery(delivery_id: str) -> None:
    """Send one e-mail; what fails queues itself again."""
    deliveries.send_delivery(UUID(delivery_id))


@app.periodic(cron="*/5 * * * *")
@app.task(name="notify.requeue_lost_deliveries", queue="periodic")
def requeue_lost_deliveries(timestamp: int) -> None:
    """Queue again what waits without a job."""
    deliveries.requeue_lost_deliveries()
