"""What a calendar elsewhere must offer, whoever keeps it: to say when somebody is taken, from where one left off."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendars.busy_reading import BusyTime

SECONDS = 30.0


class CalendarTimeout(Exception):
    """It did not answer, or says that it cannot just now. `retry_after` seconds, where it says so."""

    def __init__(self, reason: str = "", *, retry_after: int = 0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class CalendarLost(Exception):
    """It cannot be read until its owner does something about it."""

    def __init__(self, problem: CalendarConnection.Problem) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True)
class Reading:
    """What a calendar says since the last time.

    `is_whole`: it says all that it holds, so whatever is not named is gone. Otherwise only the parts in `parts` were
    read anew: their earlier times are replaced by those in `times`, which are none for a part that was removed.
    """

    times: list[BusyTime]
    is_whole: bool
    sync_token: str = ""
    parts: frozenset[str] = field(default_factory=frozenset)
    unread: int = 0


class CalendarKind(Protocol):
    """One way to reach a calendar. None of these may be called inside a transaction: they wait for a network."""

    name: CalendarConnection.Kind

    def read(self, connection: CalendarConnection, *, now: datetime, until: datetime, anew: bool) -> Reading | None:
        """What it says since `sync_token`, or all of it (`anew`); None when nothing has changed.

        Raises CalendarTimeout, CalendarLost.
        """


def secrets_of(connection: CalendarConnection) -> dict[str, str]:
    """Where it is and what lets us in; as its adapter keeps it."""
    found: dict[str, str] = json.loads(connection.secrets)
    return found
