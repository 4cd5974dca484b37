"""Every way to let another admin in, by page and by API, as requests that can be sent."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from tenpo.core.tokens import new_id
from tenpo.people.actions.imports import preview_people_import
from tenpo.people.models import Import, Invite, RoleGrant, User
from tenpo.people.tests.make import make_invite, make_member

NEW_ADMIN = {"email": "rex@example.com", "name": "Rex", "role": "admin", "days": "5"}
BARE_LINK = {**NEW_ADMIN, "email": ""}
MADE = (200, 201, 202, 302)


@dataclass(frozen=True)
class Ask:
    """One request, and where its page comes back to when it asks first who it is."""

    path: str
    body: dict[str, Any] = field(default_factory=dict)
    method: str = "POST"
    back: str = ""

    def send(self, client: Client) -> Any:
        if self.path.startswith("/api/"):
            headers = {"Idempotency-Key": str(new_id())}
            return client.generic(self.method, self.path, json.dumps(self.body), "application/json", headers=headers)
        return client.post(self.path, self.body)


# Something that lets somebody in with a role; what it needs before was made by another.
type Way = Callable[[str, User], Ask]


def role_by_page(role: str, _by: User) -> Ask:
    person = f"/people/{make_member().pk}/"
    return Ask(f"{person}roles/", {"role": role, "act": "grant"}, back=person)


def invite_by_page(role: str, _by: User) -> Ask:
    return Ask("/invites/new/", {**NEW_ADMIN, "role": role}, back="/invites/new/")


def link_by_page(role: str, _by: User) -> Ask:
    return Ask("/invites/new/", {**BARE_LINK, "role": role}, back="/invites/new/")


def sent_again_by_page(role: str, by: User) -> Ask:
    return Ask(f"/invites/{invited(role, by).pk}/resend/", back="/invites/")


def new_link_by_page(role: str, by: User) -> Ask:
    return Ask(f"/invites/{invited(role, by).pk}/link/", back="/invites/")


def file_by_page(role: str, by: User) -> Ask:
    file = f"/imports/{file_of(role, by).pk}/"
    return Ask(f"{file}confirm/", back=file)


def role_by_api(role: str, _by: User) -> Ask:
    return Ask(f"/api/v1/people/{make_member().pk}", {"roles": [role]}, "PATCH")


def invite_by_api(role: str, _by: User) -> Ask:
    return Ask("/api/v1/invites", {"email": "rex@example.com", "role": role})


def link_by_api(role: str, _by: User) -> Ask:
    return Ask("/api/v1/invites", {"role": role})


def sent_again_by_api(role: str, by: User) -> Ask:
    return Ask(f"/api/v1/invites/{invited(role, by).pk}/mailing")


def new_link_by_api(role: str, by: User) -> Ask:
    return Ask(f"/api/v1/invites/{invited(role, by).pk}/link")


def file_by_api(role: str, by: User) -> Ask:
    return Ask(f"/api/v1/imports/{file_of(role, by).pk}/confirmation")


PAGES: dict[str, Way] = {
    "role by page": role_by_page,
    "invite by page": invite_by_page,
    "link by page": link_by_page,
    "sent again by page": sent_again_by_page,
    "new link by page": new_link_by_page,
    "file by page": file_by_page,
}
OPERATIONS: dict[str, Way] = {
    "role by API": role_by_api,
    "invite by API": invite_by_api,
    "link by API": link_by_api,
    "sent again by API": sent_again_by_api,
    "new link by API": new_link_by_api,
    "file by API": file_by_api,
}


def invited(role: str, by: User) -> Invite:
    """An invite that was mailed."""
    return make_invite(role=role, by=by)[0]


def file_of(role: str, by: User) -> Import:
    """A file of one person, looked over."""
    return preview_people_import("people.csv", f"email,role\nnora@example.com,{role}\n".encode(), by=by)


def what_lets_in() -> list[Any]:
    """What letting somebody in moves: invites, files, roles."""
    invites = Invite.objects.order_by("pk").values_list("pk", "token_hash", "expires_at", "sent_at", "revoked_at")
    imports = Import.objects.order_by("pk").values_list("pk", "state")
    grants = RoleGrant.objects.order_by("pk").values_list("user", "role")
    return [*invites, *imports, *grants]
