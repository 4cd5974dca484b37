"""Holding a provider's own list against the books, and clearing what differs."""

from collections.abc import Sequence
from datetime import date, timedelta

import structlog
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.books.models import NOTE_LENGTH, Difference, Reconciliation
from tenpo.books.queries.days import is_over
from tenpo.books.queries.reconciling import Pair, listing_providers, looked_at, next_period, pairs_of
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.models import Business
from tenpo.core.outbox import publish
from tenpo.core.tokens import new_id
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import ProviderTimeout
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin

MAX_DAYS = 93

log = structlog.get_logger()


def reconcile_provider(provider: str, *, since: date, until: date, by: User | None) -> Reconciliation:
    """Compare what a provider says of some business days with the books; keep what differs, and tell the admins.

    The provider is asked outside of any transaction. What is open or was cleared by somebody is not written again, and
    what was open and is equal now is cleared. Codes: `keeps_no_list`, `period_not_over`, `period_too_long`,
    `provider_is_silent`.
    """
    if not is_active_admin(by):
        raise PermissionDenied
    if provider not in listing_providers():
        raise RuleError("keeps_no_list", _("This way to pay keeps no list that could be compared."))
    if until < since or not is_over(until):
        raise RuleError("period_not_over", _("Only days that are over can be compared."))
    if until - since > timedelta(days=MAX_DAYS):
        raise RuleError("period_too_long", _("At most %(n)s days at once.") % {"n": MAX_DAYS})
    try:
        theirs = list(provider_of(provider).movements(*looked_at(provider, since, until)))
    except ProviderTimeout as silence:
        raise RuleError("provider_is_silent", _("The provider does not answer. Try again later.")) from silence
    return _keep(provider, since, until, pairs_of(provider, since, until, theirs), by=by)


def reconcile_tonight() -> int:
    """Compare every provider's days since the last time; how many comparisons were made."""
    made = 0
    for provider in listing_providers():
        if (period := next_period(provider)) is None:
            continue
        try:
            reconcile_provider(provider, since=period[0], until=period[1], by=None)
            made += 1
        except RuleError as refusal:
            log.warning("provider_not_reconciled", provider=provider, code=refusal.code)
    return made


@transaction.atomic
def clear_difference(difference: Difference, *, note: str, by: User | None) -> Difference:
    """Say how a difference was cleared; what was said first stays. Raises ValidationError without a word."""
    if not is_active_admin(by):
        raise PermissionDenied
    if not note.strip() or len(note) > NOTE_LENGTH:
        raise ValidationError({"note": _("Say in a few words how it was cleared.")})
    difference = Difference.objects.select_for_update(no_key=True).get(pk=difference.pk)
    if difference.cleared_at is None:
        _clear([difference], note=note.strip(), by=by)
        record("difference.cleared", by=by, on=difference, before=None, after={"note": note.strip()})
        difference.refresh_from_db()
    return difference


@transaction.atomic
def _keep(provider: str, since: date, until: date, pairs: Sequence[Pair], *, by: User | None) -> Reconciliation:
    # Two comparisons at once would write the same difference twice.
    Business.objects.select_for_update(no_key=True).get(pk=current_business().pk)
    verdicts = [pair.what for pair in pairs]
    run = Reconciliation.objects.create(
        id=new_id(), provider=provider, since=since, until=until, made_by=by, equal=verdicts.count(None),
        only_theirs=verdicts.count(Difference.What.ONLY_THEIRS), only_ours=verdicts.count(Difference.What.ONLY_OURS),
        different=verdicts.count(Difference.What.DIFFERENT),
    )  # fmt: skip
    found = [_difference(run, pair) for pair in pairs if pair.what]
    known = Difference.objects.filter(provider=provider, reference__in=[pair.reference for pair in pairs])
    # What a person cleared stays so; what was equal for a while and differs again is another finding.
    said = {_says(one) for one in known if one.cleared_at is None or one.cleared_by_id is not None}
    new = [one for one in found if _says(one) not in said]
    still = {_says(one) for one in found}
    gone = [one for one in known.open() if _says(one) not in still]
    _clear(gone, note=_("A later comparison found something else, or both sides equal."), by=None)
    Difference.objects.bulk_create(new)
    record(
        "reconciliation.made", by=by, on=run, before=None,
        after={"equal": run.equal, "differing": run.differing, "new": len(new)},
    )  # fmt: skip
    if new:
        publish("reconciliation.differs", subject=run, provider=provider, new=len(new))
    return run


def _difference(run: Reconciliation, pair: Pair) -> Difference:
    theirs, ours = pair.theirs, pair.ours
    side = theirs or ours
    assert side is not None
    assert pair.what is not None
    return Difference(
        reconciliation=run, provider=run.provider, reference=pair.reference, what=pair.what, currency=side.currency,
        their_amount=theirs.amount if theirs else None, their_fee=theirs.fee if theirs else None,
        our_amount=ours.amount if ours else None, our_fee=ours.fee if ours else None, at=pair.at,
        transfer_id=ours.transfer_id if ours else None,
    )  # fmt: skip


def _says(one: Difference) -> tuple[object, ...]:
    """What makes two findings the same."""
    return (one.reference, one.their_amount, one.their_fee, one.our_amount, one.our_fee)


def _clear(differences: Sequence[Difference], *, note: str, by: User | None) -> None:
    ids = [one.pk for one in differences]
    Difference.objects.filter(pk__in=ids).update(note=note, cleared_by=by, cleared_at=Now())
