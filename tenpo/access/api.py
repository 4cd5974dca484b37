from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Query, Router

from tenpo.access.actions.accounts import disable_user, enable_user, sign_out_device
from tenpo.access.actions.api_clients import create_api_client, revoke_api_client
from tenpo.access.models import ApiClient, Scope
from tenpo.core.api import (
    ApiRequest,
    InSchema,
    OutSchema,
    PageOut,
    PageQuery,
    TimeIn,
    is_by_key,
    problems,
    refuse_keys,
)
from tenpo.core.paging import keyset_page
from tenpo.core.words import say_device
from tenpo.people.api.accounts import PersonOut, find_person, person_out
from tenpo.people.http import check_fresh, visit_of
from tenpo.people.models import User

router = Router(tags=["Access"])


class KeyOut(OutSchema):
    """An API key; the key itself is never read again."""

    id: UUID
    owner_id: UUID
    name: str = Field(..., examples=["Payroll"])
    prefix: str = Field(..., description="What the key begins with, after `tenpo_`.", examples=["1f0c9a2b"])
    scopes: list[str] = Field(..., examples=[["read"]])
    state: Literal["good", "revoked", "expired"]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewKeyOut(KeyOut):
    """A key that was just made, with the secret that is shown this once."""

    key: str = Field(..., examples=["tenpo_1f0c9a2b_…"])


class KeyIn(InSchema):
    """What a new key is for."""

    name: str = Field(..., min_length=1, max_length=80, examples=["Payroll"])
    scope: Literal["read", "write"] = Field("read", description="`write` may read as well.")
    expires_at: TimeIn | None = Field(None, description="Null: never.", examples=["2030-01-01T00:00:00Z"])


class KeyQuery(PageQuery):
    """Whose keys."""

    owner_id: UUID | None = Field(None, description="Yours when left out; for admins also somebody else's.")


class DeviceOut(OutSchema):
    """A browser that is signed in to your account."""

    id: int
    name: str = Field(..., examples=["Firefox on Windows"])
    address: str = Field(..., examples=["203.0.113.7"])
    signed_in_at: datetime
    is_this_one: bool


def key_out(key: ApiClient) -> dict[str, Any]:
    """A key as the API shows it: never the secret."""
    return {**{name: getattr(key, name) for name in KeyOut.model_fields if name != "state"}, "state": key.state()}


@router.get("/api-keys", response=PageOut[KeyOut], summary="List API keys")
def list_api_keys(request: ApiRequest, query: Query[KeyQuery]) -> dict[str, Any]:
    """The newest first."""
    keys = ApiClient.objects.visible_to(request.user).filter(owner=query.owner_id or request.user.pk)
    page = keyset_page(keys, order=("-id",), cursor=query.cursor, limit=query.limit)
    return {"items": [key_out(key) for key in page.items], "next_cursor": page.next_cursor}


@router.post("/api-keys", response={201: NewKeyOut, **problems(403, 409)}, summary="Make an API key")
def create_api_key(request: ApiRequest, body: KeyIn) -> tuple[int, dict[str, Any]]:
    """It may do what you may do, within its scope. The answer shows the key once. 409 `too_many_keys`.

    Needs the session of a browser, in which its owner showed their password or second factor in the last quarter of
    an hour (403). A key makes no keys (403): whoever found it would make another one, which outlives it and goes on
    when it is revoked.
    """
    refuse_keys(request, _("A key cannot make keys. Sign in to make one."))
    check_fresh(request)
    scopes: list[str] = [Scope.READ, Scope.WRITE] if body.scope == "write" else [Scope.READ]
    client, key = create_api_client(
        request.user, name=body.name, scopes=scopes, expires_at=body.expires_at, by=request.user,
        visit=visit_of(request),
    )  # fmt: skip
    return 201, {**key_out(client), "key": key}


@router.delete("/api-keys/{uuid:key_id}", response={200: KeyOut, **problems(404)}, summary="Revoke an API key")
def revoke_api_key(request: ApiRequest, key_id: UUID) -> dict[str, Any]:
    """It is worthless from now on. Your own, or, for an admin, somebody's. Revoking twice changes nothing."""
    key = get_object_or_404(ApiClient.objects.visible_to(request.user), pk=key_id)
    return key_out(revoke_api_client(key, by=request.user))


@router.get("/devices", response=list[DeviceOut], summary="List signed-in devices")
def list_devices(request: ApiRequest) -> list[dict[str, Any]]:
    """Where you are signed in, the newest first."""
    here = visit_of(request)
    return [
        {
            "id": device.pk,
            "name": say_device(device.user_agent),
            "address": device.ip,
            "signed_in_at": device.created_at,
            "is_this_one": device.session_key == here,
        }
        for device in UserSession.objects.filter(user=request.user).order_by("-created_at", "-pk")
    ]


@router.delete("/devices/{int:device_id}", response={204: None, **problems(403, 404)}, summary="Sign a device out")
def delete_device(request: ApiRequest, device_id: int) -> tuple[int, None]:
    """End one of your own sessions at once.

    A session must have shown its password or second factor in the last quarter of an hour (403); a key shows itself.
    """
    device = get_object_or_404(UserSession, pk=device_id, user=request.user)
    if not is_by_key(request):
        check_fresh(request)
    sign_out_device(device, by=request.user)
    return 204, None


@router.post(
    "/people/{uuid:user_id}/disablement",
    response={200: PersonOut, **problems(403, 404, 409)},
    summary="Disable an account",
)
def create_disablement(request: ApiRequest, user_id: UUID) -> dict[str, Any]:
    """Nobody signs in with it, its devices are signed out, its API keys revoked. For admins. 409 `last_admin`.

    To shut an admin out needs what it needs to make one: the session of a browser, and who it is shown there (403).
    """
    person = find_person(request.user, user_id)
    _check_may_shut(request, person)
    return person_out(disable_user(person, by=request.user), request.user)


@router.delete(
    "/people/{uuid:user_id}/disablement",
    response={200: PersonOut, **problems(403, 404)},
    summary="Enable an account",
)
def delete_disablement(request: ApiRequest, user_id: UUID) -> dict[str, Any]:
    """Its owner may sign in again; old devices and keys stay out. For admins; an admin's account as to disable it."""
    person = find_person(request.user, user_id)
    _check_may_shut(request, person)
    return person_out(enable_user(person, by=request.user), request.user)


def _check_may_shut(request: ApiRequest, person: User) -> None:
    """An admin is shut out, and let in again, only by who has just shown who they are."""
    if request.user.is_admin and person.is_admin:
        refuse_keys(request, _("A key shuts no admin out, and lets none in. Sign in to do so."))
        check_fresh(request)
