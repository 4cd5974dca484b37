"""Bring an installation up to date: migrations, the cache's table, grants, static files. Quick when all is done."""

import filecmp
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tenpo.runtime import database, env, postgres, system
from tenpo.runtime.errors import OperatorError

# Raised when the data folder's layout changes so that an older Tenpo must not touch it.
DATA_VERSION = 1
# One at a time may migrate: any number will do, as long as it is always this one.
LOCK_NUMBER = 7_301_964
# How often a migration asks for a table that is in use; and how long it, or who waits to migrate, lets others go first.
LOCK_TRIES = 40
LOCK_PAUSE_SECONDS = 1.0
_UNFINISHED = """
    SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace
"""
# Which file has which hash in its name.
MANIFEST = Path("staticfiles.json")
# How long a file stays after it left the manifest.
STATIC_KEPT_SECONDS = 24 * 3600
# Their migrations and static files are part of ours.
LIBRARIES = ["django", "django-allauth", "procrastinate", "django-htmx", "django-ninja"]

Say = Callable[[str], None]


def check_data_version(data_dir: Path) -> None:
    """Refuse a data folder that a newer Tenpo has written; mark a new one."""
    file = data_dir / "version"
    found = file.read_text().strip() if file.exists() else ""
    if found.isdigit() and int(found) > DATA_VERSION:
        raise OperatorError(
            f"The data folder {data_dir} was written by a newer Tenpo (data version {found}; this one knows "
            f"{DATA_VERSION}). Install that version, or choose another TENPO_DATA."
        )
    if found != str(DATA_VERSION):
        file.write_text(f"{DATA_VERSION}\n")


def fingerprint() -> str:
    """Changes with whatever `migrate` and `finish` would do."""
    package = env.ROOT / "tenpo"
    return _digest([*_migrations(), *package.glob("**/*.sql"), package / "runtime/grants.py"])


def migrations_fingerprint() -> str:
    """Changes with the migrations, ours and those that come with libraries."""
    return _digest(_migrations())


def _migrations() -> list[Path]:
    return list((env.ROOT / "tenpo").glob("*/migrations/*.py"))


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for name in LIBRARIES:
        digest.update(f"{name} {_version(name)}\n".encode())
    package = env.ROOT / "tenpo"
    for file in sorted(files):
        digest.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def is_current(data_dir: Path) -> bool:
    """Whether the database was brought up to date by this very version. Needs no Django, so that a start is quick."""
    try:
        with psycopg.connect(database.conninfo(data_dir, "app"), autocommit=True) as connection:
            found = connection.execute(
                "SELECT obj_description(to_regclass('django_migrations'), 'pg_class')"
            ).fetchone()
    except psycopg.OperationalError:
        return False  # perhaps the application's role is still to be made
    return found == (f"tenpo {fingerprint()}",)


def migrate(say: Say) -> None:
    """Apply migrations and grants as the owner, while no other process does; nothing when another one just did."""
    from django.conf import settings  # noqa: PLC0415 (only when there is something to do)
    from django.core.management import call_command  # noqa: PLC0415 (as above)

    from tenpo.runtime import baseline  # noqa: PLC0415 (as above)

    def apply() -> None:
        baseline.load_when_empty()
        drop_unfinished_indexes()
        call_command("migrate", interactive=False, verbosity=0)
        finish()

    with database.acting_as("owner"), _only_one(say):
        if is_current(settings.DATA_DIR):
            say("Another process has brought the database up to date")
        else:
            patiently(apply, say)


def patiently(work: Callable[[], None], say: Say) -> None:
    """Do what needs locks on tables that are in use: give up soon, so that nobody waits behind us, and try again.

    Whatever waits for a lock makes everybody wait who comes after it. Each migration is a transaction, or builds an
    index beside those who write, so a further try goes on where the last one ended.
    """
    from django.db import DatabaseError  # noqa: PLC0415 (as above)

    for left in reversed(range(LOCK_TRIES)):
        try:
            work()
        except DatabaseError as error:
            if not left or not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise
            say("A table is in use; trying again")
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return


def drop_unfinished_indexes() -> None:
    """Drop indexes that were built beside those who write, by somebody who was killed meanwhile: to be built anew.

    One that was given up is there, and not valid. But the database may also have gone on to the end, and nobody wrote
    down that the migration is done: its next try would find the name taken.
    """
    from django.db import connection  # noqa: PLC0415 (as above)

    with connection.cursor() as cursor:
        cursor.execute(_UNFINISHED)
        for name in [name for (name,) in cursor.fetchall()] + _indexes_to_be_built():
            cursor.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier(name)))


def _indexes_to_be_built() -> list[str]:
    """The names of those that migrations which were not applied yet build beside those who write."""
    from django.contrib.postgres.operations import AddIndexConcurrently  # noqa: PLC0415 (as above)
    from django.db import connection  # noqa: PLC0415 (as above)
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415 (as above)

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    operations = [operation for migration, _is_backwards in plan for operation in migration.operations]
    return [operation.index.name for operation in operations if isinstance(operation, AddIndexConcurrently)]


def finish() -> None:
    """What follows each `migrate`: the cache's table, the grants, and a note of what was done. As the owner."""
    from django.core.management import call_command  # noqa: PLC0415 (as above)
    from django.db import connection  # noqa: PLC0415 (as above)

    from tenpo.runtime.grants import apply_grants  # noqa: PLC0415 (as above)

    call_command("createcachetable", verbosity=0)
    apply_grants(connection)
    with connection.cursor() as cursor:
        # In the database, not in a file: it must go with a dump that is restored elsewhere.
        cursor.execute(f"COMMENT ON TABLE django_migrations IS 'tenpo {fingerprint()}'")


@contextmanager
def _only_one(say: Say) -> Iterator[None]:
    """An advisory lock on a connection of its own, held while the caller migrates on another."""
    from django.conf import settings  # noqa: PLC0415 (only when there is something to do)

    with psycopg.connect(database.conninfo(settings.DATA_DIR, "owner"), autocommit=True) as connection:
        is_told = False
        # Asked again and again: one statement that waits has a snapshot, and who builds an index waits for those.
        while connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_NUMBER]).fetchone() != (True,):
            if not is_told:
                say("Waiting for another process that migrates")
            is_told = True
            time.sleep(LOCK_PAUSE_SECONDS)
        yield


def static_fingerprint() -> str:
    """Changes with any static file of ours (by time and size) and with the libraries that bring some."""
    digest = hashlib.sha256("".join(_version(name) for name in LIBRARIES).encode())
    digest.update(env.text("TENPO_DEBUG").encode())
    for file in sorted((env.ROOT / "tenpo").glob("*/static/**/*")):
        if file.is_file():
            found = file.stat()
            digest.update(f"{file} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def is_static_current(data_dir: Path) -> bool:
    stamp = data_dir / "static.stamp"
    return stamp.exists() and (data_dir / "static").is_dir() and stamp.read_text() == static_fingerprint()


def collect_static(data_dir: Path) -> None:
    """Gather static files under hashed names, compressed, while no other process does; once when several want to.

    They come to stand beside the older ones: old code may be serving those, and open pages still ask for them.
    """
    with system.file_lock(data_dir / "static.lock"):
        if is_static_current(data_dir):
            return
        wanted, fresh = static_fingerprint(), data_dir / "static.new"
        shutil.rmtree(fresh, ignore_errors=True)  # of one that died
        _gather(fresh)
        _put_beside(fresh, data_dir / "static")
        shutil.rmtree(fresh)
        (data_dir / "static.stamp").write_text(wanted)


def _gather(folder: Path) -> None:
    from django.contrib.staticfiles.management.commands import collectstatic  # noqa: PLC0415 (only when it is needed)
    from django.core.files.storage import storages  # noqa: PLC0415 (as above)
    from django.core.management import call_command  # noqa: PLC0415 (as above)

    backend: Any = storages.backends["staticfiles"]
    command = collectstatic.Command()
    command.storage = storages.create_storage({**backend, "OPTIONS": {"location": folder}})
    call_command(command, interactive=False, verbosity=0)


def _put_beside(fresh: Path, served: Path) -> None:
    """Move the fresh files to those that are served, the manifest last, and take away what left it long ago."""
    names = {file.relative_to(fresh) for file in fresh.rglob("*") if file.is_file()}
    for name in names - {MANIFEST}:
        target = served / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or not filecmp.cmp(fresh / name, target, shallow=False):
            (fresh / name).replace(target)
    leaving = _files_in(served / MANIFEST)
    for file in served.rglob("*"):
        name = file.relative_to(served)
        if file.is_dir() or name in names:
            continue
        if name in leaving or name.with_suffix("") in leaving:
            os.utime(file)  # what its age is counted from
        elif file.stat().st_mtime < time.time() - STATIC_KEPT_SECONDS:
            file.unlink()
    if MANIFEST in names:
        (fresh / MANIFEST).replace(served / MANIFEST)


def _files_in(manifest: Path) -> set[Path]:
    paths = json.loads(manifest.read_text())["paths"] if manifest.exists() else {}
    return {Path(name) for names in paths.items() for name in names}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def server_version(data_dir: Path) -> int:
    """The PostgreSQL that we are connected to, as 180004; a clear error when there is none or it is too old."""
    try:
        with psycopg.connect(database.conninfo(data_dir, "owner"), autocommit=True) as connection:
            found = connection.info.server_version
    except psycopg.OperationalError as error:
        raise OperatorError(f"The database cannot be reached: {str(error).strip()}") from None
    if found // 10_000 < postgres.MAJOR:
        raise OperatorError(f"Tenpo needs PostgreSQL {postgres.MAJOR}; this server is {found // 10_000}.")
    return found
