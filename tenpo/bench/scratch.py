"""An installation to measure: a data folder, a PostgreSQL and a web server of its own, thrown away afterwards.

PostgreSQL runs with the settings of every installation, so each commit waits for the disk. It also listens, as one that
serves several machines does: our aims are measured that way, where each round trip costs more than by a socket.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tenpo.runtime import env, installation, postgres, supervisor, system, upgrade
from tenpo.runtime.errors import OperatorError

HOST = "127.0.0.1"
# Not /tmp: where that is memory, no commit would wait for a disk.
FOLDER = "/var/tmp"  # noqa: S108 (`mkdtemp` makes one inside that is ours alone)
START_SECONDS = 60
STOP_SECONDS = 20
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TPCB_DATABASE = "tpcb"
SETTINGS = {
    "TENPO_HOST": HOST,
    "TENPO_DEMO": "false",
    "TENPO_SANDBOX": "true",
    "TENPO_WORKERS": "2",
    "TENPO_THREADS": "4",
    "TENPO_LOG_LEVEL": "ERROR",
}


def _any_address() -> str:
    """One of this machine alone, at which hardly anybody else listens."""
    return ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])


@dataclass(frozen=True)
class Scratch:
    """Where it is."""

    data_dir: Path
    port: int
    # Where PostgreSQL listens, and by what it lets in.
    address: str = field(default_factory=_any_address)
    password: str = field(default_factory=secrets.token_urlsafe, repr=False)

    def as_superuser(self, name: str = postgres.DATABASE) -> psycopg.Connection:
        """A connection that may do everything, to look at the server itself."""
        address = postgres.url(self.data_dir, postgres.SUPERUSER, database=name)
        return psycopg.connect(address, autocommit=True)

    @property
    def server_log(self) -> Path:
        """What PostgreSQL writes."""
        return self.data_dir / "logs" / "postgres.log"


@contextlib.contextmanager
def scratch_installation(say: Callable[[str], None]) -> Iterator[Scratch]:
    """Make an empty installation, set Django up on it, and remove it in the end."""
    folder = Path(tempfile.mkdtemp(prefix="tenpo-bench-", dir=os.environ.get("TMPDIR", FOLDER)))
    here = Scratch(folder / "data", system.free_port(HOST))
    # Whoever is told to end takes along what was started: PostgreSQL would go on for ever.
    with contextlib.ExitStack() as left:
        for number in ENDS:
            left.callback(signal.signal, number, signal.signal(number, _end))
        left.callback(_put_back, dict(os.environ))
        left.callback(shutil.rmtree, folder, ignore_errors=True)
        left.callback(postgres.stop, here.data_dir)
        left.callback(_end_no_more)
        for name in [*env.names_set(), *env.INTERNAL]:
            os.environ.pop(name, None)
        os.environ |= {"TENPO_DATA": str(here.data_dir), "TENPO_PORT": str(here.port), **SETTINGS}
        say("Making a scratch installation")
        _start_postgres(here)
        with installation.django():
            upgrade.migrate(lambda _text: None)
            upgrade.collect_static(here.data_dir)
            yield here


def _start_postgres(here: Scratch) -> None:
    """It lets in by its address who knows the password: whoever else uses this machine does not."""
    postgres.ensure_running(here.data_dir, settings={"listen_addresses": here.address})
    with (postgres.cluster_dir(here.data_dir) / "pg_hba.conf").open("a") as rules:
        rules.write("host    all       all   samehost  scram-sha-256\n")
    with here.as_superuser("postgres") as admin:
        for role in (postgres.SUPERUSER, postgres.APP):
            admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(here.password)))
        admin.execute("SELECT pg_reload_conf()")


def _end(number: int, _frame: object) -> None:
    _end_no_more()
    raise SystemExit(128 + number)


def _end_no_more() -> None:
    """Who is told to end twice still clears away all of it."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)


def _put_back(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


@contextlib.contextmanager
def web_server(here: Scratch) -> Iterator[None]:
    """The web server as `tenpo run` starts it."""
    with (here.data_dir / "logs" / "web.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "tenpo.cli.processes", "web"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while not supervisor.answers(HOST, here.port):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise OperatorError(f"The web server did not start: {Path(log.name).read_text()[-2000:]}")
                time.sleep(0.1)
            yield
        finally:
            system.end(server, STOP_SECONDS)
