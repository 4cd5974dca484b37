from smtplib import SMTPException
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tenpo.audit.actions import record
from tenpo.core.business import current_business
from tenpo.core.errors import TooManyRequests
from tenpo.core.limits import give_back, hit
from tenpo.core.mail import absolute, compose
from tenpo.core.networks import client_address
from tenpo.people.actions.visits import find_last_end, lock_user
from tenpo.people.mails import ACCOUNT_MAILS, NOTICES, PASSWORD_NOTICES
from tenpo.people.models import Participant, User
from tenpo.people.queries import find_standing_access
from tenpo.people.second_factors import open_for, seal_for, whose
from tenpo.people.tries import count_mail, count_password
from tenpo.people.visits import note_sign_in

# In a visit: what held when somebody showed the first thing that signs them in.
SIGNING_IN = "signing_in"
log = structlog.get_logger()


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """What Tenpo decides where allauth asks."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("This address and this password do not belong together."),
        "too_many_login_attempts": _("That was very often. Wait a few minutes, or sign in by a code."),
        "incorrect_code": _("This is not the code."),
        "incorrect_password": _("This is not your password."),
        "enter_current_password": _("This is not your present password."),
        "email_taken": _("There is an account with this address already."),
        "same_as_current": _("This is the one you have."),
        "rate_limited": _("That was very often in a short time. Wait a few minutes."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Only when the operator turned public sign-up on; an invite makes its account itself."""
        return current_business().allows_sign_up

    def is_safe_url(self, url: str) -> bool:
        """Whether to go on there after signing in; what is no address at all would break the comparison."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "0.0.0.0"  # noqa: S104 - an address for the list of devices, not to bind

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Whose password this is. A right one takes nothing from whoever signs in behind the same address."""
        try:
            tries = count_password(request, str(credentials.get("email", "")))
            user: User | None = super().authenticate(request, **credentials)
            if user is not None:
                hit("sign-in-right", user.pk)
                give_back(*tries)
        except TooManyRequests:
            raise self.validation_error("too_many_login_attempts") from None
        return user

    def set_password(self, user: User, password: str) -> None:
        """Save nothing but the password: whoever was shut out since this request began stays so."""
        user.set_password(password)
        user.save(update_fields=["password"])

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Leave a trace of a wrong password: from where, not for whom, because people type passwords as their name."""
        log.warning("sign_in_failed", address=client_address(request))
        super().authentication_failed(request, **credentials)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Make the account of a public sign-up, and who takes part on it."""
        user.name = form.cleaned_data.get("name", "")
        saved: User = super().save_user(request, user, form, commit=commit)
        if commit:
            Participant.objects.create(user=saved, name=str(saved))
            record("user.signed_up", by=saved, on=saved)
        return saved

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        if response is None:
            # Before a code or a second factor is asked, which may take a while.
            request.session[SIGNING_IN] = _proof_of(user)
        return response

    @transaction.atomic
    def login(self, request: HttpRequest, user: User) -> None:
        """Sign somebody in, unless what they showed was ended while they showed the rest."""
        now = lock_user(user)
        shown = request.session.pop(SIGNING_IN, None) or _proof_of(user)
        if not now.is_active:
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user))
        if shown != _proof_of(now):
            clear_login(request)
            messages.error(request, _("Your account changed while you were signing in. Sign in again."))
            raise ImmediateHttpResponse(redirect("account_login"))
        # Whoever ends all devices waits for this row, and finds this one.
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        ways = [way.get("type") or way["method"] for way in get_authentication_records(request, user)]
        record("user.signed_in", by=user, on=user, after={"ways": ways})
        note_sign_in(request, user)
        response: HttpResponse | None = super().post_login(request, user, **kwargs)
        return response

    def get_reset_password_from_key_url(self, key: str) -> str:
        """By our public address: the Host header of the request is somebody's claim."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return absolute(path.replace("UID-KEY", key))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send one of our own mails in place of allauth's template."""
        if template_prefix in ACCOUNT_MAILS:
            count_mail(allauth_context.request, email)
        words = ACCOUNT_MAILS.get(template_prefix) or NOTICES[template_prefix][1]
        try:
            compose(words(context), to=email).send()
        except (OSError, SMTPException) as error:
            # Whoever asked learns that the mail did not leave, and nothing about the address.
            log.warning("account_mail_failed", mail=template_prefix, error=repr(error))
            if request := allauth_context.request:
                text = _("The mail could not be sent just now. Try again in a few minutes.")
                self.add_message(request, messages.ERROR, message=text)

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Tell somebody that their account changed, and write it down; with a new password also what did not."""
        record(NOTICES[template_prefix][0], by=user, on=user)
        if template_prefix in PASSWORD_NOTICES:
            context = {**(context or {}), "standing": find_standing_access(user)}
        super().send_notification_mail(template_prefix, user, context=context, email=email)

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        return reverse("people:profile")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """To what a new password did not end, if there is anything."""
        user = request.user
        assert isinstance(user, User)
        return reverse("access:standing-access" if find_standing_access(user) else "people:profile")


def _proof_of(user: User) -> list[str]:
    """What changes when somebody chooses a password, or when all that is signed in as them is ended."""
    return [user.get_session_auth_hash(), find_last_end(user)]


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors: their secrets are sealed for their user, and they bear the name of the business."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This is not the code, or it was used already. It changes every 30 seconds."),
        "unverified_email": _("Confirm your address first."),
    }

    def encrypt(self, text: str) -> str:
        return seal_for(whose(), text)

    def decrypt(self, encrypted_text: str) -> str:
        return open_for(whose(), encrypted_text)

    def get_totp_issuer(self) -> str:
        return current_business().name

    def _get_site_name(self) -> str:
        return current_business().name
