"""Where the present work comes from, for logs and audit. Who acts is never here: actions take `by=`."""

from contextvars import ContextVar
from dataclasses import dataclass
from uuid import uuid4


@dataclass(frozen=True)
class Origin:
    """How somebody reached us: page, api, command or job, from which address, with which request id."""

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
    """Say where the work that follows in this thread comes from."""
    _origin.set(origin)


def new_request_id() -> str:
    """A short random name for one request, to find it in the log."""
    return uuid4().hex[:16]
