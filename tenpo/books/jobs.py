from procrastinate.contrib.django import app

from tenpo.books.actions import closing, reconciling


@app.periodic(cron="11 * * * *")
@app.task(name="books.close_days", queue="periodic")
def close_days(timestamp: int) -> None:
    """Close the days that are over where the business is; each hour, since midnight is not the same everywhere."""
    closing.close_days_tonight()


@app.periodic(cron="31 5 * * *")
@app.task(name="books.reconcile_providers", queue="periodic")
def reconcile_providers(timestamp: int) -> None:
    """Hold what the providers say of the days before against the books."""
    reconciling.reconcile_tonight()
