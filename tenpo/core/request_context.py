"""Where the present work comes from, for logs and audit. Who acts is never here: actions take `by=`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import uuid4

import structlog

# As proxies write them: nginx's `$request_id` has 32 hexadecimal digits.
_REQUEST_ID = re.compile(r"[0-9A-Za-z_-]{8,32}")


@dataclass(frozen=True)
class Origin:
    """How somebody reached us: page, api, command or job, from which address, with which request id.

    What a request sets off later (a message, a job) has the request's id too.
    """

    via: str = "job"
    address: str | None = None
    agent: str = ""
    request_id: str = ""


NOWHERE = Origin()
_origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def current_origin() -> Origin:
    """The origin of the work under way."""
    return _origin.get()


def set_origin(origin: Origin) -> None:
    """Say where the work that follows in this thread comes from, and let its log lines name the request."""
    _origin.set(origin)
    if origin.request_id:
        structlog.contextvars.bind_contextvars(request_id=origin.request_id)
    else:
        structlog.contextvars.unbind_contextvars("request_id")


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Let the work inside come from there, and what follows from where it came before."""
    before = current_origin()
    set_origin(origin)
    try:
        yield
    finally:
        set_origin(before)


def new_request_id() -> str:
    """A short random name for one request, to find it in the log."""
    return uuid4().hex[:16]


def is_request_id(text: str) -> bool:
    """Whether this can be a request's name: short, and nothing that would look like something else in a log."""
    return _REQUEST_ID.fullmatch(text) is not None
