from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The rules hold for every row; whoever writes meanwhile need not wait."""

    dependencies = [("orders", "0006_what_goes_back")]
    operations = [
        ValidateConstraint("line", "line_gives_back_within"),
        ValidateConstraint("line", "line_gives_back_to_a_known_place"),
    ]
