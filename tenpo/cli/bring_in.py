"""Commands that bring people and sessions in."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tenpo.cli.data import progress_bar
from tenpo.runtime import installation
from tenpo.runtime.errors import OperatorError

if TYPE_CHECKING:
    from tenpo.people.models import Import, User

PANEL = "People and sessions"
ROWS_SHOWN = 20

FileArgument = Annotated[Path, typer.Argument(help="The file to read.", exists=True, dir_okay=False, readable=True)]
ByOption = Annotated[str, typer.Option("--by", help="E-mail of the admin in whose name it is done.", metavar="EMAIL")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it without asking, as scripts need.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(rich_help_panel=PANEL)(createadmin)
    app.command(rich_help_panel=PANEL)(dropfactors)
    import_app = typer.Typer(no_args_is_help=True, help="Invite people or make sessions from a file, preview first.")
    import_app.command("people")(import_people)
    import_app.command("sessions")(import_sessions)
    app.add_typer(import_app, name="import", rich_help_panel=PANEL)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Say in one line why a rule refused."""
    from django.core.exceptions import PermissionDenied, ValidationError

    from tenpo.core.errors import RuleError

    try:
        yield
    except RuleError as refusal:
        raise OperatorError(str(refusal)) from None
    except ValidationError as refusal:
        raise OperatorError(" ".join(refusal.messages)) from None
    except PermissionDenied:
        raise OperatorError("That person may not do this.") from None


def createadmin(
    email: Annotated[str, typer.Option(prompt="E-mail", help="What the admin signs in with.")],
    name: Annotated[str, typer.Option(prompt="Name", help="What others see.")],
    password: Annotated[
        str,
        typer.Option(
            prompt="Password",
            hide_input=True,
            confirmation_prompt=True,
            envvar="TENPO_ADMIN_PASSWORD",
            help="Better asked for, or in the environment, than on the command line.",
        ),
    ],
) -> None:
    """Make an account that may do everything: the first one, on a new installation.

    Examples:

        tenpo createadmin
        TENPO_ADMIN_PASSWORD=… tenpo createadmin --email ada@example.com --name "Ada Lovelace"
    """
    with installation.django(), _refusals():
        from tenpo.people.actions.accounts import create_admin

        user = create_admin(email=email, name=name, password=password)
        Console(stderr=True).print(f"[green]{user.name} is an admin now, and signs in as {user.email}.[/]")


def dropfactors(
    email: Annotated[str, typer.Argument(help="Whose, as they sign in.", metavar="EMAIL")], yes: YesOption = False
) -> None:
    """Take somebody's authenticator app, passkeys and recovery codes away: they lost them and cannot sign in.

    Make sure that it is them who asks. They are signed out everywhere, and told by mail. Their password lets them in
    again, and where a second factor is asked for, they set up a new one first. The audit log says that it was done on
    the server.

    Example:

        tenpo dropfactors ada@example.com
    """
    with installation.django(), _refusals():
        from allauth.mfa.models import Authenticator

        from tenpo.access.actions.second_factors import drop_second_factors
        from tenpo.people.required_factors import is_bound

        user = _person(email)
        if not Authenticator.objects.filter(user_id=user.pk).exists():
            raise OperatorError(f"{user.name} has no second factor.")
        if not yes and not typer.confirm(f"Take all second factors from {user.name} ({user.email})?", err=True):
            Console(stderr=True).print("Nothing was done.")
            sys.exit(1)
        drop_second_factors(user, by=None)
        said = "sets up another at the next sign-in" if is_bound(user) else "signs in without one now"
        Console(stderr=True).print(f"[green]{user.name} has no second factor any more, and {said}.[/]")


def import_people(file: FileArgument, by: ByOption = "", yes: YesOption = False) -> None:
    """Invite everybody in a CSV file with the columns email, name and role (member, coach or admin).

    Each row is shown with its problem, and nobody is invited until you say so. The same file again invites only who
    is missing.

    Examples:

        tenpo import people staff.csv
        tenpo import people staff.csv --by ada@example.com --yes
    """
    with installation.django(), _refusals():
        from tenpo.people.actions import imports

        admin = _admin(by)
        import_ = imports.preview_people_import(file.name, file.read_bytes(), by=admin)
        _show(import_, "email", "name", "role")
        _ask(import_, "Invite", yes=yes)
        _run(imports.confirm_import(import_, by=admin), "Inviting")


def import_sessions(
    file: FileArgument,
    coach: Annotated[str, typer.Option(help="E-mail of the coach who gives the sessions.", metavar="EMAIL")],
    capacity: Annotated[int, typer.Option(help="Seats in each new session.", min=1)] = 10,
    price: Annotated[int, typer.Option(help="Price in the smallest unit: 4500 is 45.00.", min=0)] = 0,
    place: Annotated[str, typer.Option(help="Where, when the file does not say it.")] = "",
    by: ByOption = "",
    yes: YesOption = False,
) -> None:
    """Make the coming sessions of a calendar file (.ics).

    Each is shown with its problem, and nothing is made until you say so. The same file again brings its sessions up to
    date.

    Example:

        tenpo import sessions autumn.ics --coach max@example.com --capacity 12 --price 4500
    """
    with installation.django(), _refusals():
        from tenpo.schedule.actions import imports

        admin = _admin(by)
        import_ = imports.preview_sessions_import(file.name, file.read_bytes(), coach=_person(coach), by=admin)
        _show(import_, "title", "starts_at")
        _ask(import_, "Make", yes=yes)
        confirmed = imports.confirm_sessions_import(import_, capacity=capacity, price=price, place=place, by=admin)
        _run(confirmed, "Making sessions")


def _person(email: str) -> "User":
    from tenpo.people.models import User

    found: User | None = User.objects.with_roles().filter(email__iexact=email).first()
    if found is None:
        raise OperatorError(f"Nobody here has the e-mail address {email}.")
    return found


def _admin(email: str) -> "User":
    """In whose name: the one who is named, or the admin who has been here longest."""
    from tenpo.people.models import User

    if email:
        return _person(email)
    admins = User.objects.admins().active()
    found: User | None = admins.with_roles().order_by("id").first()
    if found is None:
        raise OperatorError("There is no admin yet. Make one with: tenpo createadmin")
    return found


def _show(import_: "Import", *columns: str) -> None:
    table = Table("Line", *(column.replace("_", " ").capitalize() for column in columns), "Problem", box=None)
    # What needs a look comes first.
    rows = sorted(import_.rows, key=lambda row: not row["problem"])
    for row in rows[:ROWS_SHOWN]:
        values = [str(row["data"].get(column, "")) for column in columns]
        table.add_row(str(row["line"]), *values, row["problem"], style="yellow" if row["problem"] else "")
    console = Console(stderr=True)
    console.print(table)
    if len(rows) > ROWS_SHOWN:
        console.print(f"[dim]… and {len(rows) - ROWS_SHOWN} more[/]")


def _ask(import_: "Import", verb: str, *, yes: bool) -> None:
    skipped = sum(1 for row in import_.rows if row["problem"])
    ready = len(import_.rows) - skipped
    said = f"{verb} {ready}" + (f", skip {skipped}" if skipped else "")
    if not ready:
        raise OperatorError("No row of this file can be imported.")
    if not yes and not typer.confirm(f"{said}?", err=True):
        Console(stderr=True).print("Nothing was done.")
        sys.exit(1)


def _run(import_: "Import", title: str) -> None:
    """Do the rows here and now; the job that was queued for them finds nothing left to do."""
    from tenpo.people.actions.imports import run_import

    progress, move = progress_bar(title)
    with progress:
        import_ = run_import(import_.pk, progress=move)
    refused = [row for row in import_.rows if row["problem"]]
    Console(stderr=True).print(f"[green]Done: {len(import_.rows) - len(refused)}.[/] Skipped: {len(refused)}.")
