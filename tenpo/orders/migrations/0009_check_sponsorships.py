from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The wider rules hold for every row; whoever writes meanwhile need not wait."""

    dependencies = [("orders", "0008_sponsorships")]
    operations = [
        ValidateConstraint("line", "line_shares_sum_to_the_price"),
        ValidateConstraint("line", "line_shares_are_not_negative"),
        ValidateConstraint("line", "line_sponsor_share_has_a_sponsorship"),
        ValidateConstraint("line", "line_sponsor_gets_back_within"),
    ]
