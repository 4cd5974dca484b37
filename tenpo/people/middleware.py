import json
from collections.abc import Callable
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from allauth.account.internal.flows.email_verification_by_code import EMAIL_VERIFICATION_CODE_SESSION_KEY
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY as SUSPENDED
from allauth.account.internal.stagekit import LOGIN_SESSION_KEY
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import STATE_SESSION_KEY as CHALLENGE
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, RawPostDataException
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import ResolverMatch, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from tenpo.core.api import problem, read_json
from tenpo.core.errors import TooManyRequests
from tenpo.core.limits import Try, give_back, hit
from tenpo.core.middleware import too_many
from tenpo.core.networks import hit_from
from tenpo.people.http import SHOW_AGAIN, PageRequest, is_fresh, show_again, url_to_show_again
from tenpo.people.models import User
from tenpo.people.passkeys import is_answer
from tenpo.people.required_factors import (
    SET_UP_VIEWS,
    SHOW_VIEWS,
    WANTED,
    factors_of,
    has_factor,
    is_bound,
    is_kept_out,
)
from tenpo.people.second_factors import find_whose
from tenpo.people.tries import count_password
from tenpo.people.visits import SessionStore, renew_on_other_roles

# Where somebody shows who they are, and whatever belongs to it.
PROGRAM_ROUTES = "_allauth/"
ACCOUNT_ROUTES = ("account/", PROGRAM_ROUTES)
# Where a program adds a passkey, names it and takes it away.
MANAGE_PASSKEYS = "headless:browser:mfa:manage_webauthn"
# Where a device sends the passkey that it made.
PASSKEY_VIEWS = {"mfa_add_webauthn", MANAGE_PASSKEYS}
# Where an app's code or a recovery code is compared with what somebody sends.
FACTOR_VIEWS = {
    "mfa_authenticate",
    "mfa_reauthenticate",
    "headless:browser:mfa:authenticate",
    "headless:browser:mfa:reauthenticate",
}
# Where a code that was mailed is compared with what somebody sends.
CODE_VIEWS = {
    "account_confirm_login_code",
    "account_email_verification_sent",
    "headless:browser:account:confirm_login_code",
    "headless:browser:account:verify_email",
}
# Where somebody who is signed in shows their password once more to get another, and the field that it is in.
OLD_PASSWORD_VIEWS = {
    "account_change_password": "oldpassword",
    "headless:browser:account:change_password": "current_password",
}
# Where a second factor is taken away.
REMOVING_VIEWS = {
    "mfa_deactivate_totp",
    "mfa_remove_webauthn",
    "headless:browser:mfa:manage_totp",
    MANAGE_PASSKEYS,
}
# Where allauth signs devices out, and where a mailed code gives somebody who is signed in another address.
FRESH_VIEWS = {
    "usersessions_list",
    "headless:browser:usersessions:sessions",
    "account_email_verification_sent",
    "headless:browser:account:verify_email",
}
# What somebody types where allauth asks again who they are; it waits for them (`people.account_forms`).
TYPED_VIEWS = {
    "account_email": "email",
    "account_email_verification_sent": "code",
    "mfa_add_webauthn": "name",
    "mfa_edit_webauthn": "name",
}
TYPED_LENGTH = 254
# In what a visit keeps of a passkey's challenge: the address that asked it.
_ASKED_AT = "asked_at"
# Where nothing is tried and nothing sent.
CALM_VIEWS = {"account_logout", "headless:browser:account:current_session"}
# By this header a code can be tried with a GET, too.
CODE_HEADER = "X-Email-Verification-Key"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# On a request of nobody's yet: the tries that were counted against its network.
_OF_NETWORK = "_tries_of_network"


class VisitMiddleware(SessionMiddleware):
    """Django's sessions, whose cookie holds what stands in no table (`people.visits`)."""

    def process_request(self, request: HttpRequest) -> None:
        request.session = SessionStore.of_browser(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response = super().process_response(request, response)
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and cookie.value:
            # Django has written the key by which we know it.
            assert isinstance(request.session, SessionStore)
            response.cookies[settings.SESSION_COOKIE_NAME] = request.session.token
        return response


class PersonMiddleware:
    """Shows pages in the signed-in person's zone and language, names them in the log, and heeds other roles."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/static/") or not request.user.is_authenticated:
            return self.get_response(request)
        structlog.contextvars.bind_contextvars(user_id=str(request.user.pk))
        renew_on_other_roles(request, request.user)
        try:
            zone = ZoneInfo(request.user.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            return self.get_response(request)
        with timezone.override(zone), translation.override(request.user.locale):
            return self.get_response(request)


class SecondFactorMiddleware:
    """Opens nothing but setting up a second factor, or showing it, to who gets in only with one.

    Whatever has an address is closed unless `people.required_factors` names it. A key says itself who it acts for
    (`access.api_auth`), and streams are no requests of Django's (`config.streams`).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        return refusal_without_factor(request)


def refusal_without_factor(request: HttpRequest) -> HttpResponse | None:
    """What somebody is answered who must set up or show a second factor first, or may not take their last one away."""
    match, user = request.resolver_match, request.user
    if match is None or not user.is_authenticated:
        return None
    if is_kept_out(request):
        is_open = match.view_name in (SHOW_VIEWS if has_factor(user) else SET_UP_VIEWS)
        return None if is_open else _keep_out(request, match, user)
    if match.view_name in REMOVING_VIEWS and is_bound(user) and not _leaves_a_factor(request, match, user):
        return _refuse_removal(request, match)
    return None


def _is_program(match: ResolverMatch) -> bool:
    """Whether a program asks at allauth's addresses, in JSON."""
    return match.route.startswith(PROGRAM_ROUTES)


def _keep_out(request: HttpRequest, match: ResolverMatch, user: User) -> HttpResponse:
    if _is_program(match) or match.app_name == "ninja":
        words = _("Sign in on a page and set up a second step first.")
        if has_factor(user):
            words = _("Show your second step on a page first.")
        return problem(403, "second_factor_required", words)
    is_fragment = bool(request.htmx)  # type: ignore[attr-defined]
    if request.method == "GET" and not is_fragment and match.view_name not in SET_UP_VIEWS | SHOW_VIEWS:
        request.session[WANTED] = request.get_full_path()
    to = reverse("people:second-factor")
    return HttpResponseClientRedirect(to) if is_fragment else redirect(to)


def _leaves_a_factor(request: HttpRequest, match: ResolverMatch, user: User) -> bool:
    """Whether a second factor is left after what is asked for."""
    factors = factors_of(user)
    if _is_program(match) and request.method != "DELETE":
        return True
    if match.view_name == MANAGE_PASSKEYS:
        named = _json_of(request).get("authenticators")
        going = {str(one) for one in named} if isinstance(named, list) else set()
        return any(str(pk) not in going for pk in factors.values_list("pk", flat=True))
    if match.view_name == "mfa_remove_webauthn":
        return factors.exclude(pk=match.kwargs["pk"]).exists()
    return factors.exclude(type=Authenticator.Type.TOTP).exists()


def _refuse_removal(request: HttpRequest, match: ResolverMatch) -> HttpResponse:
    words = _("You need a second step here. Set up another one before you take this one away.")
    if _is_program(match):
        return problem(409, "last_second_factor", words)
    messages.error(request, words)
    return redirect("mfa_index")


class FreshMiddleware:
    """Asks once more who somebody is before allauth does what lets one in for good, or signs a device of theirs out.

    allauth would keep what was sent and do it as soon as they have shown it, past whatever is asked at its addresses:
    with their password somebody would confirm what another left behind in their browser.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or not match.route.startswith(ACCOUNT_ROUTES):
            return None
        # Whoever put it there: nothing is done on the way.
        request.session.pop(SUSPENDED, None)
        if match.view_name not in FRESH_VIEWS or request.method in SAFE_METHODS:
            return None
        if not request.user.is_authenticated or is_fresh(request):
            return None
        if _is_program(match):
            return problem(403, "not_allowed", str(SHOW_AGAIN))
        return _show_again(request, match)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer in allauth's place wherever one of its pages asks for it; programs are told so by allauth."""
        match = request.resolver_match
        if match is None or not isinstance(error, ReauthenticationRequired):
            return None
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return _show_again(request, match)


def _show_again(request: HttpRequest, match: ResolverMatch) -> HttpResponse:
    page = cast("PageRequest", request)
    if request.method in SAFE_METHODS:
        return redirect(url_to_show_again(page, request.get_full_path()))
    field = TYPED_VIEWS.get(match.view_name, "")
    typed = request.POST.get(field, "")[:TYPED_LENGTH]
    return show_again(page, typed={field: typed} if typed else None)


class ChallengeMiddleware:
    """Lets a passkey answer a challenge where it was asked, and nowhere else.

    allauth keeps one challenge in a visit, whatever it is for: whoever may show a passkey would have one to add a
    passkey.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        match = request.resolver_match
        if match is not None and match.route.startswith(ACCOUNT_ROUTES):
            asked = request.session.get(CHALLENGE)
            if asked and _ASKED_AT not in asked:
                request.session[CHALLENGE] = {**asked, _ASKED_AT: match.view_name}
        return response

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        match = request.resolver_match
        if match is None or not match.route.startswith(ACCOUNT_ROUTES) or request.method in SAFE_METHODS:
            return
        asked = request.session.get(CHALLENGE)
        if asked and asked.get(_ASKED_AT) != match.view_name:
            del request.session[CHALLENGE]


class AccountTriesMiddleware:
    """Counts what is tried at the addresses of signing in, where many at once are seen and none is forgotten.

    allauth counts in a cache, which drops what it holds when a flood of others comes, and the tries of a mailed code
    in the session, which a hundred requests read before one of them has written it. It does not count the old password
    that a new one needs. The adapter counts the passwords that somebody signs in with.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        tries: list[Try] = getattr(request, _OF_NETWORK, [])
        if tries and request.user.is_authenticated:
            give_back(*tries)
        return response

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or not match.route.startswith(ACCOUNT_ROUTES) or match.view_name in CALM_VIEWS:
            return None
        if request.method in SAFE_METHODS and CODE_HEADER not in request.headers:
            return None
        try:
            _count_sender(request)
            if match.view_name in FACTOR_VIEWS:
                _count_factor(request)
            if match.view_name in CODE_VIEWS:
                _count_code(request)
            if match.view_name in OLD_PASSWORD_VIEWS:
                _count_old_password(request, match)
        except TooManyRequests as error:
            return too_many(request, error)
        return None


class ReadableSignInMiddleware:
    """Refuses at the addresses of signing in what allauth would break on: JSON that is none, passkeys that are none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        match = request.resolver_match
        if match is None or not match.route.startswith(ACCOUNT_ROUTES) or request.method == "GET":
            return
        sent = _json_of(request) if _is_program(match) else request.POST
        credential = sent.get("credential")
        if credential not in (None, "") and not is_answer(credential, is_new=match.view_name in PASSKEY_VIEWS):
            raise BadRequest


def _json_of(request: HttpRequest) -> dict[str, Any]:
    """The body that allauth is about to read; raises BadRequest when it holds no object, or text that is none."""
    try:
        sent = read_json(request.body) if request.body else {}
        # Half a character (`"\ud800"`) can be written in JSON, but is no text that can be hashed or stored.
        json.dumps(sent, ensure_ascii=False).encode()
    except (ValueError, RecursionError, RawPostDataException):
        raise BadRequest from None
    if not isinstance(sent, dict):
        raise BadRequest
    return sent


def _count_sender(request: HttpRequest) -> None:
    if request.user.is_authenticated:
        hit("account-user", request.user.pk)
    else:
        setattr(request, _OF_NETWORK, hit_from(request, "account-network"))


def _count_old_password(request: HttpRequest, match: ResolverMatch) -> None:
    """Who sits at somebody's open browser guesses no more often than who signs in."""
    sent = _json_of(request) if _is_program(match) else request.POST
    if request.user.is_authenticated and (password := sent.get(OLD_PASSWORD_VIEWS[match.view_name])):
        tries = count_password(request, request.user.email)
        if request.user.check_password(str(password)):
            give_back(*tries)


def _count_factor(request: HttpRequest) -> None:
    if user_id := find_whose(request):
        hit("second-factor", user_id)


def _count_code(request: HttpRequest) -> None:
    try:
        for started_at in _codes_of(request):
            hit("mailed-code", request.session.session_key, started_at)
    except TooManyRequests:
        # The code is void; a new one can be asked for.
        request.session.pop(LOGIN_SESSION_KEY, None)
        request.session.pop(EMAIL_VERIFICATION_CODE_SESSION_KEY, None)
        raise


def _codes_of(request: HttpRequest) -> list[float]:
    """When each code that this browser waits for was asked for; said alike whether the address is known or not."""
    stages = (request.session.get(LOGIN_SESSION_KEY) or {}).get("state", {}).get("stages", {})
    by_login = stages.get("login_by_code", {}).get("data")
    by_address = request.session.get(EMAIL_VERIFICATION_CODE_SESSION_KEY)
    return [waiting["at"] for waiting in (by_login, by_address) if waiting and "at" in waiting]
