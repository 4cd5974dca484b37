from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from tenpo.access.actions import second_factors


# Four tries in all, about 1, 5 and 25 minutes apart.
@app.task(name="access.tell_of_dropped_factors", retry=RetryStrategy(max_attempts=3, exponential_wait=5, wait=60))
def tell_of_dropped_factors(*, user_id: str) -> None:
    """Mail somebody that their second factors were taken away."""
    second_factors.tell_of_dropped_factors(user_id)
