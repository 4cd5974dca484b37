"""The embedded server and what Tenpo makes of DATABASE_URL."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tenpo.runtime import database, env, postgres, system
from tenpo.runtime.errors import OperatorError
from tests.installation import lives, wait_until


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own: PostgreSQL's user must be able to pass through, and a socket's path must be short.
    path = Path(tempfile.mkdtemp(prefix="tenpo-test-"))
    yield path
    postgres.stop(path / "data")
    postgres.stop(path / ("long" * 40) / "data")
    shutil.rmtree(path)


def whoami(data_dir: Path, role: database.Role) -> object:
    with psycopg.connect(database.conninfo(data_dir, role)) as connection:
        row = connection.execute("SELECT current_user").fetchone()
    assert row
    return row[0]


def test_the_server_is_made_once_and_private(folder):
    data_dir = folder / "data"

    assert postgres.ensure_running(data_dir)
    assert not postgres.ensure_running(data_dir)

    assert whoami(data_dir, "app") == "tenpo_app"
    assert whoami(data_dir, "owner") == "tenpo_owner"
    assert postgres.cluster_dir(data_dir).stat().st_mode & 0o777 == 0o700
    assert data_dir.stat().st_mode & 0o007 == 0
    postgres.stop(data_dir)
    assert not postgres.is_running(data_dir)


def test_a_killed_server_starts_again_although_it_left_its_lock(folder):
    data_dir = folder / "data"
    postgres.ensure_running(data_dir)
    pid = postgres.server_pid(data_dir)
    assert pid
    lock = (postgres.cluster_dir(data_dir) / "postmaster.pid").read_text()
    postgres.stop(data_dir)
    # As after a crash and a restart of a container: the number belongs to somebody else now.
    (postgres.cluster_dir(data_dir) / "postmaster.pid").write_text(lock.replace(str(pid), str(os.getpid()), 1))

    assert not postgres.is_running(data_dir)
    assert postgres.ensure_running(data_dir)
    assert whoami(data_dir, "app") == "tenpo_app"


def test_a_long_path_gets_a_short_private_socket(folder):
    data_dir = folder / ("long" * 40) / "data"

    postgres.ensure_running(data_dir)

    socket = postgres.socket_dir(data_dir)
    assert socket != postgres.cluster_dir(data_dir)
    assert socket.stat().st_mode & 0o777 == 0o700
    assert whoami(data_dir, "app") == "tenpo_app"


def test_somebody_elses_socket_folder_is_not_used(folder):
    stranger = folder / "socket"
    stranger.symlink_to(folder)

    with pytest.raises(OperatorError, match="belongs to somebody else"):
        postgres._make_socket_dir(stranger)


def test_what_postgresql_says_is_said(folder):
    data_dir = folder / "data"
    postgres.ensure_running(data_dir)
    postgres.stop(data_dir)
    (postgres.cluster_dir(data_dir) / "local.conf").write_text("shared_buffers = nonsense\n")

    with pytest.raises(OperatorError, match="nonsense"):
        postgres.ensure_running(data_dir)


def test_only_we_pass_a_private_folder(folder):
    path = system.private_dir(folder / "private")

    assert path.stat().st_mode & 0o067 == 0


@pytest.mark.parametrize(
    ("owner_url", "role", "takes"),
    [("", "app", True), ("", "owner", False), ("postgresql://big@db/x", "app", False), ("", "reader", True)],
)
def test_one_login_takes_the_smaller_role_itself(monkeypatch, owner_url, role, takes):
    monkeypatch.setenv("DATABASE_URL", "postgresql://web:geheim%21@db.example.com:6432/shop?sslmode=require")
    monkeypatch.setenv("DATABASE_OWNER_URL", owner_url)

    config = database.django_config(Path("/nowhere"), role=role)

    assert (f"role=tenpo_{role}" in config["OPTIONS"]["options"]) is takes
    assert "search_path" not in config["OPTIONS"]["options"]
    if role == "app":
        assert (config["USER"], config["PASSWORD"], config["HOST"], config["PORT"]) == (
            "web", "geheim!", "db.example.com", "6432",
        )  # fmt: skip
        assert config["OPTIONS"]["sslmode"] == "require"


def test_a_nonsense_url_is_said_to_be_one(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/x?nonsense=1")

    with pytest.raises(OperatorError, match="DATABASE_URL cannot be read"):
        database.django_config(Path("/nowhere"))


@pytest.fixture
def foreign_server(django_db_setup: None) -> Iterator[str]:
    """A login of an ordinary server, that may make roles and owns an empty database."""
    admin = psycopg.connect(postgres.url(env.data_dir(), postgres.SUPERUSER, database="postgres"), autocommit=True)
    name = f"shop_{os.getpid()}"
    with admin:
        admin.execute(f"CREATE ROLE {name} LOGIN CREATEROLE")
        admin.execute(f"GRANT tenpo_app, tenpo_reader TO {name} WITH ADMIN TRUE, SET FALSE, INHERIT FALSE")
        admin.execute(f"CREATE DATABASE {name} OWNER {name}")
        yield postgres.url(env.data_dir(), name, database=name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        admin.execute(f"REASSIGN OWNED BY {name} TO postgres")
        admin.execute(f"DROP OWNED BY {name} CASCADE")
        admin.execute(f"DROP ROLE {name}")


def test_a_server_of_the_operators_is_migrated_and_guarded(foreign_server, folder):
    environment = {**os.environ, "TENPO_DATA": str(folder / "data"), "DATABASE_URL": foreign_server}
    environment.pop("DJANGO_SETTINGS_MODULE", None)

    def tenpo(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tenpo.cli.main", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    migrated, found = tenpo("migrate"), tenpo("doctor")

    assert migrated.returncode == 0, migrated.stderr
    assert "✓ Migrations: applied" in found.stdout
    assert "✓ Rights of tenpo_app: refused: change the audit log" in found.stdout
    assert "✓ Rights of tenpo_reader" in found.stdout
    assert not (folder / "data" / "postgres").exists()


def test_a_server_killed_at_work_starts_again_alone_and_with_all_that_it_promised(folder):
    data_dir = folder / "data"
    postgres.ensure_running(data_dir)
    with psycopg.connect(postgres.url(data_dir, postgres.OWNER), autocommit=True) as connection:
        connection.execute("CREATE TABLE promised AS SELECT 1 AS number")
    pid = postgres.server_pid(data_dir)
    assert pid
    server = psutil.Process(pid)
    before = server.children()
    assert before

    # Its own processes live on for a moment, and its locks name it.
    server.kill()
    wait_until(lambda: not postgres.is_running(data_dir))
    assert postgres.ensure_running(data_dir)

    assert not [process for process in before if lives(process)]
    with psycopg.connect(postgres.url(data_dir, postgres.OWNER)) as connection:
        assert connection.execute("SELECT number FROM promised").fetchone() == (1,)
