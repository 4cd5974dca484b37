"""The web server, whose process dies in the middle of a call where a test wants it; the product has no such switch.

Run as a program. A file `PLACE` in the folder `deaths` of its data folder kills the next process that comes to that
place, once: another one of the server, or a new one, serves on.
"""

import functools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian.server import Server

from tenpo.runtime import env
from tests.unguarded import part


def deaths(folder: Path) -> Path:
    return folder / "deaths"


def die_if_wanted(place: str) -> None:
    try:
        (deaths(env.data_dir()) / place).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
    # It takes effect at the latest when another thread lets go of the interpreter.
    time.sleep(60)


def mortal(owner: Any, name: str, *, before: str = "", after: str = "") -> None:
    """Make a function one around which a process may die."""
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        if before:
            die_if_wanted(before)
        result = original(*arguments, **options)
        if after:
            die_if_wanted(after)
        return result

    setattr(owner, name, wrapped)


def respawning(server: Any) -> None:
    """Let processes die as often as they are told to; otherwise a second death within seconds ends the server."""
    original: Callable[..., Any] = server._respawn_workers

    @functools.wraps(original)
    def respawn(self: Any, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        self.respawned_wrks.clear()

    server._respawn_workers = respawn


def main() -> None:
    part("config.rsgi")  # sets Django up, as `web` does
    for module in (part("checkout.actions.buying"), part("checkout.actions.paying_again")):
        mortal(module, "charge_for", before="made", after="settled")
    mortal(part("payments.providers").provider_of("sandbox"), "start", after="charged")
    for owner, name in (("cancelling", "cancel_booking"), ("waiting", "join_waitlist"), ("payments", "mark_paid")):
        mortal(part(f"checkout.api.{owner}"), name, after="written")
    respawning(Server)
    part("cli.processes").web()


if __name__ == "__main__":
    main()
