"""Booking on other sites: what is shown there, which sites may, and how it looks."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, problems
from tenpo.core.limits import ORIGINS_OF_AN_EMBED, hit
from tenpo.core.paging import keyset_page
from tenpo.people.models import User
from tenpo.schedule.actions import embeds as actions
from tenpo.schedule.embed_models import MAX_HUE, MAX_ORIGIN, Embed
from tenpo.schedule.service_queries import services_for_sites

router = Router(tags=["Embeds"])

Name = Annotated[str, Field(min_length=1, max_length=80)]
Origin = Annotated[str, Field(max_length=MAX_ORIGIN)]
Origins = Annotated[list[Origin], Field(min_length=1, max_length=ORIGINS_OF_AN_EMBED)]
Hue = Annotated[int, Field(ge=0, le=MAX_HUE, description="A hue; null: the colour of the business.")]


class EmbedOut(OutSchema):
    """A piece of another site that shows what visitors can book here; its id is the `data-embed` of the line there."""

    id: UUID
    name: str = Field(..., examples=["My site"])
    coach_id: UUID | None = Field(..., description="Whose times it shows; null: everybody's.")
    service_id: UUID | None = Field(..., description="What it shows; null: everything that is open to visitors.")
    origins: list[str] = Field(..., description="The only sites that may show it.", examples=[["https://example.com"]])
    theme: str = Field(..., examples=["auto"])
    accent_hue: int | None
    created_at: datetime
    ended_at: datetime | None = Field(..., description="Since when it is shown nowhere any more.")
    version: int = Field(..., description="Send it with a change, so that nobody's change is lost.")


class EmbedQuery(PageQuery):
    """Which embeds."""

    ended: Annotated[bool | None, Field(description="Ended, or shown.")] = None


class EmbedIn(InSchema):
    """What to show, and where. Without `coach_id` it is the caller's times, or everybody's where an admin asks."""

    model_config = {"json_schema_extra": {"example": {"name": "My site", "origins": ["https://example.com"]}}}

    name: Name
    origins: Origins
    coach_id: UUID | None = None
    service_id: UUID | None = None
    theme: Embed.Theme = Embed.Theme.AUTO
    accent_hue: Hue | None = None


class EmbedPatch(InSchema):
    """What to change; what is left out stays."""

    model_config = {"json_schema_extra": {"example": {"version": 0, "theme": "dark"}}}

    version: Annotated[int | None, Field(description="The version that you saw; an older one is refused.")] = None
    name: Name = ""
    origins: Origins = []
    coach_id: UUID | None = None
    service_id: UUID | None = None
    theme: Embed.Theme = Embed.Theme.AUTO
    accent_hue: Hue | None = None


@router.get("/embeds", response={200: PageOut[EmbedOut], **problems()}, summary="List embeds")
def list_embeds(request: ApiRequest, query: Query[EmbedQuery]) -> dict[str, Any]:
    """The newest first: a coach's own, an admin's all; members have none."""
    rows = Embed.objects.visible_to(request.user)
    if query.ended is not None:
        rows = rows.filter(ended_at__isnull=not query.ended)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post("/embeds", response={201: EmbedOut, **problems(403, 404, 409, 429)}, summary="Make an embed")
def create_embed(request: ApiRequest, body: EmbedIn) -> tuple[int, Embed]:
    """A coach shows their own times, an admin anybody's or everything. 409 `too_many`."""
    user = request.user
    hit("embed-user", user.pk)
    terms = {"coach": None if user.is_admin else user} | _terms_in(user, body.model_dump(exclude_unset=True))
    return 201, actions.make_embed(by=user, **terms)


@router.get("/embeds/{uuid:embed_id}", response={200: EmbedOut, **problems(404)}, summary="Read an embed")
def get_embed(request: ApiRequest, embed_id: UUID) -> Embed:
    """One embed: what it shows, where, and how it looks."""
    return _visible(request.user, embed_id)


@router.patch("/embeds/{uuid:embed_id}", response={200: EmbedOut, **problems(403, 404, 409)}, summary="Change an embed")
def update_embed(request: ApiRequest, embed_id: UUID, body: EmbedPatch) -> Embed:
    """From now on, wherever it is shown. 409 `changed_meanwhile`, `ended`."""
    terms = _terms_in(request.user, body.model_dump(exclude_unset=True, exclude={"version"}))
    return actions.change_embed(_visible(request.user, embed_id), by=request.user, version=body.version, **terms)


@router.post("/embeds/{uuid:embed_id}/ending", response={200: EmbedOut, **problems(403, 404)}, summary="End an embed")
def end_embed(request: ApiRequest, embed_id: UUID) -> Embed:
    """It is shown nowhere any more, from this moment on. Again changes nothing."""
    return actions.end_embed(_visible(request.user, embed_id), by=request.user)


def _visible(user: User, embed_id: UUID) -> Embed:
    return get_object_or_404(Embed.objects.visible_to(user), pk=embed_id)


def _terms_in(user: User, values: dict[str, Any]) -> Any:
    """What a body says, as the actions take it; 404 for a coach or a service that there is not for sites."""
    for name, rows in (
        ("coach", User.objects.visible_to(user).coaches().active()),
        ("service", services_for_sites(user)),
    ):
        if f"{name}_id" in values:
            found = values.pop(f"{name}_id")
            values[name] = get_object_or_404(rows, pk=found) if found else None
    return values
