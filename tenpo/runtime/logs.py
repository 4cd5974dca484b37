"""Structured logs: one line an event, readable on a terminal, JSON for machines.

Whatever is bound to the context (`structlog.contextvars.bind_contextvars(request_id=…)`) appears on every line.
"""

import logging
import re
import sys

import structlog
import structlog.tracebacks

from tenpo.runtime import env

# Libraries that say at INFO what is of interest only to their authors.
QUIET = dict.fromkeys(["procrastinate", "psycopg.pool", "asyncio", "_granian"], logging.WARNING)
# At DEBUG it writes the whole context of a template, and among those are mails with codes and links.
QUIET["django.template"] = logging.INFO

# Addresses that are secrets themselves: invites, calendar feeds, links to a new password. Ids in them stay readable.
SECRET_PATH = re.compile(
    r"(/invites?/|/feeds?/|/reset/key/|/notifications/off/)(?![0-9a-f]{8}-[0-9a-f]{4}-)[\w~%.:-]{16,}"
)


# Without the values of variables: among them are passwords, keys and what people wrote.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


class MaskingFormatter(structlog.stdlib.ProcessorFormatter):
    """Writes a line without the secrets that stand in addresses, wherever in it they are: text, fields, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return SECRET_PATH.sub(r"\1…", super().format(record))


def configure() -> None:
    """Send everything that is logged, by structlog or the standard library, to standard output."""
    is_json = (env.text("TENPO_LOG_FORMAT") or ("text" if sys.stdout.isatty() else "json")) == "json"
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso" if is_json else "%H:%M:%S", utc=is_json),
    ]
    last: list[structlog.types.Processor] = (
        [_TRACEBACKS, structlog.processors.JSONRenderer()]
        if is_json
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        MaskingFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(env.text("TENPO_LOG_LEVEL"))
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(max(level, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(True)
