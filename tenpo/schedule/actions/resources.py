"""What belongs to a session and stays after it: files and links."""

from typing import NotRequired, TypedDict, Unpack
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core.errors import RuleError
from tenpo.core.files import KeptFile, drop_file, drop_unnamed, is_named_like_a_picture, keep_file
from tenpo.core.limits import RESOURCE_BYTES_KEPT, RESOURCES_KEPT
from tenpo.core.models import check_fields
from tenpo.core.once import made_before
from tenpo.core.outbox import publish
from tenpo.core.tokens import new_id
from tenpo.people.models import User
from tenpo.schedule.actions.seats import lock_session
from tenpo.schedule.models import Session
from tenpo.schedule.permissions import can_manage_session
from tenpo.schedule.resource_models import SessionResource

FOLDER = "resources"


class ResourceTerms(TypedDict):
    """What a resource is, whether file or link. `duration_seconds` is a recording's."""

    kind: str
    name: str
    is_public: NotRequired[bool]
    duration_seconds: NotRequired[int | None]


def add_file(
    session: Session, file: "UploadedFile[bytes]", *, by: User, once: UUID | None = None, **terms: Unpack[ResourceTerms]
) -> SessionResource:
    """Keep a file with a session; what is no picture is never called one.

    The file is written before its row and outside of any transaction; without a row it is let go again.
    Raises ValidationError; RuleError too_large, empty, not_a_picture, too_many, too_much.
    """
    if not can_manage_session(by, session):
        raise PermissionDenied
    kept = keep_file(FOLDER, file.chunks())
    try:
        return _add(session, kept=kept, file_name=file.name or "", by=by, once=once, terms=terms)
    except BaseException:
        drop_file(kept.key)
        raise


def add_link(
    session: Session, link: str, *, by: User, once: UUID | None = None, **terms: Unpack[ResourceTerms]
) -> SessionResource:
    """Keep a link with a session. Raises ValidationError; RuleError too_many."""
    return _add(session, link=link, by=by, once=once, terms=terms)


@transaction.atomic
def change_resource(
    resource: SessionResource, *, by: User, name: str | None = None, is_public: bool | None = None
) -> SessionResource:
    """Call a file or link otherwise, or say who may see it. What is equal is no change. Raises ValidationError."""
    lock_session(resource.session_id)
    resource = SessionResource.objects.select_related("session").get(pk=resource.pk)
    if not can_manage_session(by, resource.session):
        raise PermissionDenied
    wanted = {"name": name, "is_public": is_public}
    before = {key: getattr(resource, key) for key, new in wanted.items() if new not in (None, getattr(resource, key))}
    if not before:
        return resource
    for key in before:
        setattr(resource, key, wanted[key])
    check_fields(resource, "name")
    resource.save(update_fields=list(before))
    record("resource.changed", by=by, on=resource, before=before, after={key: wanted[key] for key in before})
    return resource


@transaction.atomic
def remove_resource(resource: SessionResource, *, by: User) -> None:
    """Take a file or link away; nobody finds it from now on, and its file is gone within two days at most."""
    lock_session(resource.session_id)
    found = SessionResource.objects.select_related("session").filter(pk=resource.pk).first()
    if found is None:
        return
    if not can_manage_session(by, found.session):
        raise PermissionDenied
    record("resource.removed", by=by, on=found, before={"name": found.name, "is_public": found.is_public})
    found.delete()


def drop_unnamed_files() -> int:
    """Let go the files of resources that are no more; returns how many. A job runs it."""
    named = SessionResource.objects.exclude(file_key="").values_list("file_key", flat=True)
    return drop_unnamed(FOLDER, set(named))


@transaction.atomic
def _add(
    session: Session,
    *,
    kept: KeptFile | None = None,
    file_name: str = "",
    link: str = "",
    by: User,
    once: UUID | None,
    terms: ResourceTerms,
) -> SessionResource:
    session = lock_session(session.pk)
    if not can_manage_session(by, session):
        raise PermissionDenied
    if made := made_before(session.resources.all(), once, link=link):
        if kept:
            drop_file(kept.key)
        return made
    if session.resources.count() >= RESOURCES_KEPT:
        raise RuleError("too_many", _("A session keeps %(n)s files and links.") % {"n": RESOURCES_KEPT})
    resource = SessionResource(id=once or new_id(), session=session, link=link, uploaded_by=by, **terms)
    if kept:
        _check_picture(kept, file_name)
        _check_room_for(kept, by)
        resource.file_key, resource.size_bytes, resource.mime_type = kept.key, kept.size, kept.mime_type
        resource.name = resource.name or file_name
    check_fields(resource, "name", "kind", "link", "duration_seconds")
    resource.save(force_insert=True)
    record("resource.added", by=by, on=resource, after={"name": resource.name, "is_public": resource.is_public})
    publish("resource.added", subject=resource, session_id=session.pk, kind=resource.kind)
    return resource


def _check_picture(kept: KeptFile, file_name: str) -> None:
    if is_named_like_a_picture(file_name) and not kept.mime_type.startswith("image/"):
        raise RuleError("not_a_picture", _("This file is called a picture and is none."))


def _check_room_for(kept: KeptFile, by: User) -> None:
    """Refuse what is more than one person may keep. Of two at once both may just get in; the next one does not."""
    there = SessionResource.objects.filter(uploaded_by=by).aggregate(size=Sum("size_bytes", default=0))["size"]
    if there + kept.size > RESOURCE_BYTES_KEPT:
        words = _("Your files take %(n)s GB already, and more is not kept. Take some away, or keep a link.")
        raise RuleError("too_much", words % {"n": RESOURCE_BYTES_KEPT // 1_000_000_000})
