"""Commands that serve: everything at once, or one part for operators with a process manager of their own."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from tenpo.runtime import database, env, installation, metric_files, postgres, supervisor, upgrade, watch
from tenpo.runtime.errors import OperatorError

PANEL = "Run"
_PART = [sys.executable, "-m", "tenpo.cli.processes"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(rich_help_panel=PANEL)(run)
    app.command(rich_help_panel=PANEL)(web)
    app.command(rich_help_panel=PANEL)(worker)
    app.command(hidden=True)(prepare)


def run(
    port: Annotated[int | None, typer.Option(help="Listen on this port instead of TENPO_PORT.")] = None,
    demo: Annotated[
        bool | None, typer.Option("--demo/--no-demo", help="Fill an empty installation with demo people and sessions.")
    ] = None,
) -> None:
    """Run everything: database, web server and worker. Ctrl-C stops it all.

    The first start makes the data folder and its database; later starts bring them up to date and take seconds.

    Examples:

        tenpo run
        TENPO_DATA=/srv/tenpo tenpo run --port 9000
    """
    if port is not None:
        os.environ["TENPO_PORT"] = str(port)
    if demo is not None:
        os.environ["TENPO_DEMO"] = "true" if demo else "false"
    host, port = env.text("TENPO_HOST"), env.number("TENPO_PORT")
    console = Console()
    os.environ.setdefault("TENPO_LOG_FORMAT", "text" if console.is_terminal else "json")
    watch.load()
    data_dir = installation.prepare_data_dir()
    with supervisor.only_instance(data_dir, url=_url()):
        supervisor.check_port(host, port)
        metric_files.start_anew(data_dir)
        log = supervisor.Log(data_dir / "logs" / "tenpo.log", console)
        with contextlib.ExitStack() as stack:

            def make_ready() -> None:
                stack.enter_context(installation.running_database(data_dir, stop_always=True))
                _prepare_when_needed(data_dir)

            web_part = supervisor.Part(
                "web", [*_PART, "web"], "cyan", is_up=lambda: supervisor.answers(host, port), can_be_held=True
            )
            worker_part = supervisor.Part("worker", [*_PART, "worker"], "magenta")
            # One after the other: the first page must not wait for the worker to load.
            supervisor.Supervisor([web_part, worker_part], log).run(
                prepare=make_ready,
                can_preload=upgrade.is_static_current(data_dir),
                when_up=lambda: _greet(console, data_dir),
                keep=lambda: _keep_database(data_dir, log),
            )
        log.write("tenpo", "Stopped.")


def _url() -> str:
    return env.text("TENPO_URL").rstrip("/") or f"http://localhost:{env.number('TENPO_PORT')}"


def _keep_database(data_dir: Path, log: supervisor.Log) -> None:
    """Start the embedded database again when it was killed; web server and worker find it by themselves."""
    if database.is_embedded() and not postgres.is_running(data_dir):
        log.write("tenpo", "The database ended; starting it again")
        postgres.ensure_running(data_dir)


def _prepare_when_needed(data_dir: Path) -> None:
    """Migrate, gather static files and load the demo, in a process of its own, when there is something to do."""
    is_current = upgrade.is_current(data_dir) and upgrade.is_static_current(data_dir)
    if is_current and not _is_demo_due(data_dir):
        return
    result = subprocess.run([sys.executable, "-m", "tenpo.cli.main", "prepare"], check=False)
    if result.returncode:
        raise OperatorError("Tenpo was not started, because the installation could not be brought up to date.")


def _is_demo_due(data_dir: Path) -> bool:
    """Whether the demo is wanted and not there; it pays by test cards, which are no way to pay beside real money."""
    is_wanted = env.flag("TENPO_DEMO") and not env.takes_real_money()
    return is_wanted and not installation.demo_accounts_file(data_dir).exists()


def prepare() -> None:
    """Bring the installation up to date (what `run` does before it serves)."""
    from tenpo.cli import data as data_commands

    with installation.django():
        data_dir = env.data_dir()
        data_commands.bring_up_to_date(data_dir)
        if _is_demo_due(data_dir):
            data_commands.load_demo_when_empty(data_dir)


def _greet(console: Console, data_dir: Path) -> None:
    """Say where Tenpo is, and who may sign in to the demo."""
    from tenpo.cli.data import read_demo_accounts

    lines = Table.grid(padding=(0, 2))
    lines.add_row("Address", f"[bold]{_url()}[/]")
    lines.add_row("API", f"{_url()}/api/v1/docs")
    lines.add_row("Data", str(data_dir))
    lines.add_row("Database", "embedded" if database.is_embedded() else "DATABASE_URL")
    console.print(Panel(lines, title="Tenpo", title_align="left", border_style="green", expand=False))
    if accounts := read_demo_accounts(data_dir):
        table = Table("Demo", "E-mail", "Password", box=None, header_style="dim", padding=(0, 2, 0, 0))
        for account in accounts:
            table.add_row(str(account["role"]), str(account["email"]), str(account["password"]))
        console.print(table)
    console.print("[dim]Ctrl-C stops everything.[/]")


def web() -> None:
    """Run only the web server.

    For process managers such as systemd, on an installation that is up to date (tenpo migrate).

    Example:

        tenpo web
    """
    from tenpo.cli import processes

    processes.web()


def worker() -> None:
    """Run only the worker: jobs, mails, reminders and the outbox.

    Several may run on one database, here or on other machines.

    Example:

        tenpo worker
    """
    from tenpo.cli import processes

    processes.worker()
