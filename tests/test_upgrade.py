"""Several processes that migrate at once, and a server that goes on while its tables change under it."""

import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import DatabaseError

from tenpo.runtime import database, env, postgres, upgrade
from tenpo.runtime.system import free_port
from tests.installation import Installation, started, wait_until

pytestmark = pytest.mark.timeout(400)
# What a request may wait at most while a table changes.
WAIT_SECONDS = 5
# Migrates without taking the lock, and goes on once the others have found the database empty too.
CARELESS = """
import contextlib, psycopg
from tenpo.runtime import baseline, database, env, upgrade

upgrade._only_one = lambda say: contextlib.nullcontext()
# Who waits for the other one for too long fails as well, and does not try again when that one is done.
upgrade.LOCK_TRIES = 1
is_empty = baseline.is_empty

def is_empty_for_all():
    found = is_empty()
    with psycopg.connect(database.conninfo(env.data_dir(), "owner"), autocommit=True) as connection:
        connection.execute("SET lock_timeout = 0")
        connection.execute("SELECT pg_advisory_lock_shared(%s)", [upgrade.LOCK_NUMBER])
    return found

baseline.is_empty = is_empty_for_all
from tenpo.cli import main
main.main()
"""


def test_every_library_that_brings_migrations_or_static_files_counts():
    """Else its new version would be installed, and nothing of it done until ours changes."""
    distributions = packages_distributions()
    bringing = {
        distributions[app.name.partition(".")[0]][0].lower()
        for app in apps.get_app_configs()
        if not app.name.startswith("tenpo.")
        and any((Path(app.path) / folder).is_dir() for folder in ("migrations", "static"))
    }

    assert bringing <= set(upgrade.LIBRARIES)
    assert all(upgrade._version(name) for name in upgrade.LIBRARIES)


@pytest.fixture
def empty() -> Iterator[Installation]:
    """An installation whose database runs and holds nothing yet."""
    path = Path(tempfile.mkdtemp(prefix="tenpo-test-"))
    installation = Installation(path / "data", free_port())
    postgres.ensure_running(installation.data_dir)
    yield installation
    postgres.stop(installation.data_dir)
    shutil.rmtree(path)


def connect(installation: Installation, role: str = postgres.SUPERUSER) -> "psycopg.Connection[Any]":
    return psycopg.connect(postgres.url(installation.data_dir, role), autocommit=True)


def migrate_together(installation: Installation, count: int, *command: str) -> list[tuple[int, str]]:
    """Start some processes that migrate and let them go at one moment; returns how each ended and what it said."""
    with connect(installation) as gate:
        gate.execute("SELECT pg_advisory_lock(%s)", [upgrade.LOCK_NUMBER])
        processes = [
            subprocess.Popen(
                [sys.executable, *command, "migrate"],
                env=installation.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=env.ROOT,
            )
            for _ in range(count)
        ]

        def are_ready() -> bool:
            query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_%advisory_lock%'"
            return gate.execute(query).fetchone() == (count,)

        wait_until(are_ready, 120)
        gate.execute("SELECT pg_advisory_unlock(%s)", [upgrade.LOCK_NUMBER])
    return [(process.wait(), process.communicate()[0]) for process in processes]


def test_of_three_that_migrate_at_once_one_does(empty):
    ended = migrate_together(empty, 3, "-m", "tenpo.cli.main")

    assert [status for status, _ in ended] == [0, 0, 0], ended
    postgres.ensure_running(empty.data_dir)  # whoever migrated last has stopped it
    assert sorted("Another process has" in said for _, said in ended) == [False, True, True]
    with connect(empty) as connection:
        query = "SELECT count(*), count(DISTINCT (app, name)), count(DISTINCT applied) FROM django_migrations"
        [(rows, names, times)] = connection.execute(query).fetchall()
    assert rows == names > 0
    assert times == 1, "the baseline has filled it, at once"


@pytest.mark.control
def test_control_without_the_lock_they_trip_over_each_other(empty):
    ended = migrate_together(empty, 2, "-c", CARELESS)

    assert any(status for status, _ in ended)


class Requests:
    """Somebody who reads a table again and again, and how long they had to wait at most."""

    def __init__(self, installation: Installation, table: str) -> None:
        self.longest, self.count = 0.0, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=[installation, f"SELECT count(*) FROM {table}"])

    def _ask(self, installation: Installation, query: str) -> None:
        with connect(installation, postgres.APP) as connection:
            while not self._over.wait(0.05):
                began = time.monotonic()
                connection.execute(query)
                self.longest, self.count = max(self.longest, time.monotonic() - began), self.count + 1

    def __enter__(self) -> "Requests":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def change(owner: "psycopg.Connection[Any]", statement: str) -> None:
    """Change a table as Django does, whose errors stand around those of the database."""
    try:
        owner.execute(statement)
    except psycopg.Error as error:
        raise DatabaseError from error


def change_while_in_use(installation: Installation, *, lock_timeout: str) -> float:
    """Add a column while somebody's transaction keeps the table for long; returns how long a request waited."""
    with connect(installation) as owner:
        owner.execute("CREATE TABLE grown (id int)")
        owner.execute(f"GRANT SELECT ON grown TO {postgres.APP}")
    said: list[str] = []
    with connect(installation) as owner, connect(installation) as slow, Requests(installation, "grown") as requests:
        owner.execute(f"SET lock_timeout = '{lock_timeout}'")
        slow.execute("BEGIN")
        slow.execute("SELECT * FROM grown")
        wait_until(lambda: requests.count > 0, 60)
        release = threading.Timer(WAIT_SECONDS + 3, lambda: slow.execute("COMMIT"))
        release.start()

        upgrade.patiently(partial(change, owner, "ALTER TABLE grown ADD COLUMN note text DEFAULT ''"), said.append)
        release.join()
    return requests.longest


def test_nobody_waits_long_behind_a_migration_that_waits(empty):
    timeout = f"{database.TIMEOUTS['owner']['lock_timeout']}ms"

    assert change_while_in_use(empty, lock_timeout=timeout) < WAIT_SECONDS


@pytest.mark.control
def test_control_one_that_does_not_give_up_makes_all_wait(empty):
    assert change_while_in_use(empty, lock_timeout="0") > WAIT_SECONDS


# What a release that only adds does to the tables that are busiest.
ADDITIVE = [
    "ALTER TABLE schedule_booking ADD COLUMN shoe_size int",
    "ALTER TABLE orders_order ADD COLUMN channel text NOT NULL DEFAULT 'web'",
    "ALTER TABLE people_user ADD COLUMN nickname text NOT NULL DEFAULT ''",
    "CREATE TABLE people_shoe (id bigserial PRIMARY KEY, user_id uuid REFERENCES people_user)",
    "CREATE INDEX CONCURRENTLY booking_by_shoe ON schedule_booking (shoe_size)",
]


def test_old_code_serves_on_while_the_next_release_adds():
    with started(TENPO_SANDBOX="true") as (installation, _process):
        options: dict[str, Any] = {"env": installation.environment(), "cwd": env.ROOT, "text": True}
        work = [sys.executable, "-m", "tests.bookings_under_way"]
        subprocess.run([*work, "people"], check=True, **options)
        busy = subprocess.Popen([*work, "book"], stdout=subprocess.PIPE, **options)
        statuses, waits, over = [], [], threading.Event()

        def visit() -> None:
            while not over.wait(0.02):
                began = time.monotonic()
                with urllib.request.urlopen(f"{installation.url}/account/login/", timeout=30) as answer:  # noqa: S310 (ours)
                    statuses.append(answer.status)
                waits.append(time.monotonic() - began)

        visitor = threading.Thread(target=visit)
        try:
            assert busy.stdout.readline()
            visitor.start()
            with connect(installation, postgres.OWNER) as owner:
                owner.execute("SET lock_timeout = '3s'")
                for statement in ADDITIVE:
                    upgrade.patiently(partial(change, owner, statement), print)
                    for _ in range(3):
                        assert busy.stdout.readline(), "people go on booking"
        finally:
            over.set()
            visitor.join()
            busy.kill()
            busy.communicate()
        assert set(statuses) == {200}
        assert max(waits) < WAIT_SECONDS
        with connect(installation, postgres.APP) as connection:
            assert connection.execute("SELECT DISTINCT channel FROM orders_order").fetchall() == [("web",)]
