"""One operation at a time, in this process: its statements as the server logs them, and the pages that it touches."""

import functools
import io
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.db.models.functions import Now

from tenpo.access.models import ApiClient
from tenpo.bench.operations import Operation
from tenpo.bench.scratch import HOST, Scratch
from tenpo.bench.works import WORKS
from tenpo.runtime import postgres

TIMES = 10
_CONTROL = re.compile(r"^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b", re.IGNORECASE)
# Django asks this of a kept connection before a request uses it.
_IS_ALIVE = re.compile(r"^SELECT 1;?$")
# Each process asks this anew after some seconds, whatever it does (`core.business`).
_NOW_AND_THEN = re.compile(r'^SELECT .* FROM "core_business"', re.DOTALL)


@dataclass(frozen=True)
class Closeup:
    """What one operation costs the database.

    `statements` leaves out BEGIN, COMMIT, savepoints, the question whether the connection lives, and the business's
    row; `round_trips` has them. `buffers` are the 8 kB pages read or found, of tables and of indexes.
    """

    statements: float
    round_trips: float
    buffers: float
    texts: list[str]


def look_at(here: Scratch, operation: Operation) -> Closeup:
    """Do one operation some times over, after some that warm up."""
    assert operation.one
    do = _doing(operation.one)
    for _ in range(3):
        do()
    before = _blocks()
    done = sum(do() for _ in range(TIMES))
    buffers = (_blocks() - before) / done
    ApiClient.objects.update(last_used_at=Now())  # which a call notes once in a minute
    texts, done = _logged(here, do)
    beside = (_CONTROL, _IS_ALIVE, _NOW_AND_THEN)
    plain = [text for text in texts if not any(pattern.match(text) for pattern in beside)]
    return Closeup(
        statements=round(len(plain) / done, 1),
        round_trips=round(len(texts) / done, 1),
        buffers=round(buffers, 1),
        texts=texts,
    )


def _doing(one: Callable[[], str]) -> Callable[[], int]:
    def do() -> int:
        text = one()
        if not (work := WORKS.get(text)):
            _answer(text)
            return 1
        done = work()
        assert done
        return done

    return do


def _answer(text: str) -> None:
    """Let Django answer a request as the server's threads let it."""
    head, _, body = text.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": HOST, "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": HOST, "wsgi.input": io.BytesIO(body.encode()),
        "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr, "SCRIPT_NAME": "",
    }  # fmt: skip
    for line in lines:
        name, _, value = line.partition(": ")
        name = name.upper().replace("-", "_")
        environ[name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"] = value
    statuses: list[str] = []

    def start(status: str, _headers: object, _error: object = None, /) -> Callable[[bytes], object]:
        statuses.append(status)
        return lambda _piece: None

    result = _application()(environ, start)
    content = b"".join(result)
    result.close()
    assert statuses[0].startswith("2"), (statuses, content[:500])


_application = functools.cache(get_wsgi_application)


def _blocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchall()[0][0])


def _logged(here: Scratch, do: Callable[[], int]) -> tuple[list[str], int]:
    """What our connection sends while `do` runs, told by the server's own log; and how many were done."""
    with here.as_superuser() as admin:
        admin.execute(f"ALTER ROLE {postgres.APP} SET log_statement = 'all'")
        try:
            connection.close()
            do()
            start = here.server_log.stat().st_size
            done = do()
            pid = connection.connection.info.backend_pid
        finally:
            admin.execute(f"ALTER ROLE {postgres.APP} RESET log_statement")
            connection.close()
    with here.server_log.open() as log:
        log.seek(start)
        told = log.read()
    statement = re.compile(rf"\[{pid}\][^\n]*? LOG:  (?:statement|execute [^:]+): (.*(?:\n\t.*)*)")
    return [" ".join(text.split()) for text in statement.findall(told)], done
