"""The API's root: who may call, what errors look like, and each app's router."""

import functools
from typing import Any, cast

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as InputError
from ninja.openapi.schema import REF_TEMPLATE, OpenAPISchema
from ninja.operation import Operation, PathView
from ninja.parser import Parser
from ninja.router import BoundRouter
from ninja.types import DictStrAny

from tenpo import __version__
from tenpo.access.api_auth import MAX_KEY_LENGTH, CookieAuth, KeyAuth
from tenpo.core.api import TITLES, FieldProblem, Problem, as_problem, problem, read_json, refusal_body
from tenpo.core.errors import RuleError, TooManyRequests


class Api(NinjaAPI):
    """Ninja's API, whose schema says what is true here: ids that last, and problem JSON for every refusal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._schemas: dict[str, OpenAPISchema] = {}

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The endpoint's own name; client generators make method names of it, so it stays when a module moves."""
        return operation.view_func.__name__

    def _get_bound_routers(self) -> list[BoundRouter]:
        """Let two apps serve one path: reading bookings is schedule's, making one is checkout's.

        Django takes the first pattern that fits, so all operations of a path must stand together.
        """
        routers = super()._get_bound_routers()
        first: dict[str, PathView] = {}
        for router in routers:
            for path, view in list(router.path_operations.items()):
                if first.setdefault(path, view) is not view:
                    first[path].operations += view.operations
                    del router.path_operations[path]
                # Asked of the instance, as ninja makes these views itself.
                view._not_allowed = functools.partial(_method_not_allowed, view)  # type: ignore[method-assign]
        return routers

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """Written once: it changes only with the code, takes long, and anybody may ask for it."""
        prefix = self.get_root_path(path_params or {}) if path_prefix is None else path_prefix
        if prefix not in self._schemas:
            self._schemas[prefix] = self._write_schema(prefix)
        return self._schemas[prefix]

    def _write_schema(self, prefix: str) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=prefix)
        schema["components"]["schemas"].setdefault("Problem", Problem.model_json_schema(ref_template=REF_TEMPLATE))
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"] = _answers(operation)
        return schema


class StrictParser(Parser):
    """Reads bodies as strictly as everything else that programs send."""

    def parse_body(self, request: HttpRequest) -> DictStrAny:
        return cast("DictStrAny", read_json(request.body))


def _method_not_allowed(view: PathView) -> HttpResponse:
    methods = sorted({method for operation in view.operations for method in operation.methods})
    response = problem(
        405, "method_not_allowed", _("This address takes %(methods)s.") % {"methods": ", ".join(methods)}
    )
    response["Allow"] = ", ".join(methods)
    return response


def _answers(operation: dict[str, Any]) -> dict[int, Any]:
    """What an operation says it answers, and what every operation of its kind may answer besides."""
    said = dict(operation["responses"])
    may = {401, 403} if operation.get("security") else set()
    if operation["parameters"]:
        may |= {422}
    if "requestBody" in operation:
        may |= {400, 413, 422}
    for one in operation["parameters"]:
        if one["name"] == "Idempotency-Key":
            # Optional to ninja only so that leaving it out is refused by a code of its own.
            one |= {"required": True, "schema": {"type": "string", "maxLength": MAX_KEY_LENGTH}}
            may |= {400, 409, 422}
    body = {"application/problem+json": {"schema": {"$ref": REF_TEMPLATE.format(model="Problem")}}}
    said |= {status: {"content": body, **said.get(status, {})} for status in may}
    for status, answer in said.items():
        if len(answer.get("content", {})) > 1:
            # A file (`core.api.file_answer`); ninja adds the JSON that everything else is.
            said[status] = {**answer, "content": {k: v for k, v in answer["content"].items() if "json" not in k}}
        if status >= 400:
            said[status] = {**answer, "description": TITLES[status], "content": body}
    return dict(sorted(said.items()))


api = Api(
    title="Tenpo",
    version=__version__,
    description=(
        "Everything that a page of Tenpo can do. Sign in with an API key (`Authorization: Bearer tenpo_…`) or with the "
        "session of a browser; signing in itself, with all its steps, is served under `/_allauth/browser/v1/`. Errors "
        "are problem JSON (RFC 9457). Lists come in pages: pass `next_cursor` on as `cursor`. Calls that book or move "
        "money take an `Idempotency-Key`. Amounts are whole minor units (cents)."
    ),
    auth=[KeyAuth(), CookieAuth()],
    docs_url=None,
    parser=StrictParser(),
    openapi_url="/openapi.json",
    urls_namespace="api",
)


@api.exception_handler(RuleError)
def refused(request: HttpRequest, error: RuleError | type[RuleError]) -> HttpResponse:
    assert isinstance(error, RuleError)
    return as_problem(refusal_body(error))


@api.exception_handler(PermissionDenied)
def not_allowed(request: HttpRequest, error: PermissionDenied | type[PermissionDenied]) -> HttpResponse:
    return problem(403, "not_allowed", _("You may not do this."))


@api.exception_handler(Http404)
def not_found(request: HttpRequest, error: Http404 | type[Http404]) -> HttpResponse:
    return problem(404, "not_found", _("There is nothing here, or it is not yours to see."))


@api.exception_handler(AuthenticationError)
def not_signed_in(request: HttpRequest, error: AuthenticationError | type[AuthenticationError]) -> HttpResponse:
    response = problem(401, "not_signed_in", _("Send an API key, or sign in."))
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError | type[HttpError]) -> HttpResponse:
    assert isinstance(error, HttpError)
    status = error.status_code if error.status_code in TITLES else 400
    return problem(status, TITLES[status].lower().replace(" ", "_"), str(error))


@api.exception_handler(TooManyRequests)
def too_many(request: HttpRequest, error: TooManyRequests | type[TooManyRequests]) -> HttpResponse:
    assert isinstance(error, TooManyRequests)
    response = problem(429, "too_many_requests", _("Try again in %(n)s seconds.") % {"n": error.retry_after})
    response["Retry-After"] = str(error.retry_after)
    return response


@api.exception_handler(InputError)
def invalid_input(request: HttpRequest, error: InputError | type[InputError]) -> HttpResponse:
    assert isinstance(error, InputError)
    return problem(422, "invalid_input", _("Some fields are not right."), [_field_problem(e) for e in error.errors])


@api.exception_handler(ValidationError)
def invalid_field(request: HttpRequest, error: ValidationError | type[ValidationError]) -> HttpResponse:
    assert isinstance(error, ValidationError)
    found = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    errors = [FieldProblem(field=name, message=text) for name, texts in found.items() for text in texts]
    return problem(422, "invalid_input", _("Some fields are not right."), errors)


def _field_problem(error: dict[str, Any]) -> FieldProblem:
    # ninja puts where it looked ("body", "payload") before the field's own path.
    path = [str(part) for part in error.get("loc", ())]
    return FieldProblem(field=".".join(path[2:] or path[-1:]), message=str(error.get("msg", "")))


api.add_router("", "tenpo.access.api.router")
api.add_router("", "tenpo.audit.api.router")
api.add_router("", "tenpo.books.api.router")
api.add_router("", "tenpo.books.reconciliation_api.router")
api.add_router("", "tenpo.checkout.api.router")
api.add_router("", "tenpo.ledger.api.router")
api.add_router("", "tenpo.notify.api.router")
api.add_router("", "tenpo.orders.api.router")
api.add_router("", "tenpo.orders.sponsor_api.router")
api.add_router("", "tenpo.payments.api.router")
api.add_router("", "tenpo.payments.payout_api.router")
api.add_router("", "tenpo.payments.payout_account_api.router")
api.add_router("", "tenpo.payments.payout_batch_api.router")
api.add_router("", "tenpo.people.api.router")
api.add_router("", "tenpo.schedule.api.router")
api.add_router("", "tenpo.web.api.router")
