"""Invites: made, sent, revoked, answered."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from allauth.account.models import EmailAddress
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from ninja import Field, Query, Router
from pydantic import StringConstraints

from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, problems, refuse_keys
from tenpo.core.limits import hit
from tenpo.core.networks import counted
from tenpo.core.paging import keyset_page
from tenpo.people.actions.invites import (
    MAX_INVITE_DAYS,
    accept_invite,
    create_invite_link,
    decline_invite,
    invite_person,
    renew_invite_link,
    resend_invite,
    revoke_invite,
)
from tenpo.people.http import check_fresh, visit_of
from tenpo.people.models import Invite, User
from tenpo.people.permissions import check_admin
from tenpo.people.queries import find_invites

router = Router(tags=["Invites"])

Grant = Literal["member", "coach", "admin"]
StateName = Literal["open", "accepted", "declined", "revoked", "expired"]


class InviteOut(OutSchema):
    """An invite and what became of it. Its link is never read again."""

    id: UUID
    email: str = Field(..., description="Empty for a bare link.", examples=["lena@example.com"])
    name: str = Field(..., examples=["Lena Okafor"])
    role: str = Field(..., examples=["member"])
    state: StateName
    created_at: datetime
    created_by_id: UUID
    expires_at: datetime
    sent_at: datetime | None = Field(..., description="When the mail with the link that works now left.")
    send_error: str = Field(..., description="Why the last mail did not leave.")
    accepted_by_id: UUID | None


class InviteLinkOut(InviteOut):
    """An invite with its link, which is shown this once; null when the link goes out by mail."""

    link: str | None = Field(..., examples=["https://coaching.example.com/invite/2n9c…/"])


class InviteQuery(PageQuery):
    """Which invites."""

    q: str = Field("", max_length=80, description="A part of the name or the address.")
    state: Literal["", StateName] = ""


class InviteIn(InSchema):
    """Whom to invite."""

    email: str = Field("", max_length=254, description="Empty: make a bare link.", examples=["lena@example.com"])
    name: str = Field("", max_length=120, examples=["Lena Okafor"])
    role: Grant = "member"
    days: Annotated[int, Field(ge=1, le=MAX_INVITE_DAYS, description="Until the link ends.")] | None = None


class AcceptanceIn(InSchema):
    """What somebody who accepts says of themselves."""

    name: str = Field(..., min_length=1, max_length=120, examples=["Lena Okafor"])
    # As it was typed: whoever signs in with it sends the spaces around it, too.
    password: Annotated[str, StringConstraints(strip_whitespace=False)] = Field(
        ..., max_length=256, examples=["four words put together"]
    )
    email: str = Field("", max_length=254, description="Only for a bare link.")


class AcceptedOut(OutSchema):
    """The account that was made. Sign in with it under `/_allauth/`."""

    user_id: UUID
    email: str = Field(..., examples=["lena@example.com"])
    email_is_verified: bool = Field(..., description="False: signing in asks for a code that was mailed.")


def find_invite(viewer: User, invite_id: UUID) -> Invite:
    """An invite that `viewer` may see; 404 otherwise."""
    return get_object_or_404(Invite.objects.visible_to(viewer), pk=invite_id)


def check_may_invite(request: ApiRequest, role: str) -> None:
    """Let another admin in only by who has just shown who they are: that one stays, whatever ends here."""
    if role == Invite.Grant.ADMIN:
        refuse_keys(request, _("A key cannot invite admins. Sign in to do so."))
        check_fresh(request)


def invite_out(invite: Invite) -> dict[str, Any]:
    """An invite as the API shows it."""
    plain = {name: getattr(invite, name) for name in InviteOut.model_fields if name != "state"}
    return {**plain, "state": invite.state()}


def with_link(invite: Invite, link: str | None) -> dict[str, Any]:
    """An invite with the link that is shown once."""
    return {**invite_out(invite), "link": link}


@router.get("/invites", response={200: PageOut[InviteOut], **problems(403)}, summary="List invites")
def list_invites(request: ApiRequest, query: Query[InviteQuery]) -> dict[str, Any]:
    """The newest first. For admins."""
    check_admin(request.user)
    invites = find_invites(Invite.objects.visible_to(request.user), q=query.q, state=query.state)
    page = keyset_page(invites, order=("-id",), cursor=query.cursor, limit=query.limit)
    return {"items": [invite_out(invite) for invite in page.items], "next_cursor": page.next_cursor}


@router.post("/invites", response={201: InviteLinkOut, **problems(403, 409, 429)}, summary="Invite somebody")
def create_invite(request: ApiRequest, body: InviteIn) -> tuple[int, dict[str, Any]]:
    """By e-mail, or without an address as a bare link, which this answer shows once.

    409 `account_exists`, `already_invited`. An admin is invited by the session of a browser, not by a key, and by who
    showed their password or second factor in it in the last quarter of an hour (403).
    """
    check_may_invite(request, body.role)
    hit("invite-send", request.user.pk)
    if body.email:
        invite = invite_person(
            body.email, role=body.role, name=body.name, days=body.days, by=request.user, visit=visit_of(request)
        )
        return 201, with_link(invite, None)
    made = create_invite_link(role=body.role, name=body.name, days=body.days, by=request.user, visit=visit_of(request))
    return 201, with_link(*made)


@router.post(
    "/invites/{uuid:invite_id}/mailing",
    response={202: InviteOut, **problems(403, 404, 409, 429)},
    summary="Send an invite again",
)
def resend_invite_mail(request: ApiRequest, invite_id: UUID) -> tuple[int, dict[str, Any]]:
    """With a new link; the old one is worthless from now on. 409 `invite_settled`, `no_address`, `account_exists`.

    403 when it makes an admin, for a key and for a session as in "Invite somebody".
    """
    invite = find_invite(request.user, invite_id)
    check_may_invite(request, invite.role)
    hit("invite-send", request.user.pk)
    return 202, invite_out(resend_invite(invite, by=request.user, visit=visit_of(request)))


@router.post(
    "/invites/{uuid:invite_id}/link",
    response={201: InviteLinkOut, **problems(403, 404, 409)},
    summary="Make a new link of an invite",
)
def create_invite_link_again(request: ApiRequest, invite_id: UUID) -> tuple[int, dict[str, Any]]:
    """To hand over yourself; the old one is worthless from now on. 409 `invite_settled`, `account_exists`.

    403 when it makes an admin, for a key and for a session as in "Invite somebody".
    """
    invite = find_invite(request.user, invite_id)
    check_may_invite(request, invite.role)
    return 201, with_link(*renew_invite_link(invite, by=request.user, visit=visit_of(request)))


@router.post(
    "/invites/{uuid:invite_id}/revocation",
    response={200: InviteOut, **problems(403, 404, 409)},
    summary="Revoke an invite",
)
def create_invite_revocation(request: ApiRequest, invite_id: UUID) -> dict[str, Any]:
    """Its link is worthless from now on. Revoking twice changes nothing. 409 `invite_settled` once it is answered."""
    return invite_out(revoke_invite(find_invite(request.user, invite_id), by=request.user))


@router.post(
    "/invites/{str:token}/acceptance",
    auth=None,
    response={201: AcceptedOut, **problems(404, 409, 429)},
    summary="Accept an invite",
)
@sensitive_variables("token", "body")
def create_invite_acceptance(request: HttpRequest, token: str, body: AcceptanceIn) -> tuple[int, dict[str, Any]]:
    """Make the account; needs nothing but the token of the link. 409 `account_exists`.

    404 alike for a token that is wrong, used, expired, revoked or declined.
    """
    with counted(request, "invite-accept"):
        user = accept_invite(token, name=body.name, password=body.password, email=body.email)
    is_verified = EmailAddress.objects.filter(user=user, verified=True).exists()
    return 201, {"user_id": user.pk, "email": user.email, "email_is_verified": is_verified}


@router.post(
    "/invites/{str:token}/declination",
    auth=None,
    response={204: None, **problems(404, 429)},
    summary="Decline an invite",
)
@sensitive_variables("token")
def create_invite_declination(request: HttpRequest, token: str) -> tuple[int, None]:
    """Say no; the link is worthless from then on. 404 for whatever is not open."""
    with counted(request, "invite-open"):
        decline_invite(token)
    return 204, None
