"""What every endpoint shares: strict input, problem answers (RFC 9457), keyset pages."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from ninja import Field, Schema
from ninja.errors import HttpError
from ninja.errors import ValidationError as InputError
from ninja.schema import DjangoGetter
from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from tenpo.core.errors import RuleError
from tenpo.core.forms import FIRST_DAY, LAST_DAY
from tenpo.core.paging import MAX_PAGE_SIZE, PAGE_SIZE, Page

if TYPE_CHECKING:
    from tenpo.access.actions.idempotency import Call
    from tenpo.people.models import User

    class ApiRequest(HttpRequest):
        """A request that our authentication let through: `user` acts, `auth` let them in (a key, or their session)."""

        auth: object
        user: User
        # Where `access.api_auth.once` stands around the endpoint.
        call: Call
else:
    ApiRequest = HttpRequest


def _in_range[D: date](value: D) -> D:
    if not FIRST_DAY.year <= value.year <= LAST_DAY.year:
        raise PydanticCustomError("out_of_range", "{words}", {"words": _("Choose a year from 1970 to 2999.")})
    return value


def read_json(body: bytes) -> Any:
    """JSON as RFC 8259 has it: one meaning for each body, and none that another reader would take otherwise.

    Raises ValueError.
    """
    try:
        return json.loads(body.decode(), object_pairs_hook=_once_each, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"JSON knows no {name}")


# Points in time and days as input. A time without its zone would be somebody's guess.
TimeIn = Annotated[AwareDatetime, AfterValidator(_in_range)]
DayIn = Annotated[date, AfterValidator(_in_range)]


class InSchema(Schema):
    """Input: a field that we do not know is an error, not something to ignore."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @field_validator("*")
    @classmethod
    def _holds_no_nul(cls, value: Any) -> Any:
        """PostgreSQL stores every character but this one."""
        if isinstance(value, str) and "\0" in value:
            words = _("There is a character in it that no text can hold.")
            raise PydanticCustomError("nul", "{words}", {"words": words})
        return value


def check_form(request: HttpRequest, *names: str) -> None:
    """Raise ninja's ValidationError for what was sent with a file and is none of these: it would be ignored."""
    unknown = [name for name in [*request.POST, *request.FILES] if name not in names]
    if unknown:
        words = "Extra inputs are not permitted"
        raise InputError([{"type": "extra_forbidden", "loc": ["form", name], "msg": words} for name in unknown])


class OutSchema(Schema):
    """Output. A plain dict is read as it is; ninja would ask it for each value as for an attribute of a model."""

    @model_validator(mode="wrap")
    @classmethod
    def _run_root_validator(cls, values: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        is_plain = isinstance(values, dict) and not cls._ninja_resolvers
        return handler(values if is_plain else DjangoGetter(values, cls, info.context))


class PageQuery(InSchema):
    """Where a list goes on, and how many rows it gives at once."""

    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before.", max_length=600)] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="Rows in a page.")] = PAGE_SIZE


class PageOut[T](OutSchema):
    """A page of a list; `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: Annotated[str | None, Field(examples=["WyIyMDI2LTEyLTAxVDE3OjAwOjAwKzAwOjAwIl0"])]

    @classmethod
    def of(cls, page: Page[Any]) -> dict[str, Any]:
        return {"items": page.items, "next_cursor": page.next_cursor}


def is_by_key(request: HttpRequest) -> bool:
    """Whether a key asks, whatever cookie comes with it; otherwise it is a browser's session."""
    # Pages know no keys, and have no `auth`.
    return getattr(request, "auth", request.user) is not request.user


def refuse_keys(request: HttpRequest, words: str) -> None:
    """Refuse, with 403, a key that asks for what would outlive it: when a key is revoked, nothing of it may go on."""
    if is_by_key(request):
        raise HttpError(403, words)


class FieldProblem(OutSchema):
    """What is wrong with one field of the input."""

    field: str
    message: str


class RefusedDate(OutSchema):
    """One of several dates that stands in the way, and by which rule."""

    session_id: Annotated[UUID | None, Field(description="Null for a time, of which there is no session yet.")] = None
    starts_at: datetime
    code: Annotated[str, Field(examples=["full"])]
    nearest: Annotated[list[datetime], Field(description="Of a time: other starts of that day that are free.")] = []


class InTheWayOut(OutSchema):
    """A session that the caller sees, at the time that was refused."""

    session_id: UUID
    title: str
    starts_at: datetime
    ends_at: datetime
    booking_id: Annotated[UUID | None, Field(description="The place in it that is in the way, if it is one.")] = None
    participant: Annotated[str, Field(description="Whose place that is; empty for the caller's own.")] = ""


class Problem(OutSchema):
    """An error as RFC 9457 has it. `code` names the rule that refused."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    code: str
    errors: list[FieldProblem] = []
    nearest: Annotated[
        list[datetime] | None, Field(description="Where a time was refused: the nearest ones that are free.")
    ] = None
    dates: Annotated[
        list[RefusedDate] | None, Field(description="Where several dates were refused: those at fault, and why.")
    ] = None
    left: Annotated[int | None, Field(description="Where seats were refused: how many are free.")] = None
    in_the_way: Annotated[
        list[InTheWayOut] | None,
        Field(description="Where somebody is somewhere already: what of it the caller sees, if anything."),
    ] = None
    instance: Annotated[
        str | None, Field(description="The request's id, to ask us about it. When it was our fault.")
    ] = None


TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Refused by a rule",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid input",
    429: "Too many requests",
    500: "Server error",
    503: "Not available",
}


def problem_body(
    status: int,
    code: str,
    detail: str = "",
    errors: Iterable[FieldProblem] = (),
    *,
    instance: str = "",
    nearest: Iterable[datetime] | None = None,
    dates: Iterable[Mapping[str, Any]] | None = None,
    left: int | None = None,
    in_the_way: Iterable[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The body of a problem answer."""
    body = Problem(
        title=TITLES[status],
        status=status,
        detail=detail,
        code=code,
        errors=list(errors),
        instance=instance or None,
        nearest=None if nearest is None else list(nearest),
        dates=None if dates is None else [RefusedDate(**date) for date in dates],
        left=left,
        in_the_way=None if in_the_way is None else [InTheWayOut(**one) for one in in_the_way],
    )
    may_be_unsaid = ("instance", "nearest", "dates", "left", "in_the_way")
    unsaid = {name for name in may_be_unsaid if getattr(body, name) is None}
    return body.model_dump(mode="json", exclude=unsaid)


def problem(
    status: int, code: str, detail: str = "", errors: Iterable[FieldProblem] = (), *, instance: str = ""
) -> JsonResponse:
    """A problem answer with its own content type."""
    return as_problem(problem_body(status, code, detail, errors, instance=instance))


def as_problem(body: Mapping[str, Any]) -> JsonResponse:
    """The answer with the body of a problem."""
    return JsonResponse(body, status=body["status"], content_type="application/problem+json")


def refusal_body(refusal: RuleError) -> dict[str, Any]:
    """The body of the answer to what a rule refused, with what it tells besides."""
    told: dict[str, Any] = {name: refusal.facts.get(name) for name in ("nearest", "dates", "left", "in_the_way")}
    return problem_body(409, refusal.code, str(refusal), **told)


def problems(*statuses: int) -> dict[int, Any]:
    """Response declarations for the statuses that an endpoint may refuse with, besides those that all share."""
    return dict.fromkeys({401, 422, *statuses}, Problem)


def file_answer(kind: str) -> dict[str, Any]:
    """What the schema says (`openapi_extra`) of an endpoint that answers with a file of this content type."""
    return {"responses": {200: {"description": "OK", "content": {kind: {"schema": {"type": "string"}}}}}}
