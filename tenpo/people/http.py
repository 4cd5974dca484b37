"""What the pages and endpoints of several apps share: who may do it, and how a refusal is shown."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, cast

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja.errors import HttpError

from tenpo.core.api import is_by_key
from tenpo.core.errors import RuleError
from tenpo.core.paging import PAGE_SIZE, Page, keyset_page
from tenpo.people.models import Role, User

if TYPE_CHECKING:

    class PageRequest(HttpRequest):
        """A request of somebody who is signed in."""

        user: User
else:
    PageRequest = HttpRequest

# In a visit: what somebody had typed when they were asked who they are, and on which page.
TYPED = "typed_before"


# What a program is told that must show first who it acts for.
SHOW_AGAIN = gettext_lazy("Show again who you are first: POST /_allauth/browser/v1/auth/reauthenticate.")


def admins_only[**P, R: HttpResponseBase](
    view: Callable[Concatenate[PageRequest, P], R],
) -> Callable[Concatenate[HttpRequest, P], R]:
    """A page for admins; for everybody else it is not there."""

    @wraps(view)
    def guarded(request: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        if not request.user.is_admin:
            raise Http404
        return view(request, *args, **kwargs)

    return cast("Callable[Concatenate[HttpRequest, P], R]", login_required(guarded))


def page_of[M: Model](
    request: HttpRequest, rows: QuerySet[M], *, order: tuple[str, ...], limit: int = PAGE_SIZE, by: str = "cursor"
) -> Page[M]:
    """The page of `rows` that the address asks for; a cursor that we did not make is not found.

    Where there are several lists on one page each has its own name for its cursor (`by`).
    """
    with known_cursor():
        return keyset_page(rows, order=order, cursor=request.GET.get(by), limit=limit)


@contextmanager
def known_cursor() -> Iterator[None]:
    """A page after a cursor that we did not make is not there: the same on every page."""
    try:
        yield
    except ValidationError:
        raise Http404 from None


def is_fresh(request: HttpRequest) -> bool:
    """Whether somebody showed again who they are, a quarter of an hour ago at most: what lets one in for good asks."""
    return not is_reauthentication_required(request, app="allauth.account")


def may_give(request: HttpRequest, *roles: str) -> bool:
    """Whether whoever has these roles may be let in, or shut out: an admin only by who has just shown who they are."""
    return Role.ADMIN not in roles or is_fresh(request)


def check_fresh(request: HttpRequest) -> None:
    """Refuse, with 403, a session in which nobody has just shown who they are. Keys are `core.api.refuse_keys`'."""
    if not is_fresh(request):
        raise HttpError(403, str(SHOW_AGAIN))


def visit_of(request: HttpRequest) -> str | None:
    """The visit in which a page or an endpoint is asked; None for a key."""
    return None if is_by_key(request) else request.session.session_key


def url_to_show_again(request: PageRequest, back: str = "") -> str:
    """Where somebody shows again who they are, by password or second factor, to come back to this page, or `back`."""
    ways = get_adapter().get_reauthentication_methods(request.user)
    return f"{ways[0]['url']}?{urlencode({'next': back or request.path})}"


def show_again(request: PageRequest, *, back: str = "", typed: Mapping[str, Any] | None = None) -> HttpResponse:
    """Have somebody show again who they are, and come back to do it; what they typed waits there (`typed_before`).

    It is not done on the way: with their password somebody would confirm what another left behind in their browser.
    """
    if typed:
        # A visit keeps what JSON has: a day as text, which its field shows as it stands.
        kept = json.loads(json.dumps(dict(typed), cls=DjangoJSONEncoder))
        request.session[TYPED] = {"path": request.path, "typed": kept}
    messages.info(request, _("Show that it is you. Then you are back where you were, and can do it."))
    return redirect(url_to_show_again(request, back))


def typed_before(request: HttpRequest) -> dict[str, Any]:
    """What somebody had typed on this page when they were asked who they are, once they showed it; this once."""
    kept = request.session.get(TYPED)
    if not kept or kept["path"] != request.path or not is_fresh(request):
        return {}
    typed: dict[str, Any] = request.session.pop(TYPED)["typed"]
    messages.info(request, _("What you typed is here again. It is not saved yet."))
    return typed


def attempt(request: HttpRequest, act: Callable[[], Any], *, done: str = "") -> Any:
    """Do something that a rule may refuse; its refusal, or `done`, is shown on the next page. None when refused."""
    try:
        result = act()
    except RuleError as refusal:
        messages.error(request, str(refusal))
        return None
    if done:
        messages.success(request, done)
    return result if result is not None else True


def back_to(request: HttpRequest, route: str, *args: Any) -> HttpResponse:
    """Back to where the form says it came from (`next`), as long as that is here; otherwise to `route`."""
    wanted = request.POST.get("next", "")
    is_here = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    # `redirect` would take what is no address for the name of a route.
    if wanted.startswith("/") and is_here:
        return HttpResponseRedirect(wanted)
    return redirect(route, *args)


# The refusal of a rule stands beside what would have to change.
RULE_FIELDS = {
    "already_invited": "email",
    "account_exists": "email",
    "insufficient_funds": "amount",
    "below_minimum": "amount",
    "more_than_asked": "amount",
    "more_than_left": "amount",
    "account_too_new": "account",
    "account_disabled": "account",
    "method_not_offered": "account",
    "pot_not_raised": "pot",
}


def attempt_form(form: Form, act: Callable[[], Any]) -> Any:
    """Do something that a rule may refuse; the refusal stands in the form, beside its field. None when refused."""
    try:
        return act()
    except RuleError as refusal:
        beside = RULE_FIELDS.get(refusal.code)
        form.add_error(beside if beside in form.fields else None, str(refusal))
    except ValidationError as error:
        found = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        for name, texts in found.items():
            for text in texts:
                form.add_error(name if name in form.fields else None, text)
    return None
