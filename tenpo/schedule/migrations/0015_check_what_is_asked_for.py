from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The rule holds for every row; whoever writes meanwhile need not wait."""

    dependencies = [("schedule", "0014_bookings_that_are_asked_for")]
    operations = [ValidateConstraint("booking", "booking_that_awaits_approval_is_not_ordered")]
