from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.audit.actions import note_export
from tenpo.audit.models import AuditLog
from tenpo.audit.permissions import can_read_audit
from tenpo.audit.queries import CSV_HEADER, AuditFilter, csv_name, csv_rows, find_records
from tenpo.core.api import ApiRequest, DayIn, InSchema, OutSchema, PageOut, PageQuery, file_answer, problems
from tenpo.core.csv import csv_answer
from tenpo.core.paging import keyset_page

router = Router(tags=["audit"])


class AuditRecordOut(OutSchema):
    """Who did what to which thing, when, from where, and what it was before and after."""

    id: UUID
    created_at: datetime
    actor_id: Annotated[UUID | None, Field(description="Null: Tenpo itself.")]
    actor_name: str
    action: Annotated[str, Field(examples=["booking.cancelled"])]
    object_type: Annotated[str, Field(examples=["schedule.Booking"])]
    object_id: UUID
    object_name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    via: Annotated[str, Field(description="`page`, `api`, `job` or `command`.", examples=["page"])]
    address: str | None
    agent: str
    request_id: str


class AuditChoice(InSchema):
    """Which records."""

    words: Annotated[str, Field(max_length=200, description="Of actor, act and thing; each counts from its start.")] = (
        ""
    )
    actor_id: UUID | None = None
    object_id: UUID | None = None
    action: Annotated[str, Field(max_length=80, examples=["booking.cancelled"])] = ""
    via: Annotated[str, Field(max_length=10)] = ""
    since: DayIn | None = None
    until: Annotated[DayIn | None, Field(description="Included.")] = None

    def wanted(self) -> AuditFilter:
        """The same, as the query takes it."""
        names = ("words", "actor_id", "object_id", "action", "via", "since", "until")
        return AuditFilter(**{name: getattr(self, name) for name in names})


class AuditQuery(PageQuery, AuditChoice):
    """Which records, and where the list goes on."""


@router.get(
    "/audit-records", response={200: PageOut[AuditRecordOut], **problems(403)}, summary="Search the audit records"
)
def list_audit_records(request: ApiRequest, query: Query[AuditQuery]) -> dict[str, Any]:
    """What was done, newest first. For admins."""
    rows = find_records(_records(request), query.wanted())
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.get(
    "/audit-records/csv-file",
    response={200: str, **problems(403)},
    summary="Export the audit records as CSV",
    openapi_extra=file_answer("text/csv"),
)
def export_audit_records(request: ApiRequest, query: Query[AuditChoice]) -> StreamingHttpResponse:
    """The records as `text/csv`, safe to open in a spreadsheet; the export is itself recorded. For admins."""
    rows = find_records(_records(request), query.wanted())
    note_export(by=request.user, wanted=query.model_dump(mode="json", exclude_defaults=True))
    return csv_answer(csv_name(), CSV_HEADER, csv_rows(rows))


@router.get(
    "/audit-records/{record_id}", response={200: AuditRecordOut, **problems(404)}, summary="Read an audit record"
)
def get_audit_record(request: ApiRequest, record_id: UUID) -> AuditLog:
    """One record. For admins; for everybody else there is none."""
    rows = AuditLog.objects.visible_to(request.user).defer("search")
    found: AuditLog = get_object_or_404(rows, pk=record_id)
    return found


def _records(request: ApiRequest) -> QuerySet[AuditLog]:
    if not can_read_audit(request.user):
        raise PermissionDenied
    return AuditLog.objects.visible_to(request.user).defer("search")
