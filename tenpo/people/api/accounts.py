"""Oneself, and everybody with an account."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, problems, refuse_keys
from tenpo.core.paging import keyset_page
from tenpo.people.actions.accounts import set_roles, update_profile
from tenpo.people.http import check_fresh, visit_of
from tenpo.people.models import CoachProfile, Role, User
from tenpo.people.queries import find_people

router = Router(tags=["People"])

RoleName = Literal["admin", "coach"]


class PersonOut(OutSchema):
    """Somebody with an account. Members see of a coach only the name."""

    id: UUID
    name: str = Field(..., examples=["Maya Berg"])
    email: str | None = Field(..., description="Null unless it is you, or you are an admin.")
    roles: list[str] = Field(..., description="`admin`, `coach`; everybody is a member.", examples=[["coach"]])
    created_at: datetime | None = None
    disabled_at: datetime | None = None


class CoachProfileOut(OutSchema):
    """How a coach introduces themselves."""

    headline: str
    bio: str


class MeOut(OutSchema):
    """Whoever calls."""

    id: UUID
    name: str = Field(..., examples=["Lena Okafor"])
    email: str = Field(..., examples=["lena@example.com"])
    roles: list[str] = Field(..., examples=[[]])
    time_zone: str = Field(..., examples=["Europe/Berlin"])
    locale: str = Field(..., examples=["en"])
    participant_id: UUID | None = Field(..., description="You as somebody who takes part in sessions.")
    coach: CoachProfileOut | None = Field(..., description="Null unless you are a coach.")


class MeIn(InSchema):
    """What changes; fields that are left out stay."""

    name: Annotated[str, Field(max_length=120, examples=["Lena Okafor"])] | None = None
    time_zone: Annotated[str, Field(max_length=64, examples=["Europe/Berlin"])] | None = None
    locale: Annotated[str, Field(max_length=10, examples=["en"])] | None = None
    headline: Annotated[str, Field(max_length=120, description="Coaches only.")] | None = None
    bio: Annotated[str, Field(max_length=2_000, description="Coaches only.")] | None = None


class PeopleQuery(PageQuery):
    """Which people."""

    q: str = Field("", max_length=80, description="Beginnings of a name or an address.")
    role: Literal["", "admin", "coach", "member"] = Field("", description="`member`: those without another role.")
    state: Literal["", "active", "disabled"] = ""


class PersonIn(InSchema):
    """What changes about somebody's account."""

    roles: list[RoleName] = Field(..., description="All the roles that they have from now on.", examples=[["coach"]])


def person_out(user: User, viewer: User) -> dict[str, Any]:
    """Somebody as `viewer` may see them."""
    is_whole = viewer.is_admin or viewer.pk == user.pk
    return {
        "id": user.pk,
        "name": str(user) if is_whole else user.name,
        "email": user.email if is_whole else None,
        "roles": sorted(user.roles) if is_whole else ["coach"],
        "created_at": user.created_at if is_whole else None,
        "disabled_at": user.disabled_at if is_whole else None,
    }


def find_person(viewer: User, user_id: UUID) -> User:
    """Somebody whom `viewer` may see; 404 otherwise."""
    found: User = get_object_or_404(User.objects.visible_to(viewer).with_roles(), pk=user_id)
    return found


@router.get("/me", response=MeOut, summary="Read yourself")
def get_me(request: ApiRequest) -> dict[str, Any]:
    """Whoever the key or the session belongs to."""
    user = request.user
    profile = CoachProfile.objects.filter(user=user).first() if user.is_coach else None
    participant = getattr(user, "participant", None)
    return {
        "id": user.pk,
        "name": user.name,
        "email": user.email,
        "roles": sorted(user.roles),
        "time_zone": user.time_zone,
        "locale": user.locale,
        "participant_id": participant.pk if participant else None,
        "coach": profile,
    }


@router.patch("/me", response={200: MeOut, **problems(409)}, summary="Change what you say of yourself")
def update_me(request: ApiRequest, body: MeIn) -> dict[str, Any]:
    """Name, time zone, language; a coach also headline and text. 409 `not_a_coach` for a headline of a member."""
    changes = {name: value for name, value in body.dict(exclude_unset=True).items() if value is not None}
    request.user = update_profile(request.user, by=request.user, **changes)
    return get_me(request)


@router.get("/people", response=PageOut[PersonOut], summary="Find people")
def list_people(request: ApiRequest, query: Query[PeopleQuery]) -> dict[str, Any]:
    """By name. Admins find everybody, others the coaches and themselves."""
    visible = User.objects.visible_to(request.user)
    words = query.q
    if not request.user.is_admin:
        # The words are looked up in addresses too, and whose address it is, is not for everybody to guess at.
        for word in words.split():
            visible = visible.filter(name__icontains=word)
        words = ""
    people = find_people(visible, q=words, role=query.role, state=query.state).with_roles()
    page = keyset_page(people, order=("name", "id"), cursor=query.cursor, limit=query.limit)
    return {"items": [person_out(user, request.user) for user in page.items], "next_cursor": page.next_cursor}


@router.get("/people/{uuid:user_id}", response={200: PersonOut, **problems(404)}, summary="Read a person")
def get_person(request: ApiRequest, user_id: UUID) -> dict[str, Any]:
    """One person whom you may see."""
    return person_out(find_person(request.user, user_id), request.user)


@router.patch("/people/{uuid:user_id}", response={200: PersonOut, **problems(403, 404, 409)}, summary="Give roles")
def update_person(request: ApiRequest, user_id: UUID, body: PersonIn) -> dict[str, Any]:
    """Say which roles somebody has. For admins. 409 `last_admin`: somebody must be able to run the business.

    Needs the session of a browser: a role would outlive a key (403). To make somebody an admin, or to change an admin's
    roles, show your password or second factor in it first, a quarter of an hour before at most (403).
    """
    person = find_person(request.user, user_id)
    refuse_keys(request, _("A key cannot give or take roles. Sign in to do so."))
    if person.is_admin or Role.ADMIN in body.roles:
        check_fresh(request)
    user = set_roles(person, roles=set(body.roles), by=request.user, visit=visit_of(request))
    return person_out(user, request.user)
