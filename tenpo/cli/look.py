"""Commands that only look: is the installation well, what can be set, what is served."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tenpo.runtime import env, installation

PANEL = "Look"
CHECK_SHOWN = 5
MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "problem": "[red]✗[/]"}
JsonOption = Annotated[bool, typer.Option("--json", help="For scripts.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(rich_help_panel=PANEL)(doctor)
    app.command(rich_help_panel=PANEL)(check)
    app.command(rich_help_panel=PANEL)(coverage)
    app.command(rich_help_panel=PANEL)(settings)


def doctor(as_json: JsonOption = False) -> None:
    """Say what is wrong with this installation, and what to do about it.

    Each line is well (✓), worth a look (!) or wrong (✗). Exits with 1 when something is wrong.

    Examples:

        tenpo doctor
        tenpo doctor --json
    """
    from tenpo.runtime import doctor as examination

    data_dir = installation.prepare_data_dir()
    console = Console(soft_wrap=True)
    findings = []
    with installation.running_database(data_dir):
        for finding in examination.examine(data_dir):
            findings.append(finding)
            if not as_json:
                remedy = f" [dim]→ {finding.remedy}[/]" if finding.remedy and finding.state != "ok" else ""
                console.print(
                    f"{MARKS[finding.state]} [bold]{finding.name}[/]: {finding.message}{remedy}", highlight=False
                )
    worst = examination.summary(findings)
    if as_json:
        typer.echo(json.dumps({"state": worst, "findings": [finding.as_dict() for finding in findings]}, indent=2))
    if worst == "problem":
        sys.exit(1)


def check(as_json: JsonOption = False) -> None:
    """Look whether everything holds that must: balances, seats, orders, states, the audit, work that should be done.

    Says nothing and exits with 0 when all is well. Otherwise it lists each sentence that does not hold with how many
    rows break it and the first of them, and exits with 1. Nothing is changed.

    Examples:

        tenpo check
        tenpo check --json
    """
    with installation.django():
        from tenpo.core.invariants import examine

        found = examine()
    broken = [finding for finding in found if finding.count]
    if as_json:
        typer.echo(json.dumps([finding.as_json() for finding in found], indent=2))
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for finding in [] if as_json else broken:
        console.print(f"{finding.app}: {finding.statement}", style="bold")
        console.print(f"  {finding.name} does not hold for {finding.count:,}:", style="red")
        for fault in finding.faults[:CHECK_SHOWN]:
            console.print("   ", ", ".join(f"{name} {value}" for name, value in fault.items()))
        if finding.count > CHECK_SHOWN:
            console.print(f"    … and {finding.count - CHECK_SHOWN:,} more", style="dim")
    if broken:
        sys.exit(1)


def coverage(as_json: JsonOption = False) -> None:
    """Say how much of each source design the reporting schemas serve.

    Read from the database itself: tables and columns served, of how many, and how many columns hold a value in some
    row. Secrets (password hashes, tokens) are served empty on purpose, so they never count as filled.

    Examples:

        tenpo coverage
        tenpo coverage --json
    """
    with installation.django():
        from tenpo.reporting import queries

        found = queries.coverage()
    if as_json:
        typer.echo(json.dumps({row.source: row.as_json() for row in found}, indent=2))
        return
    tables, columns = queries.totals(found)
    console = Console(soft_wrap=True)
    table = Table("Source", "Tables", "Columns", "With a value", box=None, header_style="dim", padding=(0, 3, 0, 0))
    for row in found:
        served = [f"{part} of {whole:,}" for part, whole in (row.tables, row.columns)]
        table.add_row(row.source, *served, f"{row.filled}")
    console.print(table)
    console.print(
        f"[bold]{tables[0]} of {tables[1]:,} tables, {columns[0]} of {columns[1]:,} columns[/]", highlight=False
    )
    for title, names in (
        ("Empty on purpose (secrets)", [name for row in found for name in row.withheld]),
        ("No value yet", [name for row in found for name in row.unfilled]),
    ):
        if names:
            console.print(f"[dim]{title}:[/] {', '.join(names)}", highlight=False)


def settings(as_json: JsonOption = False) -> None:
    """List every setting, what it means, and its value here. Settings come from the environment.

    Example:

        TENPO_PORT=9000 tenpo settings
    """
    rows = [
        (setting, "•••" if setting.secret and env.text(setting.name) else env.text(setting.name))
        for setting in env.SETTINGS
    ]
    if as_json:
        typer.echo(
            json.dumps(
                [{"name": row.name, "value": value, "default": row.default, "help": row.help} for row, value in rows],
                indent=2,
            )
        )
        return
    table = Table("Setting", "Value", "Meaning", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for setting, value in rows:
        is_changed = value not in ("", setting.default)
        table.add_row(setting.name, f"[bold]{value}[/]" if is_changed else value, setting.help)
    Console().print(table)
