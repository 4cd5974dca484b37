"""A worker that dies at one chosen place of its work, or whose clock is wrong; the product itself has no such switch.

Run as a program: `python -m tests.faults.worker DATABASE MAIL_FOLDER PLACE [HOURS]`. It works on the tests' database
until it dies or is told to end; each place of `_places` is where it kills itself, with SIGKILL.
"""

import contextlib
import functools
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Never

import django
import time_machine

STALLED_LOOK_SECONDS = 0.5


def die(*_arguments: object, **_options: object) -> Never:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def dies_before(owner: Any, name: str) -> None:
    setattr(owner, name, die)


def dies_after(owner: Any, name: str) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*arguments: Any, **options: Any) -> Never:
        original(*arguments, **options)
        die()

    setattr(owner, name, wrapped)


def _places() -> dict[str, Callable[[], None]]:
    from django.core.mail import EmailMultiAlternatives

    from tenpo.checkout.actions import auto_topping_up, settling
    from tenpo.config import consumers
    from tenpo.core import outbox
    from tenpo.notify.actions import deliveries
    from tenpo.payments.providers import provider_of

    sandbox = provider_of("sandbox")
    return {
        "nowhere": lambda: None,
        "with its own clock": lambda: None,
        "outbox: claimed": lambda: dies_before(outbox, "_lock"),
        "outbox: before the consumer": lambda: dies_before(consumers, "notify_people"),
        "outbox: after the consumer": lambda: dies_before(outbox, "_check_deferred"),
        "outbox: before the commit": lambda: dies_after(outbox, "_tell_and_take"),
        "outbox: after the commit": lambda: dies_after(outbox, "_deliver"),
        "outbox: told before the consumer's commit": lambda: _tells_first(outbox),
        "mail: fetched": lambda: dies_before(deliveries, "send_delivery"),
        "mail: claimed": lambda: dies_after(deliveries, "_claim"),
        "mail: before the call": lambda: dies_before(EmailMultiAlternatives, "send"),
        "mail: after the call": lambda: dies_after(EmailMultiAlternatives, "send"),
        "mail: after the commit": lambda: dies_after(deliveries, "send_delivery"),
        "money: fetched": lambda: dies_before(settling, "decide_sandbox_charge"),
        "money: before the call": lambda: dies_before(sandbox, "retrieve"),
        "money: after the call": lambda: dies_after(sandbox, "retrieve"),
        "money: before the commit": lambda: dies_before(settling, "record_all"),
        "money: after the commit": lambda: dies_after(settling, "decide_sandbox_charge"),
        "top-up: begun": lambda: dies_after(auto_topping_up, "_begin"),
        "top-up: after the call": lambda: dies_after(sandbox, "start"),
    }


def _tells_first(outbox: Any) -> None:
    """The mistake that the outbox does not make: say that it is done, commit, and only then do it."""

    def deliver(message: Any, *, takes_next: bool) -> Never:
        while message:
            message = outbox._tell_and_take(message)
        die()

    outbox._deliver = deliver


def main(database: str, mail_folder: str, place: str, hours: str = "0") -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tenpo.config.settings_test"
    django.setup()
    from django.conf import settings
    from django.db import connection

    from tenpo.core import clock, jobs, outbox
    from tenpo.runtime import logs, postgres, secrets, worker

    logs.configure()
    connection.settings_dict.update(NAME=database, USER=postgres.APP)
    settings.MAILERS = {"default": secrets.mailer("", Path(mail_folder))}
    worker.LOOK_SECONDS = STALLED_LOOK_SECONDS
    _places()[place]()
    if place != "with its own clock":
        clock.follow_database()
    shift = timedelta(hours=float(hours))
    with time_machine.travel(datetime.now(UTC) + shift, tick=True) if shift else contextlib.nullcontext():
        # One thread, so that one place means one piece of work, and nothing else is in hand when the worker dies.
        around = worker.Around(job=jobs.name_request, task=jobs.measure)
        worker.run(threads=1, drain=outbox.drain, around=around)


if __name__ == "__main__":
    main(*sys.argv[1:])
