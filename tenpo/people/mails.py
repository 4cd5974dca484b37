"""What we write to people about their account. Each function gives the words of one mail."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as later
from django.utils.translation import pgettext

from tenpo.core.business import current_business
from tenpo.core.mail import Mail, absolute, typed
from tenpo.core.words import say_date, say_device, say_full_when
from tenpo.people.models import Invite, User
from tenpo.people.queries import Standing

type Words = Callable[[Mapping[str, Any]], Mail]


def _not_you() -> str:
    return _("If this was not you, you need not do anything: without the code nobody gets in.")


def sign_in_code(context: Mapping[str, Any]) -> Mail:
    """The code that signs somebody in."""
    name = current_business().name
    return Mail(
        subject=_("%(code)s is your code for %(business)s") % {"code": context["code"], "business": name},
        paragraphs=(
            _("Type this code into the page that is waiting for it:"),
            str(context["code"]),
            _("It works once, for ten minutes."),
        ),
        closing=_not_you(),
    )


def verification_code(context: Mapping[str, Any]) -> Mail:
    """The code that shows that an address is somebody's own."""
    return Mail(
        subject=_("%(code)s confirms your address") % {"code": context["code"]},
        paragraphs=(
            _("Type this code into the page that is waiting for it, so that we know this address is yours:"),
            str(context["code"]),
            _("It works once, for ten minutes."),
        ),
        closing=_not_you(),
    )


def password_reset(context: Mapping[str, Any]) -> Mail:
    """The link to choose a new password."""
    return Mail(
        subject=_("Choose a new password"),
        greeting=_("Hello %(name)s,") % {"name": typed(context["user"])},
        paragraphs=(
            _("somebody, probably you, asked for a new password for your account."),
            _("This link works once, within an hour."),
        ),
        act_label=_("Choose a new password"),
        act_url=str(context["password_reset_url"]),
        closing=_("If you did not ask, you need not do anything. Your password stays as it is."),
    )


def unknown_account(context: Mapping[str, Any]) -> Mail:
    """Somebody tried to sign in with an address that we do not know."""
    return Mail(
        subject=_("There is no account with this address"),
        paragraphs=(
            _("Somebody, probably you, tried to sign in to %(business)s with this address, but it has no account here.")
            % {"business": current_business().name},
            _("Perhaps you were invited with another address? Try that one, or ask whoever invited you."),
        ),
        act_label=_("Try another address"),
        act_url=absolute(reverse("account_login")),
        closing=_("If this was not you, you need not do anything."),
    )


def account_exists(context: Mapping[str, Any]) -> Mail:
    """Somebody signed up with an address that has an account."""
    return Mail(
        subject=_("You already have an account"),
        paragraphs=(
            _("Somebody, probably you, signed up to %(business)s with this address. It has an account already.")
            % {"business": current_business().name},
        ),
        act_label=_("Sign in with a code"),
        act_url=absolute(reverse("account_request_login_code")),
        closing=_("If this was not you, you need not do anything."),
    )


def _notice(subject: str, what: str) -> Words:
    def words(context: Mapping[str, Any]) -> Mail:
        facts = (
            (_("When"), say_full_when(context.get("timestamp") or timezone.now())),
            (pgettext("place", "From"), str(context.get("ip", ""))),
            # An unknown browser is shown by its User-Agent, which anybody can write.
            (_("With"), typed(say_device(str(context.get("user_agent", ""))))),
        )
        mail = Mail(
            subject=_(subject),
            paragraphs=(_(what) % {key: str(value) for key, value in context.items()},),
            facts=facts,
            act_label=_("Look at your signed-in devices"),
            act_url=absolute(reverse("usersessions_list")),
            closing=_("If this was you, all is well. If not, sign the strange device out and choose a new password."),
        )
        return _with_standing(mail, context["standing"]) if context.get("standing") else mail

    return words


def _with_standing(mail: Mail, standing: Sequence[Standing]) -> Mail:
    """With what still gets in, which matters more than the devices: they were all signed out."""
    ends = [_("End what you do not know, or all of it.")] if any(not one.stays for one in standing) else []
    if any(one.stays for one in standing):
        ends.append(_("Passkeys stay when you end all of it. Remove those that you do not know."))
    return replace(
        mail,
        paragraphs=(
            *mail.paragraphs,
            _("Every other device is signed out. These still get in, because they know nothing of your password:"),
            *(typed(one.words) for one in standing),
            *ends,
        ),
        act_label=_("Look at what still gets in"),
        act_url=absolute(reverse("access:standing-access")),
        closing=_("If this was you, all is well. If not, choose a new password at once and end all of it."),
    )


ACCOUNT_MAILS: dict[str, Words] = {
    "account/email/login_code": sign_in_code,
    "account/email/email_confirmation": verification_code,
    "account/email/email_confirmation_signup": verification_code,
    "account/email/password_reset_key": password_reset,
    "account/email/unknown_account": unknown_account,
    "account/email/account_already_exists": account_exists,
}
# Of a new password: what it does not end is told with it.
PASSWORD_NOTICES = {
    "account/email/password_changed",
    "account/email/password_reset",
    "account/email/password_set",
}
# allauth's name of a notice → our name of what happened, and its words.
NOTICES: dict[str, tuple[str, Words]] = {
    "account/email/password_changed": (
        "user.password_changed",
        _notice(later("Your password was changed"), later("The password of your account was changed.")),
    ),
    "account/email/password_reset": (
        "user.password_reset",
        _notice(later("Your password was changed"), later("Somebody chose a new password by a link in a mail.")),
    ),
    "account/email/password_set": (
        "user.password_set",
        _notice(later("Your account has a password"), later("Your account has a password now.")),
    ),
    "account/email/email_changed": (
        "user.email_changed",
        _notice(
            later("Your address was changed"),
            later("You sign in with %(to_email)s from now on, not with %(from_email)s."),
        ),
    ),
    "account/email/email_confirm": (
        "user.email_confirmed",
        _notice(later("Your address is confirmed"), later("We know now that this address is yours.")),
    ),
    "account/email/email_deleted": (
        "user.email_removed",
        _notice(later("An address was removed"), later("%(deleted_email)s does not belong to your account any more.")),
    ),
    "mfa/email/totp_activated": (
        "user.totp_activated",
        _notice(later("Your app is asked when you sign in"), later("An authenticator app was added to your account.")),
    ),
    "mfa/email/totp_deactivated": (
        "user.totp_deactivated",
        _notice(
            later("Your app is no longer asked"),
            later("The authenticator app was taken from your account. Every other device is signed out."),
        ),
    ),
    "mfa/email/webauthn_added": (
        "user.passkey_added",
        _notice(later("A passkey was added"), later("A passkey was added to your account.")),
    ),
    "mfa/email/webauthn_removed": (
        "user.passkey_removed",
        _notice(
            later("A passkey was removed"),
            later("A passkey was taken from your account. Every other device is signed out."),
        ),
    ),
    "mfa/email/recovery_codes_generated": (
        "user.recovery_codes_made",
        _notice(
            later("You have new recovery codes"),
            later("Older ones, if you had any, do not work any more."),
        ),
    ),
}


def dropped_factors_mail(user: User) -> Mail:
    """Whoever runs the server took somebody's second factors away."""
    business = current_business().name
    return Mail(
        subject=_("Your second step was taken away"),
        greeting=_("Hello %(name)s,") % {"name": typed(user)},
        paragraphs=(
            _("whoever runs the server of %(business)s took your app, passkeys and recovery codes from your account.")
            % {"business": business},
            _("You are signed out everywhere. Sign in by password or by a code, and set up a second step again."),
        ),
        act_label=_("Sign in"),
        act_url=absolute(reverse("account_login")),
        closing=_("If you did not ask for this, choose a new password at once, and tell %(business)s.")
        % {"business": business},
    )


def invite_mail(invite: Invite, url: str) -> Mail:
    """The invitation, from a person to a person."""
    business = current_business().name
    inviter = typed(invite.created_by)
    sentence = {
        Invite.Grant.MEMBER: _("%(inviter)s invites you to %(business)s. You can find and book sessions there."),
        Invite.Grant.COACH: _("%(inviter)s invites you to %(business)s as a coach. You can offer sessions there."),
        Invite.Grant.ADMIN: _("%(inviter)s invites you to %(business)s as an admin. You can run the business there."),
    }[Invite.Grant(invite.role)]
    return Mail(
        subject=_("%(inviter)s invites you to %(business)s") % {"inviter": inviter, "business": business},
        greeting=_("Hello %(name)s,") % {"name": typed(invite.name)} if invite.name else _("Hello,"),
        paragraphs=(
            sentence % {"inviter": inviter, "business": business},
            _("Choose a password and you are in. The link works once, until %(day)s.")
            % {"day": say_date(invite.expires_at)},
        ),
        act_label=_("Accept the invite"),
        act_url=url,
        closing=_("You may also decline on that page. If you do nothing, the link ends by itself."),
        why=_("You get this mail because %(inviter)s typed in your address.") % {"inviter": inviter},
    )
