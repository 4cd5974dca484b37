"""Commands that take everything away in one file, and bring it back."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from tenpo.runtime import database, env, installation, postgres, secrets, upgrade
from tenpo.runtime.errors import OperatorError

if TYPE_CHECKING:
    from tenpo.core.backup import Backup

PANEL = "Data"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(rich_help_panel=PANEL)(backup)
    app.command(rich_help_panel=PANEL)(restore)


def backup(file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")]) -> None:
    """Write the database and all files into one file, at one moment, while Tenpo serves.

    The keys and the secret key are not in it: keep those elsewhere, because together they can be read by whoever finds
    them, and without the keys nobody can.

    Example:

        tenpo backup /backup/tenpo-$(date +%F).zip
    """
    if not file.absolute().parent.is_dir():
        raise OperatorError(f"There is no folder {file.absolute().parent}.")
    console = Console(stderr=True, soft_wrap=True)
    with installation.django(), _progress(console, "Backing up …") as say:
        from tenpo.core.backup import write_backup

        manifest = write_backup(file.absolute(), say)
    rows = sum(manifest["tables"].values())
    needed = ", ".join(filter(None, manifest["keys"])) or "(none yet)"
    console.print(
        f"[green]{file}[/]: {rows} rows of {len(manifest['tables'])} tables, {len(manifest['files'])} files.\n"
        f"To read it again you need the keys {needed} ({_keys_source()}) "
        "and the secret key. They are not in it: keep them elsewhere.",
        highlight=False,
    )


def restore(
    file: Annotated[Path, typer.Argument(help="What tenpo backup wrote.", exists=True, dir_okay=False, readable=True)],
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Compare with the manifest, and check every invariant.")
    ] = True,
    without_keys: Annotated[
        bool,
        typer.Option(
            "--without-keys",
            help="Go on although keys are missing; what they sealed is lost. Only for a file that you trust.",
        ),
    ] = False,
) -> None:
    """Bring a backup back into an empty place: a new TENPO_DATA, or an empty database of yours.

    Put the keys there first (TENPO_DATA/keys or TENPO_KEYS), and the secret key. Every byte is looked at before
    anything is written. When something is wrong, the place is left as it was.

    Example:

        TENPO_DATA=/srv/tenpo-new tenpo restore tenpo.zip --verify
    """
    console = Console(stderr=True, soft_wrap=True)
    data_dir = env.data_dir()
    _refuse_full_place(data_dir)
    had_secret_key = secrets.secret_key_file(data_dir).exists() or bool(env.text("TENPO_SECRET_KEY"))
    with _as_before_on_failure(data_dir), installation.django(has_database=False):
        from tenpo.core.backup import existing_ring, open_backup

        with _progress(console, "Looking at the backup …") as say:
            found = open_backup(file, existing_ring(data_dir), say)
        if found.missing_keys and not without_keys:
            raise OperatorError(
                f"This backup needs the keys {', '.join(found.missing_keys)}, which are not in {_keys_source()}. Put "
                "them there first. With --without-keys second factors and sign-ins are lost, and nobody can tell "
                "whether the manifest was changed."
            )
        with installation.running_database(data_dir), _progress(console, "Restoring …") as say:
            _restore(found, data_dir, verify, say)
    console.print(f"[green]Restored[/] what was backed up at {found.manifest['made_at']}. Start it with: tenpo run")
    if not had_secret_key:
        console.print("A new secret key was made: whoever was signed in signs in again, and mailed links are over.")


def _restore(found: "Backup", data_dir: Path, verify: bool, say: Callable[[str], None]) -> None:
    from django.db import connections

    from tenpo.core import backup as core_backup

    files = data_dir / "files"
    with database.acting_as("owner"):
        if not core_backup.is_database_empty():
            raise OperatorError("The database is not empty. A backup is restored into an empty one.")
        core_backup.load_database(found, say)
        if files.exists():
            files.rmdir()
        core_backup.unpack_files(found, files, say)
        if verify:
            say("Comparing with the manifest")
            if wrong := core_backup.differences(found, files):
                raise OperatorError("What was restored is not what was backed up: " + "; ".join(wrong))
    upgrade.migrate(say)
    if verify:
        say("Checking every invariant")
        _refuse_faults()
    connections.close_all()


def _refuse_faults() -> None:
    from tenpo.core.invariants import find_faults

    # What should have happened by now has not, when the backup is of yesterday: it will, as soon as Tenpo runs.
    if faults := find_faults(about_time=False):
        raise OperatorError("The backup breaks: " + " ".join(fault.statement for fault in faults))


def _refuse_full_place(data_dir: Path) -> None:
    files = data_dir / "files"
    has_files = files.exists() and any(files.iterdir())
    if has_files or (database.is_embedded() and postgres.cluster_dir(data_dir).exists()):
        raise OperatorError(f"{data_dir} is in use. A backup is restored into an empty place: set TENPO_DATA.")


@contextlib.contextmanager
def _as_before_on_failure(data_dir: Path) -> Iterator[None]:
    """Take away whatever was made in the data folder when the block fails."""
    was_there = data_dir.exists()
    before = set(data_dir.iterdir()) if was_there else set()
    try:
        yield
    except BaseException:
        if database.is_embedded():
            postgres.stop(data_dir)
        for path in set(data_dir.iterdir()) - before if data_dir.exists() else set():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not was_there and data_dir.exists():
            data_dir.rmdir()
        raise


@contextlib.contextmanager
def _progress(console: Console, title: str) -> Iterator[Callable[[str], None]]:
    with console.status(title) as status:
        yield lambda text: status.update(f"{title} {text}")


def _keys_source() -> str:
    return "TENPO_KEYS" if env.text("TENPO_KEYS") else str(env.data_dir() / "keys")
