import pytest
from django.db import IntegrityError, transaction

from tenpo.core.errors import CHECK, UNIQUE, RuleError, is_violation, refuse_on
from tenpo.core.models import Business


class ShardError(Exception):
    """How a sharded PostgreSQL says it: a suffix on the name, and no field for it."""

    sqlstate = UNIQUE
    diag = None


def test_a_shards_suffix_does_not_hide_the_constraint():
    error = IntegrityError()
    error.__cause__ = ShardError('duplicate key value violates unique constraint "booking_one_live_102048"')

    assert is_violation(error, UNIQUE, "booking_one_live")
    assert not is_violation(error, UNIQUE, "one_live")
    assert not is_violation(error, CHECK, "booking_one_live")


@pytest.mark.django_db
def test_a_violated_constraint_becomes_its_rule_and_others_stay():
    @refuse_on(CHECK, "business_hue", lambda: RuleError("hue", "Not a colour."))
    @transaction.atomic
    def save(hue: int, *, only: bool = True) -> None:
        Business.objects.create(accent_hue=hue, only=only)

    with pytest.raises(RuleError) as refusal:
        save(400)
    assert refusal.value.code == "hue"
    with pytest.raises(IntegrityError):
        save(100, only=False)
    assert not Business.objects.exists()
