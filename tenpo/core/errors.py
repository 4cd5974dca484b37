"""What may leave an action besides its result."""

import functools
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError

UNIQUE, EXCLUSION, CHECK, FOREIGN_KEY = "23505", "23P01", "23514", "23503"
# PostgreSQL's words for: it is shutting down, crashed, starting up, or has no connection left.
_AWAY = ("57P01", "57P02", "57P03", "53300")
_CONNECTION = "08"


class RuleError(Exception):
    """A rule of the business refuses: `code` is for programs, `message` (translated) for people.

    The API answers 409 with both; a page shows the message.
    """

    def __init__(self, code: str, message: Any, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.facts = facts

    def __str__(self) -> str:
        return str(self.message)


class TooManyRequests(Exception):
    """A limit is reached; `retry_after` seconds from now it opens again."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


def is_violation(error: BaseException, sqlstate: str, name: str) -> bool:
    """Whether the database refused by the constraint whose name starts with `name`.

    The name is a prefix, looked for in the text as well: a sharded PostgreSQL adds a suffix and drops the field.
    """
    cause = error.__cause__ or error
    if getattr(cause, "sqlstate", None) != sqlstate:
        return False
    diagnosis = getattr(cause, "diag", None)
    constraint = getattr(diagnosis, "constraint_name", None)
    if constraint:
        return bool(constraint.startswith(name))
    # Only the message: the context may quote the statement, and with it names that have nothing to do with it.
    return f'"{name}' in (getattr(diagnosis, "message_primary", None) or str(cause))


def is_database_away(error: BaseException | None) -> bool:
    """Whether `error` came of having no database to talk to just now, rather than of what it was asked."""
    while error is not None:
        if isinstance(error, OperationalError | InterfaceError):
            state = getattr(error.__cause__, "sqlstate", None)
            if state is None or state in _AWAY or state.startswith(_CONNECTION):
                return True
        error = error.__cause__ or error.__context__
    return False


def refuse_on[**P, T](
    sqlstate: str, name: str, refusal: Callable[[], RuleError]
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Turn one violated constraint into the rule that it stands for.

    Stands outside `transaction.atomic`, so the transaction has rolled back by then and costs no savepoint.
    """

    def decorate(action: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(action)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return action(*args, **kwargs)
            except IntegrityError as error:
                if is_violation(error, sqlstate, name):
                    raise refusal() from error
                raise

        return wrapped

    return decorate
