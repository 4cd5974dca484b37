"""Files read row by row: looked over first, done only when confirmed, gone on with after a stop.

What every kind of import shares stands here; each kind says in `IMPORT_ROWS` (settings) which function does one row.
A row is `{"line": 2, "data": {…}, "problem": ""}`: a row with a problem is skipped. An error that shows while the row
is done is written into it, and the rows after it go on.
"""

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.jobs import defer
from tenpo.core.limits import IMPORTS_KEPT
from tenpo.core.outbox import publish
from tenpo.people.actions.invites import invite_person
from tenpo.people.actions.visits import lock_signed_in, lock_user
from tenpo.people.models import NAME_LENGTH, Import, Invite, User
from tenpo.people.permissions import is_active_admin

MAX_BYTES = 1_000_000
MAX_ROWS = 5_000
MAX_FILE_NAME = 200
BATCH = 50

type Row = dict[str, Any]
type Progress = Callable[[int, int, str], None]


@transaction.atomic
def start_import(
    kind: str, *, file_name: str, rows: list[Row], options: dict[str, Any] | None = None, by: User
) -> Import:
    """Keep the rows of a file, each with its problem, for somebody to look over. Nothing is done yet.

    Of each person the newest hundred files are kept; the audit log keeps what became of those before.
    """
    # So that two at once count each other.
    lock_user(by)
    import_ = Import.objects.create(
        kind=kind, file_name=file_name[-MAX_FILE_NAME:], rows=rows, options=options or {}, created_by=by
    )
    _forget_oldest(by)
    record("import.previewed", by=by, on=import_, after={"rows": len(rows), "skipped": count_problems(rows)})
    return import_


def _forget_oldest(whose: User) -> None:
    resting = Import.objects.filter(created_by=whose).exclude(state=Import.State.RUNNING)
    kept = Import.objects.filter(created_by=whose).order_by("-id").values("pk")[:IMPORTS_KEPT]
    # One that is confirmed at this moment is passed over: it is under way then, and stays.
    old = resting.exclude(pk__in=kept).select_for_update(skip_locked=True).values_list("pk", flat=True)
    Import.objects.filter(pk__in=list(old)).delete()


@transaction.atomic
def confirm_import(import_: Import, *, by: User, visit: str | None = None) -> Import:
    """Have the rows without a problem done by a job, as asked in `visit`. Confirming twice changes nothing."""
    if import_.kind == Import.Kind.PEOPLE:
        # It lets people in for good: none is confirmed by who was signed out meanwhile.
        lock_signed_in(by, visit=visit)
    import_ = Import.objects.select_for_update(no_key=True).get(pk=import_.pk)
    if by.disabled_at is not None or (import_.created_by_id != by.pk and not by.is_admin):
        raise PermissionDenied
    if import_.state != Import.State.PREVIEW:
        return import_
    if import_.options.get("asks"):
        raise RuleError("options_needed", _("This import asks for more than a confirmation."))
    if count_problems(import_.rows) == len(import_.rows):
        raise RuleError("nothing_to_import", _("No row of this file can be imported."))
    import_.state = Import.State.RUNNING
    import_.confirmed_at = clock.now()
    import_.save(update_fields=["state", "confirmed_at"])
    record("import.confirmed", by=by, on=import_, after={"rows": len(import_.rows)})
    defer("people.run_import", import_id=str(import_.pk))
    return import_


def run_import(import_id: UUID | str, progress: Progress | None = None) -> Import:
    """Do the rows of a confirmed import, from where it stands; tells `progress` (done, of how many, what) on the way.

    Each batch commits with the count of rows done, so after a stop no row is done twice, whoever goes on.
    """
    while True:
        import_ = _run_batch(import_id)
        if progress:
            progress(import_.rows_done, len(import_.rows), import_.file_name)
        if import_.state != Import.State.RUNNING:
            return import_


@transaction.atomic
def stop_files_of(user: User, *, by: User | None) -> None:
    """Make nobody an admin any more by a file that `user` uploaded and that is under way; its other rows go on.

    Call it under the lock of the user's row: a batch of the file holds that, too.
    """
    for import_ in Import.objects.inviting_for(user).select_for_update(no_key=True).order_by("pk"):
        if stopped := import_.admins_to_come():
            for row in stopped:
                row["problem"] = _("Stopped: all that still let somebody in for whoever uploaded this file was ended.")
            import_.save(update_fields=["rows"])
            record("import.stopped", by=by, on=import_, after={"skipped": len(stopped)})


@transaction.atomic
def _run_batch(import_id: UUID | str) -> Import:
    import_ = Import.objects.select_related("created_by").get(pk=import_id)
    if import_.kind == Import.Kind.PEOPLE:
        # First, as whoever ends all that lets somebody in does: their row, then their files.
        lock_user(import_.created_by)
    import_ = Import.objects.select_for_update(no_key=True, of=("self",)).select_related("created_by").get(pk=import_id)
    if import_.state != Import.State.RUNNING:
        return import_
    do_row = import_string(settings.IMPORT_ROWS[import_.kind])
    fields = ["rows_done"]
    for row in import_.rows[import_.rows_done : import_.rows_done + BATCH]:
        if not row["problem"] and (problem := _try_row(do_row, row, import_)):
            row["problem"] = problem
            fields = ["rows_done", "rows"]
    import_.rows_done = min(import_.rows_done + BATCH, len(import_.rows))
    if import_.rows_done == len(import_.rows):
        import_.state = Import.State.DONE
        import_.finished_at = clock.now()
        fields += ["state", "finished_at"]
        after = {"done": len(import_.rows) - count_problems(import_.rows), "skipped": count_problems(import_.rows)}
        record("import.finished", by=import_.created_by, on=import_, after=after)
        publish("import.finished", subject=import_, kind=import_.kind)
    import_.save(update_fields=fields)
    return import_


def _try_row(do_row: Callable[..., Any], row: Row, import_: Import) -> str:
    try:
        with transaction.atomic():
            do_row(row["data"], import_=import_, by=import_.created_by)
    except (RuleError, ValidationError) as refusal:
        return " ".join(refusal.messages) if isinstance(refusal, ValidationError) else str(refusal)
    except PermissionDenied:
        return _("Whoever uploaded this file may not do it any more.")
    return ""


def count_problems(rows: Iterable[Row]) -> int:
    """How many rows are skipped."""
    return sum(1 for row in rows if row["problem"])


def roles_given(import_: Import) -> set[str]:
    """The roles that the rows of an import give; of sessions, none."""
    return {row["data"].get("role", "") for row in import_.rows if not row["problem"]}


def preview_people_import(file_name: str, content: bytes, *, by: User) -> Import:
    """Read a CSV file of people to invite: header email, name, role; nobody is invited yet.

    Raises PermissionDenied, and ValidationError ("file") for a file that cannot be read.
    """
    if not is_active_admin(by):
        raise PermissionDenied
    rows = _read_people(_text(content))
    _note_people_problems(rows)
    return start_import(Import.Kind.PEOPLE, file_name=file_name, rows=rows, by=by)


def invite_row(data: dict[str, str], *, import_: Import, by: User) -> None:
    """Invite the person of one row."""
    invite_person(data["email"], role=data["role"], name=data["name"], by=by)


def _unreadable(message: str) -> ValidationError:
    return ValidationError({"file": message})


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _unreadable(_("The file is larger than 1 MB."))
    if b"\0" in content:
        raise _unreadable(_("This is not a CSV file. Save the table as CSV first."))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What older spreadsheets write in Western Europe; every byte means something in it.
        return content.decode("latin-1")


def _read_people(text: str) -> list[Row]:
    first = text.partition("\n")[0]
    delimiter = max(";,\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = [name.strip().lower().replace("-", "") for name in next(reader, [])]
        if "email" not in header:
            raise _unreadable(_("The first line must name the columns, and one of them must be “email”."))
        rows = [_person(reader.line_num, header, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error:
        raise _unreadable(_("This is not a CSV file. Save the table as CSV first.")) from None
    if not rows:
        raise _unreadable(_("There is nobody in this file."))
    if len(rows) > MAX_ROWS:
        raise _unreadable(_("The file has more than %(n)s people. Split it.") % {"n": MAX_ROWS})
    return rows


def _person(line: int, header: list[str], cells: list[str]) -> Row:
    found = dict(zip(header, (cell.strip() for cell in cells), strict=False))
    data = {
        "email": found.get("email", ""),
        "name": found.get("name", ""),
        "role": found.get("role", "").lower() or str(Invite.Grant.MEMBER),
    }
    return {"line": line, "data": data, "problem": ""}


def _note_people_problems(rows: list[Row]) -> None:
    """Write beside each row why it is skipped. Two statements, however many rows."""
    addresses = [row["data"]["email"].lower() for row in rows]
    accounts = _known(User.objects.all(), addresses)
    invited = _known(Invite.objects.open(), addresses)
    seen: set[str] = set()
    for row, address in zip(rows, addresses, strict=True):
        row["problem"] = _person_problem(row["data"]) or (
            _("Twice in this file.")
            if address in seen
            else _("Has an account already.")
            if address in accounts
            else _("Is invited already.")
            if address in invited
            else ""
        )
        seen.add(address)


def _known(rows: QuerySet[Any], addresses: list[str]) -> set[str]:
    return set(rows.annotate(address=Lower("email")).filter(address__in=addresses).values_list("address", flat=True))


def _person_problem(data: dict[str, str]) -> str:
    try:
        validate_email(data["email"])
    except ValidationError:
        return _("This is not an e-mail address.") if data["email"] else _("The e-mail address is missing.")
    if len(data["email"]) > 254 or len(data["name"]) > NAME_LENGTH:
        return _("The address or the name is too long.")
    if data["role"] not in Invite.Grant.values:
        return _("We do not know this role. Use member, coach or admin.")
    return ""
