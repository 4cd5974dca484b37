"""Commands on the key ring: which keys there are, another one, everything under the newest, one away."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tenpo.runtime import env, installation, system
from tenpo.runtime import keys as key_ring
from tenpo.runtime.errors import OperatorError

PANEL = "Data"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    keys_app = typer.Typer(no_args_is_help=True, help="The keys of what is encrypted: list, add, rotate, retire.")
    keys_app.command("list")(list_keys)
    keys_app.command("add")(add_key)
    keys_app.command("rotate")(rotate)
    keys_app.command("retire")(retire)
    app.add_typer(keys_app, name="keys", rich_help_panel=PANEL)


def list_keys(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """List every key by its id, oldest first, with how many values it has sealed. No key is shown.

    Exits with 1 when something was sealed by a key that is missing, or by none.

    Example:

        tenpo keys list
    """
    with installation.django():
        from tenpo.core.crypto import NO_KEY
        from tenpo.core.sealed import count_by_key

        ring, counts = key_ring.load(env.data_dir()), count_by_key()
    missing = sorted(set(counts) - {NO_KEY, *ring})
    rows = [(name, "encrypts" if name == key_ring.newest(ring).id else "opens", counts[name]) for name in ring]
    rows += [(name, "missing", counts[name]) for name in missing]
    rows += [(NO_KEY, "damaged", counts[NO_KEY])] if counts[NO_KEY] else []
    if as_json:
        typer.echo(json.dumps([{"id": name, "state": state, "values": count} for name, state, count in rows], indent=2))
    else:
        table = Table("Key", "State", "Values", box=None, header_style="dim", padding=(0, 3, 0, 0))
        for name, state, count in rows:
            table.add_row(name, state, str(count), style="red" if state in ("missing", "damaged") else "")
        Console().print(table)
    if missing:
        raise OperatorError(f"Put back the missing keys into {_source()}: {', '.join(missing)}.")
    if counts[NO_KEY]:
        raise OperatorError("Something stands where only sealed values may. This names the rows: tenpo keys rotate")


def add_key() -> None:
    """Make a new key, which encrypts from now on; the older ones still open what they have sealed.

    A running Tenpo takes it up by itself. With TENPO_KEYS, the entry to add is printed instead.

    Example:

        tenpo keys add && tenpo keys rotate
    """
    data_dir = installation.prepare_data_dir()
    key = key_ring.new_key()
    if env.text("TENPO_KEYS"):
        Console(stderr=True).print("Add this to the end of TENPO_KEYS, after a comma, and restart Tenpo:")
        typer.echo(key.entry)
        return
    with system.file_lock(data_dir / "keys.lock"):
        key_ring.save(data_dir, {**key_ring.load(data_dir), key.id: key})
    Console(stderr=True).print(f"[green]Key {key.id} encrypts from now on.[/] Seal the rest anew: tenpo keys rotate")


def rotate(
    batch: Annotated[int, typer.Option(help="Values that are read at once.", min=1)] = 500,
) -> None:
    """Seal everything anew under the newest key. Stop it when you like: it goes on where it was.

    Tenpo may serve meanwhile; what somebody changes at the same moment stays as they changed it. What does not open
    is left as it is: its rows are named at the end, and the command exits with 1.

    Example:

        tenpo keys rotate
    """
    with installation.django():
        from tenpo.core import sealed

        console, done = Console(stderr=True), 0
        with console.status("Sealing anew …") as status:

            def say(place: str, changed: int) -> None:
                nonlocal done
                done += changed
                status.update(f"Sealing anew … {done} ({place})")

            # Whoever began before the newest key was there may still write with an older one.
            sealed.rotate(batch=batch, moved=say)
            sealed.wait_for_writers()
            unopened = sealed.rotate(batch=batch, moved=say)
        newest = key_ring.newest(key_ring.load(env.data_dir())).id
        if unopened:
            for value in unopened:
                console.print(str(value), highlight=False, markup=False, soft_wrap=True)
            raise OperatorError(
                f"Sealed anew: {done}. Values that do not open: {len(unopened)}; they were left as they are, in the "
                "rows named above. Put back the key that is missing, or bring the rows back from a backup, or remove "
                "them; then rotate again."
            )
        console.print(f"[green]Sealed anew: {done}.[/] Everything is under key {newest}.")


KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="Its id, as tenpo keys list shows it.")]


def retire(key_id: KeyArgument) -> None:
    """Forget a key that has sealed nothing any more. A key that is in use stays.

    Backups from before `tenpo keys rotate` need it still: keep it where those are known.

    Example:

        tenpo keys retire 1a2b3c4d
    """
    with installation.django(), system.file_lock(env.data_dir() / "keys.lock"):
        from tenpo.core import sealed

        ring = key_ring.load(env.data_dir())
        if key_id not in ring:
            raise OperatorError(f"There is no key {key_id} in {_source()}.")
        if key_id == key_ring.newest(ring).id:
            raise OperatorError(f"Key {key_id} is the one that encrypts. Make another one first: tenpo keys add")
        sealed.wait_for_writers()
        if count := sealed.count_by_key()[key_id]:
            raise OperatorError(f"Key {key_id} has sealed {count} values that need it. First: tenpo keys rotate")
        key_ring.save(env.data_dir(), {name: key for name, key in ring.items() if name != key_id})
        Console(stderr=True).print(f"[green]Key {key_id} is forgotten.[/]")


def _source() -> str:
    return "TENPO_KEYS" if env.text("TENPO_KEYS") else str(key_ring.ring_file(env.data_dir()))
