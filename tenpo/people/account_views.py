"""allauth's views that make what lets in for good, or take it away: by a visit that holds, however close its end is."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core.api import problem
from tenpo.people.actions.visits import lock_signed_in, sign_out_devices
from tenpo.people.middleware import PROGRAM_ROUTES, SAFE_METHODS, refusal_without_factor
from tenpo.people.required_factors import factors_of, note_new_factor

LASTING_VIEWS = {
    "account_email_verification_sent",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_deactivate_totp",
    "mfa_generate_recovery_codes",
    "mfa_remove_webauthn",
    "headless:browser:account:verify_email",
    "headless:browser:mfa:manage_recovery_codes",
    "headless:browser:mfa:manage_totp",
    "headless:browser:mfa:manage_webauthn",
}

type View = Callable[..., HttpResponseBase]


def hold_visits(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Let these views make what lasts only while they hold the row of whoever asks, as our own actions do."""
    for entry in patterns:
        if isinstance(entry, URLResolver):
            hold_visits(entry.url_patterns)
        else:
            entry.callback = _held(entry.callback)
    return patterns


def _held(view: View) -> View:
    @wraps(view)
    def held(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        match, user = request.resolver_match, request.user
        assert match is not None, "a view is found by its address"
        if request.method in SAFE_METHODS or match.view_name not in LASTING_VIEWS or not user.is_authenticated:
            return view(request, *args, **kwargs)
        try:
            with transaction.atomic():
                return _answer_while_held(request, lambda: view(request, *args, **kwargs))
        except PermissionDenied:
            if match.route.startswith(PROGRAM_ROUTES):
                return problem(403, "not_allowed", _("You may not do this."))
            raise

    return held


def _answer_while_held(request: HttpRequest, answer: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    user = request.user
    assert user.is_authenticated, "who is signed in has a row"
    visit = request.session.session_key
    lock_signed_in(user, visit=visit)
    before = set(factors_of(user).values_list("pk", flat=True))
    # Another may have set one up, or taken one away, since the request began.
    user.has_factor = bool(before)  # type: ignore[attr-defined] # `with_factors` loads it
    if refusal := refusal_without_factor(request):
        return refusal
    response = answer()
    after = set(factors_of(user).values_list("pk", flat=True))
    if after - before:
        note_new_factor(request, user)
    if before - after:
        # What was taken away may have been stolen, and have signed somebody in.
        record("user.devices_signed_out", by=user, on=user, after={"signed_out": sign_out_devices(user, but=visit)})
    return response
