"""A whole installation in one file, and back: the database, the files, and a manifest of what must be found again.

The file is a ZIP: `database.dump` (pg_dump's own form), `files/…`, `manifest.json`, and `manifest.mac`, which only who
has a key of the ring can make. Counts and sums of the manifest are taken in the very snapshot that is dumped, so they
hold although Tenpo serves meanwhile. The keys are not in it.
"""

import hashlib
import hmac
import json
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO, Any

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils.module_loading import import_string
from psycopg import sql

from tenpo.core.crypto import NO_KEY
from tenpo.core.sealed import count_by_key
from tenpo.runtime import database, env, keys, postgres, system
from tenpo.runtime.errors import OperatorError

FORM = 1
DUMP, MANIFEST, MAC, FILES = "database.dump", "manifest.json", "manifest.mac", "files/"
CHUNK_BYTES = 1 << 20
MANIFEST_BYTES_MAX = 256 << 20

type Say = Callable[[str], None]
type Manifest = dict[str, Any]


@dataclass(frozen=True)
class Backup:
    """A backup whose every part is as it was written."""

    file: Path
    manifest: Manifest
    missing_keys: list[str]


def write_backup(file: Path, say: Say) -> Manifest:
    """Write everything that there is at this moment into `file`, whole or not at all, for us alone to read."""
    if file.exists():
        raise OperatorError(f"{file} is there already. A backup never takes the place of another one.")
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as opened:
            with zipfile.ZipFile(opened, "w") as archive, _one_snapshot() as snapshot:
                manifest = {"form": FORM, "made_at": datetime.now(UTC).isoformat(timespec="seconds"), **facts()}
                manifest["database"] = _dump(archive, snapshot, say)
                manifest["files"] = dict(_store_files(archive, settings.DATA_DIR / "files", say))
                text = json.dumps(manifest, indent=1, sort_keys=True).encode()
                archive.writestr(MANIFEST, text)
                archive.writestr(MAC, _mac(keys.newest(keys.load(settings.DATA_DIR)), text))
            opened.flush()
            os.fsync(opened.fileno())
        # `link` refuses when somebody else has made that file meanwhile.
        os.link(unfinished, file)
    except FileExistsError:
        raise OperatorError(f"{file} is there already. A backup never takes the place of another one.") from None
    finally:
        unfinished.unlink()
    system.sync_dir(file.parent)
    return manifest


def facts() -> Manifest:
    """What a restored installation must have in common with this one, as it is in the transaction under way."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations ORDER BY app, name")
        migrations = [f"{app}.{name}" for app, name in cursor.fetchall()]
        cursor.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname = current_schema() ORDER BY 1, 2"
        )
        tables = {}
        for schema, table in cursor.fetchall():
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table)))
            [[tables[table]]] = cursor.fetchall()
    return {
        "tenpo": version("tenpo"),
        "migrations": migrations,
        "tables": tables,
        "figures": {name: import_string(path)() for name, path in settings.BACKUP_FIGURES.items()},
        "keys": dict(count_by_key()),
    }


def open_backup(file: Path, ring: keys.Ring, say: Say) -> Backup:
    """Look at every byte of a backup before anything is done with it; a clear refusal when one is not as it was."""
    damaged = OperatorError(f"{file} is damaged or no backup of Tenpo. Take another copy of it, or an older one.")
    try:
        with zipfile.ZipFile(file) as archive:
            text = _read(archive, MANIFEST)
            key_id = _read(archive, MAC).decode().partition(":")[0]
            manifest: Manifest = json.loads(text)
            _check_form(manifest, file)
            if key_id in ring and not hmac.compare_digest(_mac(ring[key_id], text).encode(), _read(archive, MAC)):
                raise OperatorError(f"The manifest of {file} was changed after it was written. Do not trust this file.")
            wanted = {DUMP: manifest["database"]} | {FILES + path: kept for path, kept in manifest["files"].items()}
            if {DUMP, MANIFEST, MAC} | set(wanted) != set(archive.namelist()) or not _are_plain(archive):
                raise damaged
            if not all(_is_plain(path) for path in manifest["files"]):
                raise damaged
            for name, kept in wanted.items():
                say(f"Looking at {name}")
                with archive.open(name) as part:
                    if _copy(part, None) != kept:
                        raise damaged
    except (OSError, EOFError, KeyError, ValueError, TypeError, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        raise damaged from None
    return Backup(file, manifest, sorted({key_id, *manifest["keys"]} - {NO_KEY, *ring}))


def load_database(backup: Backup, say: Say) -> None:
    """Fill the empty database from the backup, all of it or nothing."""
    say("Loading the database")
    with tempfile.TemporaryDirectory(prefix="restore.", dir=settings.DATA_DIR) as folder:
        dump = Path(folder) / DUMP
        with zipfile.ZipFile(backup.file) as archive, archive.open(DUMP) as part, dump.open("wb") as whole:
            if _copy(part, whole) != backup.manifest["database"]:
                raise OperatorError(f"{backup.file} changed while it was read.")
        # The comment on django_migrations says that grants were made: here they were not, so that `migrate` must run.
        _run("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-comments",
             f"--dbname={_database_name()}", str(dump))  # fmt: skip


def unpack_files(backup: Backup, folder: Path, say: Say) -> None:
    """Put the files of the backup into a new folder."""
    folder.mkdir(mode=0o700)
    with zipfile.ZipFile(backup.file) as archive:
        for path, kept in backup.manifest["files"].items():
            say(f"Unpacking {path}")
            target = _below(folder, path)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with archive.open(FILES + path) as part, target.open("xb") as whole:
                if _copy(part, whole) != kept:
                    raise OperatorError(f"{backup.file} changed while it was read.")


def differences(backup: Backup, folder: Path) -> list[str]:
    """In what the database and the files differ from the manifest; empty when all is as it was."""
    found, kept = facts(), backup.manifest
    wrong = [
        f"{name}: {found[name].get(part)!r} instead of {kept[name].get(part)!r}"
        for name in ("tables", "figures", "keys")
        for part in sorted({*found[name], *kept[name]})
        if found[name].get(part) != kept[name].get(part)
    ]
    if found["migrations"] != kept["migrations"]:
        wrong.append("migrations: not the same")
    for path, wanted in kept["files"].items():
        with _below(folder, path).open("rb") as part:
            if _copy(part, None) != wanted:
                wrong.append(f"files: {path} is not the same")
    return wrong


def is_database_empty() -> bool:
    """Whether the database holds no table yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        )
        return bool(cursor.fetchall() == [(0,)])


def _check_form(manifest: Manifest, file: Path) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    newer = sorted(set(manifest["migrations"]) - known)
    if manifest["form"] > FORM or newer:
        raise OperatorError(
            f"{file} was written by Tenpo {manifest['tenpo']}, which is newer than this one ({version('tenpo')}). "
            "Install that version and restore with it."
        )


@contextmanager
def _one_snapshot() -> Iterator[str]:
    """A transaction that sees one moment, whose name lets pg_dump see the same; as the owner."""
    with database.acting_as("owner"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        [[name]] = cursor.fetchall()
        yield str(name)


def _dump(archive: zipfile.ZipFile, snapshot: str, say: Say) -> Manifest:
    command = [_program("pg_dump"), "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, stderr=errors)
        assert process.stdout is not None
        try:
            with archive.open(DUMP, "w", force_zip64=True) as part:
                kept = _copy(process.stdout, part, lambda size: say(f"Database: {size / 1e6:.0f} MB"))
        finally:
            process.stdout.close()
            status = process.wait()
        if status:
            errors.seek(0)
            raise OperatorError(f"pg_dump failed: {errors.read().decode(errors='replace').strip()}")
    return kept


def _store_files(archive: zipfile.ZipFile, folder: Path, say: Say) -> Iterator[tuple[str, Manifest]]:
    for path in sorted(folder.rglob("*")):
        # A link could lead anywhere; we write none.
        if path.is_symlink() or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        say(f"File {name}")
        with path.open("rb") as source, archive.open(FILES + name, "w", force_zip64=True) as part:
            yield name, _copy(source, part)


def _are_plain(archive: zipfile.ZipFile) -> bool:
    """Whether every part is an ordinary file inside the folder that it is unpacked into, and there once."""
    names = archive.namelist()
    return len(names) == len(set(names)) and all(
        _is_plain(part.filename) and not part.is_dir() and stat.S_IFMT(part.external_attr >> 16) in (0, stat.S_IFREG)
        for part in archive.infolist()
    )


def _is_plain(path: str) -> bool:
    """Whether it leads to one place below a folder, and is written in the one way: `files//etc/x` hides `/etc/x`."""
    plain = PurePosixPath(path)
    return (
        bool(plain.parts)
        and not plain.is_absolute()
        and ".." not in plain.parts
        and path == plain.as_posix()
        and "\0" not in path
    )


def _below(folder: Path, path: str) -> Path:
    """The file of that path in the folder; a refusal when it would lie anywhere else."""
    target = folder.joinpath(*PurePosixPath(path).parts)
    if not _is_plain(path) or not target.resolve().is_relative_to(folder.resolve()):
        raise OperatorError(f"The backup holds a file that would lie outside of {folder}: {path!r}")
    return target


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MANIFEST_BYTES_MAX:
        raise ValueError("too large")
    return archive.read(name)


def _copy(source: IO[bytes], target: IO[bytes] | None, moved: Callable[[int], None] = lambda size: None) -> Manifest:
    """Copy to the end; returns the size and the hash of what went through."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
        if target is not None:
            target.write(chunk)
        moved(size)
    return {"size": size, "sha256": digest.hexdigest()}


def _mac(key: keys.Key, text: bytes) -> str:
    mine = hmac.digest(key.value, b"tenpo backup manifest", "sha256")
    return f"{key.id}:{hmac.digest(mine, text, 'sha256').hex()}"


def _program(name: str) -> str:
    own = postgres.binaries() / name
    return str(own) if own.exists() else shutil.which(name) or name


def _environment() -> dict[str, str]:
    # In the environment, not among the arguments, which everybody may read.
    return {**os.environ, **database.environment(settings.DATA_DIR, "owner"), "PGAPPNAME": "tenpo backup"}


def _database_name() -> str:
    return database.environment(settings.DATA_DIR, "owner")["PGDATABASE"]


def _run(name: str, *arguments: str) -> None:
    result = subprocess.run([_program(name), *arguments], env=_environment(), capture_output=True, check=False)
    if result.returncode:
        raise OperatorError(f"{name} failed: {result.stderr.decode(errors='replace').strip()}")


def existing_ring(data_dir: Path) -> keys.Ring:
    """The keys that are there, without making the first one: a restore needs those of the backup, not a new one."""
    return keys.load(data_dir) if env.text("TENPO_KEYS") or keys.ring_file(data_dir).exists() else {}
