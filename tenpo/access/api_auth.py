"""How a call to the API says who it is, and how it is made to count once."""

import functools
from collections.abc import Callable
from typing import Any, cast

import structlog
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from ninja import Header, Schema
from ninja.errors import HttpError
from ninja.security import HttpBearer
from ninja.security.apikey import APIKeyCookie
from ninja.utils import check_csrf, contribute_operation_args

from tenpo.access.actions.api_clients import authenticate_key
from tenpo.access.actions.idempotency import Answer, Call, DifferentRequest, StillRunning, run_once
from tenpo.access.models import ApiClient, Scope
from tenpo.core.api import problem, refusal_body
from tenpo.core.errors import RuleError
from tenpo.people.models import User

READING = {"GET", "HEAD", "OPTIONS"}
MAX_KEY_LENGTH = 200

_IDEMPOTENCY_HEADER: Any = Header(  # type: ignore[type-arg]
    None,
    alias="Idempotency-Key",
    description="Any text of yours, up to 200 characters, new for each thing you mean to do.",
)


class KeyAuth(HttpBearer):
    """An API key: `Authorization: Bearer tenpo_…`; a key with the scope `read` may only read."""

    openapi_name = "ApiKey"

    def authenticate(self, request: HttpRequest, token: str) -> ApiClient | None:
        found = authenticate_key(token)
        if found is None:
            return None
        user, client = found
        if request.method not in READING and Scope.WRITE not in client.scopes:
            raise HttpError(403, _("This key may only read."))
        request.user = user
        structlog.contextvars.bind_contextvars(user_id=str(user.pk))
        return client


class CookieAuth(APIKeyCookie):
    """The session of a signed-in browser, with its CSRF token on whatever changes something."""

    param_name = settings.SESSION_COOKIE_NAME
    openapi_name = "Session"

    def __call__(self, request: HttpRequest) -> User | None:
        if not request.user.is_authenticated:
            return None
        if request.method not in READING and check_csrf(request):
            raise HttpError(403, _("The CSRF token is missing or wrong."))
        return request.user

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        raise NotImplementedError  # `__call__` decides


def once(
    response: type[Schema], status: int = 200, *, limit: str = "", is_whole: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., HttpResponseBase]]:
    """Make an endpoint that books or moves money take an `Idempotency-Key`: one effect, and the same answer again.

    `limit` names the limit (`core.limits`) that each call counts for, by caller; a repeat of a call does not.
    `is_whole` says that the endpoint is one transaction. One that is not hands `request.call` to its action, which
    gives the call's id to what it makes, and goes on with that when the call is a repeat of one that died.

    Answers 400 without a key, 422 for a key that was used for another request, 409 while the first call runs.
    """

    def decorate(endpoint: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(endpoint)
        def wrapped(request: Any, *args: Any, idempotency_key: str | None = None, **kwargs: Any) -> HttpResponseBase:
            key = (idempotency_key or "").strip('"')
            if not key or len(key) > MAX_KEY_LENGTH or not key.isprintable():
                return problem(400, "idempotency_key_missing", _("Send an Idempotency-Key header of your making."))

            def work(call: Call) -> Answer:
                request.call = call
                try:
                    result = endpoint(request, *args, **kwargs)
                except RuleError as refusal:
                    return Answer(409, refusal_body(refusal))
                return Answer(status, response.from_orm(result).model_dump(mode="json"))

            try:
                answer = run_once(
                    actor=request.user, route=f"{request.method} {request.path}"[:MAX_KEY_LENGTH], key=key,
                    body=request.body, work=work, limit=limit, is_whole=is_whole,
                )  # fmt: skip
            except StillRunning:
                return problem(409, "idempotency_key_in_use", _("The first call with this key is still running."))
            except DifferentRequest:
                return problem(422, "idempotency_key_reused", _("This key was used for another request."))
            kind = "application/json" if answer.status < 400 else "application/problem+json"
            # Sorted, because what was kept has lost its order: the same answer is the same to the last byte.
            params = {"sort_keys": True}
            reply = JsonResponse(answer.body, status=answer.status, content_type=kind, json_dumps_params=params)
            if answer.replayed:
                reply["Idempotent-Replayed"] = "true"
            return reply

        contribute_operation_args(wrapped, "idempotency_key", cast("type[str]", str | None), _IDEMPOTENCY_HEADER)
        return wrapped

    return decorate
