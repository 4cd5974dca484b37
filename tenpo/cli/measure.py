"""The command that measures."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

PANEL = "Look"
# Of each invariant that does not hold.
FAULTS_SHOWN = 3


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(rich_help_panel=PANEL)(bench)


def bench(
    clients: Annotated[
        str, typer.Option(help="How many at once, with commas; the middle one gets everything.")
    ] = "1,8,32",
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is measured; medians are told.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="How long each slot lasts.")] = 1,
    rows: Annotated[int, typer.Option(min=50, help="Bookings at first; then ten times as many.")] = 1_000,
    scale: Annotated[int, typer.Option(min=1, help="Size of TPC-B, in 100,000 accounts.")] = 50,
    only: Annotated[str, typer.Option(help="Only these operations, with commas: booking,card,transfer …")] = "",
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write everything to this file; - for standard output.")
    ] = None,
) -> None:
    """Measure this machine: bookings, transfers and lists beside PostgreSQL's own TPC-B, as ratios.

    Makes a scratch installation in /var/tmp (or TMPDIR), and removes it. Nothing of yours is touched; what else the
    machine does meanwhile blurs the figures. Exits with 1, and says which, when an invariant does not hold in the end.

    Examples:

        tenpo bench
        tenpo bench --rounds 9 --seconds 3 --json bench.json
    """
    try:
        numbers = tuple(sorted({int(part) for part in clients.split(",")}))
    except ValueError:
        numbers = ()
    if not numbers or numbers[0] < 1:
        raise typer.BadParameter("numbers with commas, such as 1,8,32", param_hint="--clients")
    from tenpo.bench.scratch import scratch_installation

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    with console.status("Starting …") as status, scratch_installation(status.update) as here:
        from tenpo.bench.comparison import Plan, measure

        plan = Plan(clients=numbers, rounds=rounds, seconds=seconds, rows=rows, scale=scale, only=_names(only))
        found = measure(here, plan, status.update)
    if as_json is None:
        _show(found)
    elif str(as_json) == "-":
        typer.echo(json.dumps(found, indent=2))
    else:
        as_json.write_text(json.dumps(found, indent=2) + "\n")
        _show(found)
    for broken in found["faults"]:
        shown = "; ".join(
            ", ".join(f"{name} {value}" for name, value in row.items()) for row in broken["faults"][:FAULTS_SHOWN]
        )
        console.print(f"{broken['name']} does not hold: {broken['statement']} {shown}", style="red", markup=False)
    if found["faults"]:
        raise typer.Exit(1)


def _names(text: str) -> frozenset[str]:
    from tenpo.bench.operations import NAMES

    names = frozenset(name for name in text.split(",") if name)
    if not names <= set(NAMES):
        raise typer.BadParameter(f"choose of {', '.join(NAMES)}", param_hint="--only")
    return names


def _show(found: dict[str, Any]) -> None:
    table = Table("Operation", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for number, anchor in found["tpcb"].items():
        table.add_column(f"{number} clients\nTPC-B {anchor['rate']:,.0f}/s", justify="right")
    for title in ("Statements", "Pages", "10 × rows"):
        table.add_column(title, justify="right")
    for one in found["operations"]:
        cells = [one["clients"].get(number) for number in found["tpcb"]]
        ratios = [f"{cell['ratio']:.2f} ×  [dim]{cell['rate']:,.0f}/s[/]" if cell else "" for cell in cells]
        counts = [f"{one[name]:,.10g}" if one[name] is not None else "" for name in ("statements", "buffers")]
        table.add_row(one["what"], *ratios, *counts, f"{one['growth']['time']:.2f} ×" if one["growth"]["time"] else "")
    Console().print(table)
