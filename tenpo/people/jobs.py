from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from tenpo.people.actions import imports, invites, visits


# Four tries in all, about 1, 5 and 25 minutes apart.
@app.task(name="people.send_invite", retry=RetryStrategy(max_attempts=3, exponential_wait=5, wait=60))
def send_invite(*, invite_id: str) -> None:
    """Mail an invite with a new link."""
    invites.send_invite(invite_id)


@app.task(name="people.run_import", retry=RetryStrategy(max_attempts=3, wait=30))
def run_import(*, import_id: str) -> None:
    """Do what a confirmed import says, from where it stands."""
    imports.run_import(import_id)


@app.periodic(cron="11 4 * * *")
@app.task(name="people.forget_ended_visits", queue="periodic")
def forget_ended_visits(timestamp: int) -> None:
    """Drop who was signed in once and is no longer."""
    visits.forget_ended_visits()
