"""People who book through the API while something breaks, and remember what they were told."""

import http.client
import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.installation import Installation

PAUSE_SECONDS = 0.1
# Somebody whose call failed waits before they ask again, as a program does.
RETRY_SECONDS = 0.5
SETTLE_SECONDS = 90
CARD = "4242424242424242"


@dataclass
class Wish:
    """One seat that somebody wants, under one Idempotency-Key however often they have to ask."""

    session: str
    api_key: str
    key: str = field(default_factory=lambda: uuid4().hex)
    is_in_use: bool = False
    # What came of it: a status and a body.
    answer: tuple[int, dict[str, Any]] | None = None


def seats_of(installation: Installation, *, members: int = 30, sessions: int = 40) -> Iterator[tuple[str, str]]:
    """Fill an installation; every session with everybody who may want a seat in it."""
    seeded = subprocess.run(
        [sys.executable, "-m", "tests.faults.seed", str(members), str(sessions)],
        env=installation.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert seeded.returncode == 0, seeded.stderr
    said = json.loads(seeded.stdout.strip().splitlines()[-1])
    # Session by session, so that nobody comes near the limit of one person.
    return itertools.product(said["sessions"], said["keys"])


class Load:
    """A few threads that book one seat after the other; each seat is wanted by one person, once."""

    def __init__(self, installation: Installation, seats: Iterator[tuple[str, str]], *, threads: int = 3) -> None:
        self.installation = installation
        self.seats = seats
        self.wishes: list[Wish] = []
        self.statuses: Counter[str] = Counter()
        # When requests were sent, and answered, that were answered as they should be.
        self.good_at: list[tuple[float, float]] = []
        self.refusals: list[tuple[int, str | None, str]] = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._book, daemon=True) for _ in range(threads)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)

    def wait_for_good(self, count: int, seconds: float = 90) -> None:
        """Wait for so many more bookings."""
        before, deadline = len(self.good_at), time.monotonic() + seconds
        while len(self.good_at) < before + count:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(PAUSE_SECONDS)

    def wait_until_back(self, since: float, seconds: float = 90) -> float:
        """Wait until somebody who asked after `since` got a seat; returns how many seconds that was after it."""
        deadline = time.monotonic() + seconds
        while not (answered := [answered_at for sent_at, answered_at in self.good_at if sent_at > since]):
            assert time.monotonic() < deadline, f"not back after {seconds} s: {self.statuses}"
            time.sleep(PAUSE_SECONDS)
        return min(answered) - since

    @property
    def acknowledged(self) -> dict[str, Wish]:
        """What was promised: booking → wish."""
        return {wish.answer[1]["id"]: wish for wish in self.wishes if wish.answer and wish.answer[0] == 201}

    def settle(self) -> None:
        """Ask again, with the same key, for whatever nobody has answered."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while left := [wish for wish in self.wishes if wish.answer is None]:
            assert time.monotonic() < deadline, (len(left), self.statuses)
            for wish in left:
                self._ask(wish)
            time.sleep(RETRY_SECONDS)

    def _book(self) -> None:
        while not self.stopping.is_set():
            with self.lock:
                wish = Wish(*next(self.seats))
                self.wishes.append(wish)
            while not self._ask(wish):
                # The first call may be running, or have died; that is seen later, and others are served meanwhile.
                if wish.is_in_use or self.stopping.wait(RETRY_SECONDS):
                    break
            self.stopping.wait(PAUSE_SECONDS)

    def _ask(self, wish: Wish) -> bool:
        """Ask once; whether there was an answer that counts."""
        sent_at = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.installation.port, timeout=20)
        body = {"session_id": wish.session, "provider": "sandbox", "source": CARD}
        headers = {
            "Authorization": f"Bearer {wish.api_key}",
            "Idempotency-Key": wish.key,
            "Content-Type": "application/json",
        }
        try:
            connection.request("POST", "/api/v1/bookings", json.dumps(body), headers)
            answer = connection.getresponse()
            said: dict[str, Any] = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.statuses[type(error).__name__] += 1
            return False
        finally:
            connection.close()
        code = said.get("code", "")
        self.statuses[f"{answer.status} {code}".strip()] += 1
        wish.is_in_use = code == "idempotency_key_in_use"
        if answer.status >= 500:
            self.refusals.append((answer.status, answer.getheader("Retry-After"), answer.getheader("Content-Type", "")))
        elif not wish.is_in_use:
            wish.answer = (answer.status, said)
            if answer.status == 201:
                self.good_at.append((sent_at, time.monotonic()))
        return wish.answer is not None
