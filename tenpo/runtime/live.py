"""Who hears what, live: one LISTEN connection for each process, and a short queue for each listener."""

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psycopg

logger = logging.getLogger("tenpo.live")

CHANNEL = "tenpo_live"
# A listener that is this far behind does not read; it is dropped, and asks again for what it missed.
QUEUE_MAX = 100
RETRY_SECONDS_MAX = 5.0
# The connection is idle by nature, so a dead network would not be noticed without asking.
CHECK_SECONDS = 30.0


@dataclass(frozen=True)
class Message:
    """Something new of a kind; without an id, "look for yourself": there may have been something."""

    kind: str
    id: str = ""


@dataclass(eq=False)
class Listener:
    """One open stream of one user."""

    user: str
    messages: asyncio.Queue[Message] = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))
    is_too_slow: bool = False

    def put(self, message: Message) -> None:
        try:
            self.messages.put_nowait(message)
        except asyncio.QueueFull:
            self.is_too_slow = True

    async def take(self, seconds: float) -> list[Message]:
        """What has come, waiting for it for so many seconds."""
        messages = []
        with contextlib.suppress(TimeoutError):
            messages.append(await asyncio.wait_for(self.messages.get(), seconds))
        while not self.messages.empty():
            messages.append(self.messages.get_nowait())
        return messages


class Hub:
    """Passes PostgreSQL's notifications on to the streams of the users they are for."""

    def __init__(self, conninfo: Callable[[], str]) -> None:
        self._conninfo = conninfo
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self.is_connected = asyncio.Event()

    def count(self, user: str) -> int:
        """How many streams a user has open in this process."""
        return len(self._listeners.get(user, ()))

    @contextlib.contextmanager
    def listening(self, user: str) -> Iterator[Listener]:
        """A listener for as long as the block runs; the connection starts with the first one."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        listener = Listener(user)
        self._listeners[user].add(listener)
        try:
            yield listener
        finally:
            self._listeners[user].discard(listener)
            if not self._listeners[user]:
                del self._listeners[user]

    def dispatch(self, payload: str) -> None:
        """Hand a message to the streams of the user that it names."""
        try:
            said = json.loads(payload)
            user, message = str(said["user"]), Message(str(said["kind"]), str(said["id"]))
        except (ValueError, KeyError, TypeError):
            logger.warning("A live message cannot be read", extra={"payload": payload[:200]})
            return
        for listener in tuple(self._listeners.get(user, ())):
            listener.put(message)

    async def _run(self) -> None:
        retry_seconds = 0.5
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._conninfo(), autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    retry_seconds = 0.5
                    self.is_connected.set()
                    # What was said while nobody listened is found by asking.
                    for listeners in list(self._listeners.values()):
                        for listener in tuple(listeners):
                            listener.put(Message("missed"))
                    while True:
                        async for message in connection.notifies(timeout=CHECK_SECONDS):
                            self.dispatch(message.payload)
                        await connection.execute("SELECT 1")
            except (psycopg.Error, OSError) as error:
                self.is_connected.clear()
                logger.warning("Live updates lost the database", extra={"error": str(error).strip()})
                await asyncio.sleep(retry_seconds)
                retry_seconds = min(retry_seconds * 2, RETRY_SECONDS_MAX)
