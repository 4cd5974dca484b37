"""The tests' database: a PostgreSQL of its own in `.tmp`, where tests act as the application's role.

Migrations run once, as the owner, into a template; each test process copies it. So every test sees the grants of a
real installation, and a fresh database costs a copy. The server is left running for the next run.
"""

import gc
import hashlib
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from tenpo.runtime import env, postgres, system

# How slow a machine is says nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

TEMPLATE = "tenpo_template"
# Nothing here must survive a power cut.
QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # Whenever it came by, it would leave other plans: a table that one test emptied seems to be empty in the next one.
    # `Baseline` clears up instead, between two tests.
    "autovacuum": "off",
}
# A table that a test left this large is cleared up: with what it deleted it would slow down all tests after it.
LARGE_PAGES = 200


def pytest_collection_finish() -> None:
    """Thousands of tests are loaded by now, and stay: the collector looks through them no more."""
    gc.collect()
    gc.freeze()


def _admin(database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(postgres.url(env.data_dir(), postgres.SUPERUSER, database=database), autocommit=True)


def _fingerprint() -> str:
    """Changes with whatever shapes the template: migrations, their SQL, grants, and the versions of libraries."""
    files = [
        *env.ROOT.glob("tenpo/*/migrations/*.py"),
        *env.ROOT.glob("tenpo/**/*.sql"),
        env.ROOT / "tenpo/runtime/grants.py",
        env.ROOT / "tenpo/config/settings.py",
        env.ROOT / "requirements.lock",
    ]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(str(file.relative_to(env.ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _use_database(name: str, user: str) -> None:
    from django.db import connection

    connection.close()
    connection.settings_dict.update(NAME=name, USER=user)


def _ensure_template() -> None:
    from django.core.management import call_command
    from django.db import connection

    from tenpo.runtime import baseline
    from tenpo.runtime.grants import apply_grants

    wanted = _fingerprint()
    with _admin("postgres") as admin:
        found = admin.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [TEMPLATE]
        ).fetchone()
        if found == (wanted,):
            return
        admin.execute(f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {TEMPLATE} OWNER {postgres.OWNER}")
        _use_database(TEMPLATE, postgres.OWNER)
        baseline.load_when_empty()
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        apply_grants(connection)
        connection.close()
        admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(TEMPLATE), sql.Literal(wanted)))


def _drop_abandoned(admin: psycopg.Connection[Any]) -> None:
    """Databases of test processes that ended without clearing up."""
    for (name,) in admin.execute(r"SELECT datname FROM pg_database WHERE datname LIKE 'test\_%'").fetchall():
        if not Path(f"/proc/{name.removeprefix('test_')}").exists():
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


class Baseline:
    """Brings a database back to what the migrations left, without the rights that tests must not have."""

    def __init__(self, database: str) -> None:
        self.admin = _admin(database)
        # Neither triggers nor foreign keys hold while rows are put back.
        self.admin.execute("SET session_replication_role = replica")
        self.admin.execute("SET lock_timeout = '20s'")
        self.tables = [
            table
            for (table,) in self.admin.execute(
                "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
                " AND c.relkind = 'r' AND c.relname <> 'django_migrations'"
            )
        ]
        self.admin.execute("CREATE SCHEMA baseline")
        self.filled = self._filled()
        for table in self.filled:
            self.admin.execute(f"CREATE TABLE baseline.{table} AS TABLE public.{table}")

    def _filled(self) -> list[str]:
        found = " UNION ALL ".join(
            f"SELECT '{table}' WHERE EXISTS (SELECT FROM public.{table})" for table in self.tables
        )
        return [table for (table,) in self.admin.execute(found)] if found else []

    def restore(self) -> None:
        for table in self._filled():
            self.admin.execute(f"DELETE FROM public.{table}")
        for table in self.filled:
            rows = self.admin.execute(
                "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
                [f"public.{table}"],
            ).fetchone()
            assert rows
            self.admin.execute(
                f"INSERT INTO public.{table} ({rows[0]}) OVERRIDING SYSTEM VALUE SELECT {rows[0]} FROM baseline.{table}"
            )
        large = self.admin.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE oid = ANY(%s::regclass[])"
            " AND pg_relation_size(oid) > %s * current_setting('block_size')::int",
            [self.tables, LARGE_PAGES],
        )
        for (table,) in large.fetchall():
            self.admin.execute(f"VACUUM {table}")


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """The database of this test process, which Django's default connection then reaches as `tenpo_app`."""
    from django.db import connection
    from django.test import TransactionTestCase

    name = f"test_{os.getpid()}"
    with system.file_lock(env.data_dir() / "tests.lock"):
        postgres.ensure_running(env.data_dir(), settings=QUICK)
        with django_db_blocker.unblock():
            _ensure_template()
        with _admin("postgres") as admin:
            _drop_abandoned(admin)
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {postgres.OWNER}")
    baseline = Baseline(name)
    TransactionTestCase._fixture_teardown = lambda self: baseline.restore()  # type: ignore[attr-defined]
    _use_database(name, postgres.APP)

    yield

    with django_db_blocker.unblock():
        connection.close()
    baseline.admin.close()
    with _admin("postgres") as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(autouse=True, scope="session")
def visiting_client() -> None:
    """Django's test client takes a session's key for what its cookie holds; ours holds what that key is made from."""
    from django.conf import settings
    from django.test import Client

    from tenpo.people.visits import SessionStore

    set_login_cookies = Client._set_login_cookies  # type: ignore[attr-defined]

    def set_cookie(self: Client, request: Any) -> None:
        set_login_cookies(self, request)
        self.cookies[settings.SESSION_COOKIE_NAME] = request.session.token

    def session(self: Client) -> SessionStore:
        cookie = self.cookies.get(settings.SESSION_COOKIE_NAME)
        store = SessionStore.of_browser(cookie.value if cookie else "")
        if not cookie:
            store.save()
            self.cookies[settings.SESSION_COOKIE_NAME] = store.token
        return store

    Client._set_login_cookies = set_cookie  # type: ignore[attr-defined]
    Client.session = property(session)  # type: ignore[method-assign,assignment]


@pytest.fixture(autouse=True)
def fresh_business(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees what another one left in the process's memory, nor has it read again by the clock."""
    from tenpo.core import kept, tokens
    from tenpo.core.business import current_business
    from tenpo.payments.queries import refund_terms

    monkeypatch.setattr(kept, "SECONDS_KEPT", math.inf)
    # Where a test travelled ahead, ids would stay ahead of the clock, and of those of the database.
    monkeypatch.setattr(tokens, "_newest", 0)
    for row in (current_business, refund_terms):
        row.forget()
    yield
    for row in (current_business, refund_terms):
        row.forget()


@pytest.fixture
def takes_transfers(db: None) -> None:
    """The business has said which account bank transfers go to, and offers them."""
    from tenpo.core.tests.make import make_account_to_pay_to

    make_account_to_pay_to()


@pytest.fixture
def one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of limits: what is counted before and after a window turns is not counted together."""
    from tenpo.core import limits

    # All windows turn with this one, and no test takes longer than what must be left of it; else the next one is begun.
    seconds, left = 300, 45
    until_it_turns = math.ceil(seconds - time.time() % seconds)
    if until_it_turns < left:
        then = f"(now() + interval '{until_it_turns} seconds')"
        monkeypatch.setattr(limits, "_HIT", limits._HIT.replace("now()", then))


@pytest.fixture(autouse=True)
def invariants_hold(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test marked `invariants`, whatever must always hold does; a control breaks it on purpose.

    `invariants(but={"name"})` names what the test itself leaves broken, which then must be.
    """
    from tests.healthy import faults_now

    marker = request.node.get_closest_marker("invariants")
    database = request.node.get_closest_marker("django_db")
    if marker is None or database is None:
        yield
        return
    # Asked for here, so that the rows are still there when the test is over.
    request.getfixturevalue("transactional_db" if database.kwargs.get("transaction") else "db")
    yield
    if not request.node.get_closest_marker("control"):
        faults = {finding.name: finding for finding in faults_now()}
        but = marker.kwargs.get("but", set())
        assert set(faults) == set(but), faults
