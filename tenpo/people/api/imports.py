"""Files of people or sessions: uploaded, looked over, confirmed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, File, Query, Router, UploadedFile

from tenpo.core.api import ApiRequest, OutSchema, PageOut, PageQuery, check_form, problems
from tenpo.core.paging import keyset_page
from tenpo.people.actions.imports import MAX_BYTES, confirm_import, count_problems, preview_people_import, roles_given
from tenpo.people.api.invites import check_may_invite
from tenpo.people.http import visit_of
from tenpo.people.models import Import, User

router = Router(tags=["Imports"])


class ImportOut(OutSchema):
    """A file that was read row by row."""

    id: UUID
    kind: str = Field(..., examples=["people"])
    file_name: str = Field(..., examples=["people.csv"])
    state: str = Field(..., description="`preview`, `running` or `done`.", examples=["preview"])
    rows_total: int = Field(..., examples=[316])
    rows_skipped: int = Field(..., description="Rows with a problem.", examples=[4])
    rows_done: int = Field(..., description="How far it is.", examples=[0])
    created_at: datetime
    confirmed_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def resolve_rows_total(import_: Import) -> int:
        return len(import_.rows)

    @staticmethod
    def resolve_rows_skipped(import_: Import) -> int:
        return count_problems(import_.rows)


class RowOut(OutSchema):
    """One row of a file; with a problem it is skipped."""

    line: int = Field(..., examples=[2])
    data: dict[str, Any] = Field(..., examples=[{"email": "lena@example.com", "name": "Lena", "role": "member"}])
    problem: str = Field("", examples=["Has an account already."])


class ImportRowsOut(ImportOut):
    """A file with its rows."""

    rows: list[RowOut]


def find_import(viewer: User, import_id: UUID) -> Import:
    """An import that `viewer` may see; 404 otherwise."""
    return get_object_or_404(Import.objects.visible_to(viewer), pk=import_id)


@router.get("/imports", response=PageOut[ImportOut], summary="List imports")
def list_imports(request: ApiRequest, query: Query[PageQuery]) -> dict[str, Any]:
    """Files that you uploaded, the newest first; admins see all."""
    imports = Import.objects.visible_to(request.user)
    return PageOut.of(keyset_page(imports, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post(
    "/imports/people", response={201: ImportRowsOut, **problems(403, 422)}, summary="Upload a file of people to invite"
)
def create_people_import(request: ApiRequest, file: File[UploadedFile]) -> tuple[int, Import]:
    """A CSV file: header `email,name,role`, at most 5,000 rows and 1 MB. Nobody is invited until you confirm.

    The answer shows every row with its problem. For admins.
    """
    check_form(request, "file")
    # One byte more than allowed is enough to refuse it.
    return 201, preview_people_import(file.name or "", file.read(MAX_BYTES + 1), by=request.user)


@router.get("/imports/{uuid:import_id}", response={200: ImportRowsOut, **problems(404)}, summary="Read an import")
def get_import(request: ApiRequest, import_id: UUID) -> Import:
    """Its rows, and how far it is."""
    return find_import(request.user, import_id)


@router.post(
    "/imports/{uuid:import_id}/confirmation",
    response={202: ImportOut, **problems(403, 404, 409)},
    summary="Confirm an import",
)
def create_import_confirmation(request: ApiRequest, import_id: UUID) -> tuple[int, Import]:
    """Have the rows without a problem done; confirming twice changes nothing. 409 `nothing_to_import`.

    403 when one of them makes an admin, for a key and for a session as in "Invite somebody".
    """
    import_ = find_import(request.user, import_id)
    for role in roles_given(import_):
        check_may_invite(request, role)
    return 202, confirm_import(import_, by=request.user, visit=visit_of(request))
