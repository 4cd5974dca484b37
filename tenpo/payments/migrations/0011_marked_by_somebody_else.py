from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    """What was marked before stays as it is: the rule holds from the next row on."""

    safe_because = "old code lets an admin mark their own payment, and is refused that by the database"
    dependencies = [("payments", "0010_asked_in_turn")]
    operations = [
        AddConstraintNotValid(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("marked_by", None), models.Q(("marked_by", models.F("payer")), _negated=True), _connector="OR"),
                name="payment_is_marked_by_somebody_else",
            ),
        ),
    ]
