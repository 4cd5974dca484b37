"""Commands on the data: migrate, demo, database access."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tenpo.runtime import database, env, installation, postgres, upgrade
from tenpo.runtime.errors import OperatorError

PANEL = "Data"
ROLES: tuple[database.Role, ...] = ("app", "owner", "reader")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(rich_help_panel=PANEL)(migrate)
    demo_app = typer.Typer(
        invoke_without_command=True, help="Fill an empty installation with demo people and sessions."
    )
    demo_app.callback()(demo)
    demo_app.command("accounts")(accounts)
    app.add_typer(demo_app, name="demo", rich_help_panel=PANEL)
    db_app = typer.Typer(no_args_is_help=True, help="Reach the database: its URL, or an SQL shell.")
    db_app.command("url")(db_url)
    db_app.command("shell")(db_shell)
    app.add_typer(db_app, name="db", rich_help_panel=PANEL)


def migrate() -> None:
    """Bring database, grants and static files up to date. Safe to repeat.

    tenpo run does this by itself; use it before starting tenpo web and tenpo worker by other means.

    Example:

        tenpo migrate
    """
    with installation.django():
        bring_up_to_date(env.data_dir())
        Console(stderr=True).print("[green]Up to date.[/]")


def bring_up_to_date(data_dir: Path) -> None:
    """Migrate and gather static files, where that is needed, saying so."""
    console = Console(stderr=True)
    if not upgrade.is_current(data_dir):
        with console.status("Bringing the database up to date …"):
            upgrade.migrate(console.print)
    if not upgrade.is_static_current(data_dir):
        with console.status("Gathering static files …"):
            upgrade.collect_static(data_dir)


def progress_bar(title: str) -> tuple[Progress, Callable[[int, int, str], None]]:
    """A progress bar, and the function that moves it: (done, of how many, what is being done)."""
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    task = progress.add_task(title, total=None)

    def move(done: int, total: int, what: str = "") -> None:
        progress.update(task, completed=done, total=total, description=f"{title}: {what}" if what else title)

    return progress, move


def demo(context: typer.Context) -> None:
    """Fill an empty installation with demo people, sessions, bookings and payments.

    Everything is made by the same rules that people use, so it is real in every way but the money.

    Examples:

        tenpo demo
        tenpo demo accounts
    """
    if context.invoked_subcommand is None:
        with installation.django():
            bring_up_to_date(env.data_dir())
            if not load_demo_when_empty(env.data_dir()):
                raise OperatorError("There are people in this installation already; the demo is for an empty one.")
            _show_accounts(read_demo_accounts(env.data_dir()))


def load_demo_when_empty(data_dir: Path) -> bool:
    """Load the demo into an installation without people; False when somebody is there."""
    from django.contrib.auth import get_user_model

    from tenpo.demo import actions

    if get_user_model().objects.exists():
        return False
    progress, move = progress_bar("Loading the demo")
    with progress:
        actions.load_demo(progress=move)
    from tenpo.runtime.installation import demo_accounts_file

    file = demo_accounts_file(data_dir)
    file.touch(mode=0o600)
    file.write_text(json.dumps(actions.accounts(), indent=2))
    return True


def read_demo_accounts(data_dir: Path) -> list[dict[str, Any]]:
    """The demo's accounts as they were made; empty without a demo."""
    from tenpo.runtime.installation import demo_accounts_file

    file = demo_accounts_file(data_dir)
    found: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    return found


def accounts(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts: role, e-mail, password, API key.")] = False,
) -> None:
    """List the demo's people with their passwords and API keys.

    Example:

        tenpo demo accounts --json
    """
    found = read_demo_accounts(env.data_dir())
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif found:
        _show_accounts(found)
    else:
        raise OperatorError("This installation has no demo. Load it with: tenpo demo")


def _show_accounts(found: list[dict[str, Any]]) -> None:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for title in ("Role", "E-mail", "Password", "API key"):
        # Whoever copies an address or a key needs all of it.
        table.add_column(title, overflow="fold")
    for account in found:
        table.add_row(*(str(account.get(name, "")) for name in ("role", "email", "password", "api_key")))
    Console().print(table)


def _role(value: str) -> database.Role:
    for role in ROLES:
        if value == role:
            return role
    raise typer.BadParameter("choose app, owner or reader")


RoleOption = Annotated[
    str, typer.Option(help="app: what Tenpo itself may do. owner: also changes tables. reader: only the reports.")
]


def db_url(role: RoleOption = "app") -> None:
    """Print the connection URL of this installation.

    Example:

        psql "$(tenpo db url --role reader)"
    """
    typer.echo(database.url(env.data_dir(), _role(role)))


def db_shell(role: RoleOption = "app") -> None:
    """Open an SQL shell (psql) on this installation.

    Examples:

        tenpo db shell
        echo "SELECT count(*) FROM people_user" | tenpo db shell
    """
    import shutil
    import subprocess

    wanted = _role(role)
    data_dir = installation.prepare_data_dir()
    own = postgres.binaries() / "psql"
    psql = shutil.which("psql") or (str(own) if own.exists() else None)
    if psql is None:
        raise OperatorError("psql is not installed. Install PostgreSQL's client, or use: tenpo db url")
    with installation.running_database(data_dir):
        environment = {**os.environ, **database.environment(data_dir, wanted), "PGAPPNAME": f"tenpo shell {role}"}
        result = subprocess.run([psql], env=environment, check=False)
    sys.exit(result.returncode)
