"""Failures, told to Sentry: what is logged as an error, with its traceback. Loaded by `runtime.watch` alone.

Sentry's own integrations are off: they tell addresses, headers and bodies. What is told here is where the code
failed and for which request, never what somebody sent.
"""

import logging
from collections.abc import Callable
from typing import Any

import sentry_sdk
import structlog
from sentry_sdk.types import Event, Hint
from sentry_sdk.utils import BadDsn, Dsn, event_from_exception

from tenpo import __version__
from tenpo.runtime.logs import SECRET_PATH

# What these log is of their own sending; told to Sentry, it would set off more of it.
_OF_WATCHING = ("sentry_sdk", "opentelemetry", "urllib3")


def check(dsn: str) -> str | None:
    """What is wrong with the setting, without its value: that is a secret."""
    try:
        Dsn(dsn)
    except BadDsn:
        return "is no DSN of Sentry."
    return None


def start(dsn: str, process: str, **options: Any) -> Callable[[float], None]:
    """Tell from now on; what comes back ends it within some seconds."""
    sentry_sdk.init(
        dsn,
        release=f"tenpo@{__version__}",
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        before_send=mask,
        **options,
    )
    sentry_sdk.set_tag("process", process)
    reporter = Reporter(logging.ERROR)
    logging.getLogger().addHandler(reporter)

    def stop(seconds: float) -> None:
        logging.getLogger().removeHandler(reporter)
        sentry_sdk.get_client().close(timeout=seconds)

    return stop


class Reporter(logging.Handler):
    """Tells each error once, where it is logged: failed requests and jobs, and what the outbox could not deliver."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(_OF_WATCHING):
            return
        try:
            sentry_sdk.capture_event(*_event(record))
        except Exception:  # noqa: BLE001 (whatever is logged must not fail for it)
            self.handleError(record)


def _event(record: logging.LogRecord) -> tuple[Event, Hint]:
    event: Event = {}
    hint: Hint = {}
    if record.exc_info and record.exc_info[0]:
        event, hint = event_from_exception(record.exc_info, client_options=sentry_sdk.get_client().options)
    else:
        # Not with its arguments: they may be anything.
        said = record.msg.get("event", "") if isinstance(record.msg, dict) else record.msg
        event["message"] = str(said)
    bound = structlog.contextvars.get_contextvars()
    event["level"] = "fatal" if record.levelno >= logging.CRITICAL else "error"
    event["logger"] = record.name
    event["tags"] = {"request_id": bound["request_id"]} if "request_id" in bound else {}
    if "user_id" in bound:
        event["user"] = {"id": bound["user_id"]}
    match = getattr(getattr(record, "request", None), "resolver_match", None)
    if match:
        event["transaction"] = match.view_name or match.route
    return event, hint


def mask(event: Event, hint: Hint) -> Event:
    """Take out of an event whatever is secret or somebody's."""
    for exception in (event.get("exception") or {}).get("values", []):
        # The first line alone: in the second the database quotes the row that it refused.
        exception["value"] = str(exception.get("value") or "").partition("\n")[0]
    for name in ("request", "breadcrumbs", "extra"):
        event.pop(name, None)  # type: ignore[misc]
    masked: Event = _masked(event)
    return masked


def _masked(part: Any) -> Any:
    if isinstance(part, str):
        return SECRET_PATH.sub(r"\1…", part)
    if isinstance(part, dict):
        return {key: _masked(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_masked(value) for value in part]
    return part
