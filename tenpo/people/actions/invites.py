"""Invites: a link that makes one account, once.

The token is made where it is used, by the job that writes the mail or in the answer to whoever asked for a link, so it
stands in no table and no queue; only its hash is stored. The job runs after the commit, and each of its tries makes a
new token, so a mail that did not leave leaves no key behind.
"""

from datetime import timedelta
from smtplib import SMTPException
from uuid import UUID

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from tenpo.audit.actions import record, record_all
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.errors import UNIQUE, RuleError, refuse_on
from tenpo.core.jobs import defer
from tenpo.core.mail import absolute, compose
from tenpo.core.models import check_fields
from tenpo.core.outbox import publish
from tenpo.core.tokens import hash_token, new_token
from tenpo.people.actions.visits import lock_signed_in
from tenpo.people.mails import invite_mail
from tenpo.people.models import CoachProfile, Invite, Participant, RoleGrant, User
from tenpo.people.permissions import check_admin

MAX_INVITE_DAYS = 90
MAX_ERROR_LENGTH = 200


def already_invited() -> RuleError:
    """The refusal behind the constraint that an address has one open invite."""
    return RuleError("already_invited", _("This address is invited already. Send that invite again instead."))


def account_exists() -> RuleError:
    """The refusal behind the constraint that an address has one account."""
    return RuleError("account_exists", _("There is an account with this address already. Sign in instead."))


def invite_url(token: str) -> str:
    """The whole address of an invite, as it is sent and shown once."""
    return absolute(reverse("people:invite-open", args=[token]))


@refuse_on(UNIQUE, "invite_once_per_address", already_invited)
@transaction.atomic
def invite_person(
    email: str,
    *,
    role: str = Invite.Grant.MEMBER,
    name: str = "",
    days: int | None = None,
    by: User,
    visit: str | None = None,
) -> Invite:
    """Invite an address; the mail is written by a job once this is committed.

    `days` (default: the business's) until the link ends. An invite that ran out is closed for the new one.
    """
    _check_inviter(by, visit)
    if User.objects.filter(email__iexact=email).exists():
        raise RuleError("account_exists", _("There is an account with this address already."))
    for old in Invite.objects.select_for_update(no_key=True).filter(email__iexact=email, **_UNSETTLED):
        if old.state() != Invite.State.EXPIRED:
            raise already_invited()
        old.revoked_at = clock.now()
        old.save(update_fields=["revoked_at"])
        record("invite.revoked", by=by, on=old)
    # Nobody knows this token; the job makes the one that is mailed.
    invite = _create(new_token(), email=email, role=role, name=name, days=days, by=by)
    defer("people.send_invite", invite_id=str(invite.pk))
    return invite


@transaction.atomic
def create_invite_link(
    *, role: str = Invite.Grant.MEMBER, name: str = "", days: int | None = None, by: User, visit: str | None = None
) -> tuple[Invite, str]:
    """An invite without an address; returns it with its link, which is never shown again."""
    _check_inviter(by, visit)
    token = new_token()
    return _create(token, email="", role=role, name=name, days=days, by=by), invite_url(token)


@transaction.atomic
def resend_invite(invite: Invite, *, by: User, visit: str | None = None) -> Invite:
    """Mail an invite again with a new link and a new time to accept; the old link is worthless from now on."""
    _check_inviter(by, visit)
    invite = _lock_unsettled(invite)
    if not invite.email:
        raise RuleError("no_address", _("This invite has no address. Make a new link instead."))
    _renew(invite, new_token())
    record("invite.resent", by=by, on=invite, after={"expires_at": invite.expires_at})
    defer("people.send_invite", invite_id=str(invite.pk))
    return invite


@transaction.atomic
def renew_invite_link(invite: Invite, *, by: User, visit: str | None = None) -> tuple[Invite, str]:
    """A new link of an invite, to be handed over in person; the old one is worthless from now on.

    Whoever accepts by it has not shown that the mailbox is theirs, so their address is verified afterwards.
    """
    _check_inviter(by, visit)
    invite = _lock_unsettled(invite)
    token = new_token()
    _renew(invite, token)
    record("invite.link_renewed", by=by, on=invite, after={"expires_at": invite.expires_at})
    return invite, invite_url(token)


@transaction.atomic
def revoke_invite(invite: Invite, *, by: User) -> Invite:
    """Make an invite worthless from this moment on. Revoking twice changes nothing."""
    check_admin(by)
    invite = Invite.objects.select_for_update(no_key=True).get(pk=invite.pk)
    if invite.revoked_at is not None:
        return invite
    if invite.accepted_at is not None or invite.declined_at is not None:
        raise RuleError("invite_settled", _("This invite was answered already."))
    invite.revoked_at = clock.now()
    invite.save(update_fields=["revoked_at"])
    record("invite.revoked", by=by, on=invite)
    return invite


def revoke_links_of(user: User, *, by: User | None) -> int:
    """Revoke the open invites by which somebody could come back as an admin, or let others in.

    Those are links that went to nobody's mailbox, and whatever makes an admin; an employee's invite by mail stays.
    Returns how many.
    """
    links = list(Invite.objects.links_of(user).select_for_update(no_key=True).order_by("pk"))
    Invite.objects.filter(pk__in=[link.pk for link in links]).update(revoked_at=clock.now())
    record_all([("invite.revoked", link, None, None) for link in links], by=by)
    return len(links)


def open_invite(token: str) -> Invite:
    """The open invite behind a link, to show it; Http404 for whatever else, without saying what."""
    invite = Invite.objects.open().filter(token_hash=hash_token(token)).select_related("created_by").first()
    if invite is None:
        raise Http404
    return invite


@refuse_on(UNIQUE, "user_email_is_unique", account_exists)
@transaction.atomic
def accept_invite(token: str, *, name: str, password: str, email: str = "") -> User:
    """Make the account that an invite promises: user, participant, role and address.

    The address is the invite's; a bare link takes `email`. It counts as verified when the link came by mail to it.
    Of many at once, one finds the invite open. Raises Http404 for a link that is not open, RuleError "account_exists",
    ValidationError by field.
    """
    invite = _lock_open(token)
    address = (invite.email or email).strip()
    user = User(email=address, name=name.strip(), time_zone=current_business().time_zone)
    _check_fields(user, password)
    if User.objects.filter(email__iexact=address).exists():
        raise account_exists()
    user.set_password(password)
    user.save()
    is_verified = bool(invite.email) and invite.sent_at is not None
    Participant.objects.create(user=user, name=user.name)
    EmailAddress.objects.create(user=user, email=address, verified=is_verified, primary=True)
    if invite.role != Invite.Grant.MEMBER:
        RoleGrant.objects.create(user=user, role=invite.role, granted_by=invite.created_by)
    if invite.role == Invite.Grant.COACH:
        CoachProfile.objects.create(user=user)
    invite.accepted_at, invite.accepted_by = clock.now(), user
    invite.save(update_fields=["accepted_at", "accepted_by"])
    record("invite.accepted", by=user, on=invite, after={"role": invite.role, "email": address})
    publish("invite.accepted", subject=invite, user_id=user.pk, invited_by=invite.created_by_id)
    fresh: User = User.objects.with_roles().get(pk=user.pk)
    return fresh


@transaction.atomic
def decline_invite(token: str) -> Invite:
    """Say no to an invite; its link is worthless from then on."""
    invite = _lock_open(token)
    invite.declined_at = clock.now()
    invite.save(update_fields=["declined_at"])
    record("invite.declined", by=None, on=invite)
    publish("invite.declined", subject=invite, invited_by=invite.created_by_id)
    return invite


def send_invite(invite_id: UUID | str) -> bool:
    """Mail an open invite with a new link; says whether it left. The job's work.

    No transaction is open while the mail server is talked to.
    """
    token = new_token()
    found = Invite.objects.open().filter(pk=invite_id).exclude(email="")
    if not found.update(token_hash=hash_token(token), sent_at=None):
        return False
    invite = found.select_related("created_by").get()
    try:
        compose(invite_mail(invite, invite_url(token)), to=invite.email, name=invite.name).send()
    except (OSError, SMTPException) as error:
        Invite.objects.filter(pk=invite.pk).update(send_error=(str(error) or repr(error))[:MAX_ERROR_LENGTH])
        raise
    # Only for this very link: somebody may have renewed it meanwhile.
    sent = Invite.objects.filter(pk=invite.pk, token_hash=hash_token(token))
    sent.update(sent_at=Now(), sent_count=F("sent_count") + 1, send_error="")
    return True


_UNSETTLED = {"accepted_at": None, "declined_at": None, "revoked_at": None}


def _create(token: str, *, email: str, role: str, name: str, days: int | None, by: User) -> Invite:
    lasts = current_business().invite_days if days is None else days
    if not 1 <= lasts <= MAX_INVITE_DAYS:
        raise RuleError("bad_expiry", _("An invite lasts between 1 and %(n)s days.") % {"n": MAX_INVITE_DAYS})
    invite = Invite(
        email=email,
        name=name,
        role=role,
        token_hash=hash_token(token),
        expires_at=clock.now() + timedelta(days=lasts),
        created_by=by,
    )
    check_fields(invite, "email", "name", "role")
    invite.save()
    record("invite.created", by=by, on=invite, after={"email": email, "role": role, "expires_at": invite.expires_at})
    return invite


def _check_inviter(by: User, visit: str | None) -> None:
    check_admin(by)
    # An invite lets somebody in for good: none is made by who was signed out meanwhile.
    lock_signed_in(by, visit=visit)


def _lock_unsettled(invite: Invite) -> Invite:
    invite = Invite.objects.select_for_update(no_key=True).get(pk=invite.pk)
    if invite.state() not in {Invite.State.OPEN, Invite.State.EXPIRED}:
        raise RuleError("invite_settled", _("This invite was answered or revoked already."))
    if invite.email and User.objects.filter(email__iexact=invite.email).exists():
        raise RuleError("account_exists", _("There is an account with this address already."))
    return invite


def _lock_open(token: str) -> Invite:
    # Whoever waits for the lock looks at the row again, and finds it answered.
    locked = Invite.objects.select_for_update(no_key=True, of=("self",)).select_related("created_by")
    invite = locked.open().filter(token_hash=hash_token(token)).first()
    if invite is None:
        raise Http404
    return invite


def _renew(invite: Invite, token: str) -> None:
    invite.token_hash = hash_token(token)
    invite.expires_at = max(invite.expires_at, clock.now() + timedelta(days=current_business().invite_days))
    invite.sent_at = None
    invite.send_error = ""
    invite.save(update_fields=["token_hash", "expires_at", "sent_at", "send_error"])


def _check_fields(user: User, password: str) -> None:
    problems: dict[str, list[str]] = {}
    try:
        check_fields(user, "email", "name")
    except ValidationError as error:
        problems.update(error.message_dict)
    try:
        validate_password(password, user)
    except ValidationError as error:
        problems["password"] = error.messages
    if problems:
        raise ValidationError(problems)
