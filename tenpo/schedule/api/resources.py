"""Files and links of a session."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import FileResponse
from django.shortcuts import get_object_or_404
from ninja import Field, File, Form, Router, UploadedFile

from tenpo.core.api import ApiRequest, InSchema, OutSchema, check_form, file_answer, problems
from tenpo.core.limits import hit
from tenpo.schedule.actions.resources import add_file, add_link, change_resource, remove_resource
from tenpo.schedule.api.sessions import visible_session
from tenpo.schedule.resource_files import file_answer_of
from tenpo.schedule.resource_models import SessionResource

router = Router(tags=["Sessions"])

Kind = Literal["recording", "slides", "document", "other"]
Name = Annotated[str, Field(max_length=200)]
Seconds = Annotated[int, Field(ge=0, le=86_400, description="How long a recording is.")]


class ResourceOut(OutSchema):
    """A file or a link of a session."""

    id: UUID
    session_id: UUID
    kind: Kind
    name: str
    link: Annotated[str, Field(description="Empty for a file, which is fetched at `/resources/{id}/file`.")]
    is_file: bool
    size_bytes: int | None
    mime_type: Annotated[str, Field(description="By its content: of a picture or a PDF; else bytes.")]
    duration_seconds: int | None
    is_public: Annotated[bool, Field(description="For everybody who sees the session, not just who has a place.")]
    created_at: datetime


class LinkIn(InSchema):
    """A link to keep with a session."""

    model_config = {
        "json_schema_extra": {
            "example": {"kind": "recording", "name": "Breathing, 2 March", "link": "https://video.example.com/1"}
        }
    }

    kind: Kind
    name: Annotated[Name, Field(min_length=1)]
    link: Annotated[str, Field(max_length=500)]
    is_public: bool = False
    duration_seconds: Seconds | None = None


class ResourcePatch(InSchema):
    """What to change; what is left out stays."""

    model_config = {"json_schema_extra": {"example": {"is_public": True}}}

    name: Annotated[Name, Field(min_length=1)] | None = None
    is_public: bool | None = None


@router.get(
    "/sessions/{uuid:session_id}/resources",
    response={200: list[ResourceOut], **problems(404)},
    summary="List files and links",
)
def list_session_resources(request: ApiRequest, session_id: UUID) -> Any:
    """What a session keeps, as far as the caller may have it: all with a place in it, what is public without."""
    session = visible_session(request.user, session_id)
    return list(SessionResource.objects.visible_to(request.user).filter(session=session).order_by("id"))


@router.post(
    "/sessions/{uuid:session_id}/resources",
    response={201: ResourceOut, **problems(403, 404, 409)},
    summary="Keep a link",
)
def create_session_link(request: ApiRequest, session_id: UUID, body: LinkIn) -> tuple[int, SessionResource]:
    """For the session's coach and admins. 409 `too_many`."""
    session = visible_session(request.user, session_id)
    return 201, add_link(session, by=request.user, **body.model_dump())


@router.post(
    "/sessions/{uuid:session_id}/files",
    response={201: ResourceOut, **problems(403, 404, 409, 422)},
    summary="Keep a file",
)
def create_session_file(
    request: ApiRequest,
    session_id: UUID,
    file: File[UploadedFile],
    kind: Form[Kind] = "document",
    name: str = Form("", max_length=200),  # type: ignore[type-arg] # the other way loses its default
    *,
    is_public: Form[bool] = False,
) -> tuple[int, SessionResource]:
    """A file of at most 24 MB. Without `name` it is called as it is.

    409 `too_large`, `empty`, `not_a_picture`, `too_many`, `too_much` where all of the caller's files are.
    """
    check_form(request, "file", "kind", "name", "is_public")
    session = visible_session(request.user, session_id)
    hit("upload-user", request.user.pk)
    hit("upload-user-day", request.user.pk)
    return 201, add_file(session, file, kind=kind, name=name, is_public=is_public, by=request.user)


@router.get(
    "/resources/{uuid:resource_id}/file",
    response=problems(404),
    summary="Fetch a file",
    openapi_extra=file_answer("application/octet-stream"),
)
def get_resource_file(request: ApiRequest, resource_id: UUID) -> FileResponse:
    """The file as an attachment; a part of it where a `Range` is asked for."""
    rows = SessionResource.objects.visible_to(request.user).exclude(file_key="")
    return file_answer_of(request, get_object_or_404(rows, pk=resource_id))


@router.patch(
    "/resources/{uuid:resource_id}",
    response={200: ResourceOut, **problems(403, 404)},
    summary="Change a file or link",
)
def patch_resource(request: ApiRequest, resource_id: UUID, body: ResourcePatch) -> SessionResource:
    """What it is called, and whether everybody may have it."""
    resource = get_object_or_404(SessionResource.objects.visible_to(request.user), pk=resource_id)
    return change_resource(resource, by=request.user, **body.model_dump(exclude_unset=True))


@router.delete(
    "/resources/{uuid:resource_id}", response={204: None, **problems(403, 404)}, summary="Take a file or link away"
)
def delete_resource(request: ApiRequest, resource_id: UUID) -> tuple[int, None]:
    """Nobody finds it any more; the file itself is gone within two days."""
    resource = get_object_or_404(SessionResource.objects.visible_to(request.user), pk=resource_id)
    remove_resource(resource, by=request.user)
    return 204, None
