"""What the pages of several apps share: who may open them, and how a refusal is shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, cast

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from tenpo.core.errors import RuleError
from tenpo.core.paging import PAGE_SIZE, Page, keyset_page

if TYPE_CHECKING:
    from tenpo.people.models import User

    class PageRequest(HttpRequest):
        """A request of somebody who is signed in."""

        user: User
else:
    PageRequest = HttpRequest


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
    request: HttpRequest, rows: QuerySet[M], *, order: tuple[str, ...], limit: int = PAGE_SIZE
) -> Page[M]:
    """The page of `rows` that the address asks for (`cursor`); a cursor that we did not make is not found."""
    with known_cursor():
        return keyset_page(rows, order=order, cursor=request.GET.get("cursor"), limit=limit)


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


def url_to_show_again(request: PageRequest) -> str:
    """Where somebody shows again who they are, by password or second factor, to come back to this page."""
    ways = get_adapter().get_reauthentication_methods(request.user)
    return f"{ways[0]['url']}?{urlencode({'next': request.path})}"


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
RULE_FIELDS = {"already_invited": "email", "account_exists": "email"}


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
