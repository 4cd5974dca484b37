"""`tenpo`: the one command line of an installation."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from tenpo.cli import backup, bring_in, data, keys, look, measure, serve
from tenpo.runtime.errors import OperatorError

app = typer.Typer(
    name="tenpo",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Run Tenpo: coaching, sessions, bookings and payments on a server of your own.",
    epilog="Start with [bold]tenpo run[/bold]. Each command explains itself: [bold]tenpo COMMAND --help[/bold].",
)
for part in (serve, data, backup, keys, bring_in, look, measure):
    part.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"Tenpo {version('tenpo')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which Tenpo this is.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run a command; whatever an operator can mend is said in one clear line, without a traceback."""
    try:
        app()
    except OperatorError as error:
        Console(stderr=True, soft_wrap=True).print("[bold red]Error:[/]", error.message, highlight=False)
        sys.exit(error.status)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
