"""Where an operator may have Tenpo watched: traces go to OpenTelemetry, failures to Sentry.

Both are optional. Their packages are extras, and nothing of them is loaded unless its setting asks for it.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from tenpo.runtime import env
from tenpo.runtime.errors import OperatorError

if TYPE_CHECKING:
    from tenpo.runtime.traces import Traces

# Each setting, the module of ours that does it, and the extra with the packages that it needs.
_PARTS = [
    ("TENPO_OTEL_ENDPOINT", "tenpo.runtime.traces", "otel"),
    ("TENPO_SENTRY_DSN", "tenpo.runtime.error_reports", "sentry"),
]
# How long the end of a process may wait for what was not sent yet.
STOP_SECONDS = 2.0


class Span(Protocol):
    """One piece of work, as whoever does it describes it in the end."""

    def describe(self, name: str, *, failed: bool, **facts: str | int | None) -> None:
        """Name the work and say how it went. All of it is ours, never what somebody sent."""


class _Unwatched:
    def describe(self, name: str, *, failed: bool, **facts: str | int | None) -> None:
        pass


_UNWATCHED = _Unwatched()
_traces: "Traces | None" = None
_stops: list[Callable[[float], None]] = []


def load() -> None:
    """Import what the settings ask for; OperatorError when it is not installed or a setting makes no sense.

    Before the web workers fork, so that a mistake is said once and clearly.
    """
    for setting, module, extra in _PARTS:
        given = env.text(setting)
        if not given:
            continue
        try:
            check = importlib.import_module(module).check
        except ImportError as error:
            raise OperatorError(
                f"{setting} is set, but its packages are missing: pip install 'tenpo[{extra}]'"
            ) from error
        if problem := check(given):
            raise OperatorError(f"{setting} {problem}")


def start(process: str) -> None:
    """Begin to send, in a process that will not fork any more: threads do not come along."""
    global _traces
    if endpoint := env.text("TENPO_OTEL_ENDPOINT"):
        from tenpo.runtime.traces import Traces  # noqa: PLC0415 (only when it is asked for)

        _traces = Traces(endpoint, process)
        _stops.append(_traces.stop)
    if dsn := env.text("TENPO_SENTRY_DSN"):
        from tenpo.runtime import error_reports  # noqa: PLC0415 (only when it is asked for)

        _stops.append(error_reports.start(dsn, process))


def stop() -> None:
    """Send what is left, if that is quick."""
    global _traces
    _traces = None
    while _stops:
        _stops.pop()(STOP_SECONDS)


@contextmanager
def _unwatched() -> Iterator[Span]:
    yield _UNWATCHED


def request(request_id: str) -> AbstractContextManager[Span]:
    """Around one request."""
    return _traces.request(request_id) if _traces else _unwatched()


def job(request_id: str) -> AbstractContextManager[Span]:
    """Around one job; `request_id` names the request that it comes from, if any."""
    return _traces.job(request_id) if _traces else _unwatched()
