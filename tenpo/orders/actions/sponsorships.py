"""Sponsorships: who funds whom, with how much; their end, and what the sponsor paid. Terms never change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenpo.audit.actions import record, record_all
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.days import day_here
from tenpo.core.errors import RuleError
from tenpo.core.limits import SPONSORED_AT_ONCE
from tenpo.core.money import MAX_AMOUNT
from tenpo.core.once import made_before
from tenpo.core.outbox import publish, publish_all
from tenpo.core.tokens import new_id
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.actions.policies import MAX_NAME, ShareTerms, check_terms, terms_begin_at
from tenpo.orders.actions.sponsor_shares import sponsor_pot
from tenpo.orders.models import Line
from tenpo.orders.permissions import can_manage_sponsorships, can_note_sponsor_payment
from tenpo.orders.sponsor_models import SponsoredPerson, SponsorPayment, Sponsorship
from tenpo.orders.sponsor_queries import owed_by
from tenpo.people.models import User

MAX_REFERENCE = 140
# Where a sponsor's money comes in; the ledger has it beside people's transfers.
BANK = "transfer"


@dataclass(frozen=True)
class Budget:
    """How much there is: the most in all and for each person (minor units); None: as much as it comes to."""

    pot: int | None = None
    per_person: int | None = None


@transaction.atomic
def create_sponsorship(
    *,
    sponsor: User,
    name: str,
    terms: ShareTerms,
    by: User | None,
    budget: Budget = Budget(),
    kinds: Sequence[str] = (),
    active_from: datetime | None = None,
    active_until: datetime | None = None,
) -> Sponsorship:
    """Let `sponsor` pay a part of what named people buy from `active_from` (now) on. Nobody is named yet.

    `kinds` are the kinds of things that it is for; none: all. Raises RuleError starts_in_past, ends_too_early;
    ValidationError by field.
    """
    if not can_manage_sponsorships(by):
        raise PermissionDenied
    check_terms(terms)
    problems = _problems(name, sponsor, budget, kinds)
    if problems:
        raise ValidationError(problems)
    in_past = _("A sponsorship starts now or later; what was paid stays as it was paid.")
    starts = terms_begin_at(active_from, active_until, in_past=in_past)
    sponsorship = Sponsorship.objects.create(
        sponsor=sponsor, name=name.strip(), percent=terms.percent, amount=terms.amount, cap=terms.cap, pot=budget.pot,
        per_person=budget.per_person, currency=current_business().currency, kinds=sorted(set(kinds)),
        active_from=starts, active_until=active_until, created_by=by,
    )  # fmt: skip
    record("sponsorship.created", by=by, on=sponsorship, after=_said(sponsorship))
    publish("sponsorship.created", subject=sponsorship)
    return sponsorship


def _problems(name: str, sponsor: User, budget: Budget, kinds: Sequence[str]) -> dict[str, str]:
    problems = {}
    if not 0 < len(name.strip()) <= MAX_NAME:
        problems["name"] = _("Give it a name of at most 80 characters.")
    if sponsor.disabled_at is not None:
        problems["sponsor"] = _("This account is disabled.")
    for field, value in (("pot", budget.pot), ("per_person", budget.per_person)):
        if value is not None and not 0 < value <= MAX_AMOUNT:
            problems[field] = _("Give an amount above zero.")
    if not set(kinds) <= set(Line.Kind.values):
        problems["kinds"] = _("Choose one of these.")
    return problems


@transaction.atomic
def end_sponsorship(sponsorship: Sponsorship, *, by: User | None) -> Sponsorship:
    """End a sponsorship now, or withdraw one that has not begun; what it paid stays paid. Raises RuleError over."""
    sponsorship = _locked(sponsorship, by)
    before = sponsorship.active_until
    sponsorship.active_until = max(clock.now(), sponsorship.active_from)
    sponsorship.save(update_fields=["active_until"])
    after = {"active_until": sponsorship.active_until}
    record("sponsorship.ended", by=by, on=sponsorship, before={"active_until": before}, after=after)
    publish("sponsorship.ended", subject=sponsorship)
    return sponsorship


@transaction.atomic
def raise_pot(sponsorship: Sponsorship, *, pot: int, by: User | None) -> Sponsorship:
    """Give a sponsorship more to spend: `pot` (minor units) is all of it. Raises RuleError over, pot_not_raised."""
    sponsorship = _locked(sponsorship, by)
    before = sponsorship.pot
    if before is None:
        raise RuleError("pot_not_raised", _("There is no end to this budget already."))
    if not before < pot <= MAX_AMOUNT:
        raise RuleError("pot_not_raised", _("A budget can only be raised. End the sponsorship to spend less."))
    sponsorship.pot = pot
    sponsorship.save(update_fields=["pot"])
    facts = {"currency": sponsorship.currency}
    record("sponsorship.pot_raised", by=by, on=sponsorship, before={"pot": before}, after={"pot": pot, **facts})
    publish("sponsorship.pot_raised", subject=sponsorship, before=before, pot=pot)
    return sponsorship


@transaction.atomic
def add_sponsored_people(sponsorship: Sponsorship, emails: Sequence[str], *, by: User | None) -> list[SponsoredPerson]:
    """Name people whom a sponsorship funds, all of them or none; returns those who are new to it.

    Who was removed goes on with what they had spent. Raises RuleError over; ValidationError, which says whom we do
    not know.
    """
    sponsorship = _locked(sponsorship, by)
    wanted = {email.strip().lower() for email in emails if email.strip()}
    if not wanted:
        raise ValidationError({"emails": _("Name at least one person.")})
    if len(wanted) > SPONSORED_AT_ONCE:
        raise ValidationError({"emails": _("At most %(n)s people at once.") % {"n": SPONSORED_AT_ONCE}})
    known = User.objects.active().annotate(address=Lower("email")).filter(address__in=wanted).order_by("name", "id")
    users = list(known)
    strangers = sorted(wanted - {user.email.lower() for user in users})
    if strangers:
        words = ngettext(
            "Nobody here has this address: %(emails)s", "Nobody here has these addresses: %(emails)s", len(strangers)
        )
        raise ValidationError({"emails": words % {"emails": ", ".join(strangers)}})
    there = {person.user_id: person for person in sponsorship.people.filter(user__in=users)}
    now = clock.now()
    fresh = [
        SponsoredPerson(id=new_id(), sponsorship=sponsorship, user=user, most=sponsorship.per_person, added_at=now)
        for user in users
        if user.pk not in there
    ]
    again = [person for person in there.values() if person.removed_at is not None]
    SponsoredPerson.objects.bulk_create(fresh)
    SponsoredPerson.objects.filter(pk__in=[person.pk for person in again]).update(removed_at=None, added_at=now)
    for person in again:
        person.removed_at, person.added_at = None, now
    added = fresh + again
    record_all([("sponsorship.person_added", sponsorship, None, {"person": person.user}) for person in added], by=by)
    publish_all([("sponsorship.person_added", person, {}) for person in added])
    return added


@transaction.atomic
def remove_sponsored_person(person: SponsoredPerson, *, by: User | None) -> SponsoredPerson:
    """Fund somebody no longer; what was paid for them stays paid. Removing them again changes nothing."""
    sponsorship = _locked(person.sponsorship, by, is_for_good=True)
    person = SponsoredPerson.objects.select_related("user").get(pk=person.pk)
    person.sponsorship = sponsorship
    if person.removed_at is not None:
        return person
    person.removed_at = clock.now()
    person.save(update_fields=["removed_at"])
    record("sponsorship.person_removed", by=by, on=sponsorship, after={"person": person.user})
    publish("sponsorship.person_removed", subject=person)
    return person


@transaction.atomic
def record_sponsor_payment(
    sponsorship: Sponsorship,
    *,
    amount: int,
    received_on: date,
    by: User,
    reference: str = "",
    once: UUID | None = None,
) -> SponsorPayment:
    """Note that a sponsor paid `amount` (minor units) of what they owe, by bank transfer; never of one's own.

    A form that is sent again (`once`) finds what it noted. Raises RuleError own_sponsorship, more_than_owed,
    sent_before; ValidationError by field.
    """
    sponsorship = _locked(sponsorship, by, is_for_good=True)
    if not can_note_sponsor_payment(by, sponsorship):
        raise RuleError("own_sponsorship", _("You are its sponsor. Another admin records what you paid."))
    if noted := made_before(SponsorPayment.objects.all(), once, sponsorship_id=sponsorship.pk, amount=amount):
        return noted
    if not 0 < amount <= MAX_AMOUNT:
        raise ValidationError({"amount": _("Give an amount above zero.")})
    if len(reference) > MAX_REFERENCE:
        raise ValidationError({"reference": _("This is too long.")})
    if received_on > day_here():
        raise ValidationError({"received_on": _("This day is still to come.")})
    if amount > owed_by([sponsorship])[sponsorship.pk]:
        raise RuleError("more_than_owed", _("This is more than what is owed. Record the part that is."))
    payment = SponsorPayment.objects.create(
        id=once or new_id(), sponsorship=sponsorship, amount=amount, currency=sponsorship.currency,
        reference=reference.strip(), received_on=received_on, recorded_by=by,
    )  # fmt: skip
    bank = Pot(Account.Kind.PROVIDER, sponsorship.currency, name=BANK)
    kind, name = Transfer.Kind.SPONSOR_PAID, f"sponsor-payment:{payment.pk}"
    post_transfers([Posting(kind, bank, sponsor_pot(sponsorship), amount, name, payment.pk)])
    said = {"amount": amount, "currency": payment.currency, "reference": payment.reference, "received_on": received_on}
    record("sponsorship.payment_recorded", by=by, on=sponsorship, after=said)
    publish("sponsorship.paid", subject=payment)
    return payment


def _locked(sponsorship: Sponsorship, by: User | None, *, is_for_good: bool = False) -> Sponsorship:
    """The sponsorship, locked, for who may manage it; refused when it is over, unless it does not matter."""
    sponsorship = Sponsorship.objects.select_for_update(no_key=True).get(pk=sponsorship.pk)
    if not can_manage_sponsorships(by):
        raise PermissionDenied
    if not is_for_good and sponsorship.is_over(clock.now()):
        raise RuleError("over", _("This sponsorship is over."))
    return sponsorship


def _said(sponsorship: Sponsorship) -> dict[str, object]:
    names = (
        "sponsor",
        "percent",
        "amount",
        "cap",
        "pot",
        "per_person",
        "currency",
        "kinds",
        "active_from",
        "active_until",
    )
    return {name: getattr(sponsorship, name) for name in names}
