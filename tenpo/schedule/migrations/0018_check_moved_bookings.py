from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The rule holds for every row; whoever writes meanwhile need not wait."""

    dependencies = [("schedule", "0017_moved_bookings")]
    operations = [ValidateConstraint("booking", "booking_is_moved_as_often_as_allowed")]
