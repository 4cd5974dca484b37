"""What the business's accountants call its accounts."""

import re
from collections.abc import Mapping

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.books.models import NUMBER_LENGTH, AccountNumber
from tenpo.books.queries.numbers import USUAL, account_numbers
from tenpo.core.business import current_business
from tenpo.core.models import Business
from tenpo.ledger.models import Account
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin

_NUMBER = re.compile(rf"[0-9A-Za-z][0-9A-Za-z./-]{{0,{NUMBER_LENGTH - 1}}}")


@transaction.atomic
def set_account_numbers(numbers: Mapping[str, str], *, by: User | None) -> dict[str, str]:
    """Give kinds of account their numbers in the business's own chart; an empty one is the usual again.

    Returns all numbers. What was exported before stays as it was. Raises ValidationError by kind.
    """
    if not is_active_admin(by):
        raise PermissionDenied
    business = Business.objects.select_for_update(no_key=True).get(pk=current_business().pk)
    wanted = {Account.Kind(kind): number.strip() for kind, number in numbers.items()}
    wrong = {kind.value: _say_wrong() for kind, number in wanted.items() if number and not _NUMBER.fullmatch(number)}
    if wrong:
        raise ValidationError(wrong)
    before = account_numbers()
    changed = {kind: number for kind, number in wanted.items() if (number or USUAL[kind]) != before[kind]}
    if changed:
        AccountNumber.objects.filter(kind__in=changed).delete()
        AccountNumber.objects.bulk_create(
            [AccountNumber(kind=kind, number=number) for kind, number in changed.items() if number]
        )
        after = account_numbers()
        record(
            "account_numbers.changed", by=by, on=business, before={kind.value: before[kind] for kind in changed},
            after={kind.value: after[kind] for kind in changed},
        )  # fmt: skip
        return after
    return before


def _say_wrong() -> str:
    return _("Up to %(n)s letters and digits, with . / or - between them.") % {"n": NUMBER_LENGTH}
