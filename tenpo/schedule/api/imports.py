"""Sessions from a calendar file. Reading an import, whatever its kind, stands in `tenpo.people.api.imports`."""

from typing import Annotated
from uuid import UUID

from django.http import Http404
from ninja import Field, File, Form, Router, UploadedFile

from tenpo.core.api import ApiRequest, InSchema, check_form, problems
from tenpo.people.api.imports import ImportOut, ImportRowsOut, find_import
from tenpo.people.models import Import
from tenpo.schedule.actions.imports import confirm_sessions_import, preview_sessions_import
from tenpo.schedule.api.sessions import Beside, Place, chosen_coach, chosen_policy, coaches_named
from tenpo.schedule.ical_reading import MAX_BYTES

router = Router(tags=["Imports"])


class SessionsFileIn(InSchema):
    """Whose sessions the events of a file become."""

    model_config = {"json_schema_extra": {"example": {}}}

    coach_id: UUID | None = None
    beside_ids: Beside = []


class SessionsImportIn(InSchema):
    """What holds for every new session, as the file does not say it."""

    model_config = {"json_schema_extra": {"example": {"capacity": 12, "price": 8000, "place": "Studio"}}}

    capacity: Annotated[int, Field(ge=1, le=10_000)]
    price: Annotated[int, Field(ge=0)]
    place: Annotated[Place, Field(description="For events that do not say where they take place.")] = ""
    cancellation_policy_id: UUID | None = None


@router.post(
    "/imports/sessions",
    response={201: ImportRowsOut, **problems(403, 404, 422)},
    summary="Upload a calendar file of sessions",
)
def create_sessions_import(
    request: ApiRequest, file: File[UploadedFile], form: Form[SessionsFileIn]
) -> tuple[int, Import]:
    """An `.ics` file of at most 1 MB and 500 events within the next 180 days. Nothing is made until you confirm.

    The answer shows every event with its problem. Without `coach_id` the sessions are the caller's own; those of
    `beside_ids` give every new one with them.
    """
    check_form(request, "file", *SessionsFileIn.model_fields)
    coach, beside = chosen_coach(request.user, form.coach_id), coaches_named(request.user, form.beside_ids)
    # One byte more than allowed is enough to refuse it.
    content = file.read(MAX_BYTES + 1)
    return 201, preview_sessions_import(file.name or "", content, coach=coach, by=request.user, beside=beside)


@router.post(
    "/imports/sessions/{uuid:import_id}/confirmation",
    response={202: ImportOut, **problems(403, 404, 409)},
    summary="Confirm an import of sessions",
)
def create_sessions_import_confirmation(
    request: ApiRequest, import_id: UUID, body: SessionsImportIn
) -> tuple[int, Import]:
    """Have the events without a problem made into sessions; confirming twice changes nothing."""
    import_ = find_import(request.user, import_id)
    if import_.kind != Import.Kind.SESSIONS:
        raise Http404
    policy_id = body.cancellation_policy_id
    policy = chosen_policy(request.user, policy_id) if policy_id else None
    return 202, confirm_sessions_import(
        import_,
        capacity=body.capacity,
        price=body.price,
        place=body.place,
        cancellation_policy=policy,
        by=request.user,
    )
