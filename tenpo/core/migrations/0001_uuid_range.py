from django.db import migrations


def create_range(apps, schema_editor):
    """A range over uuid, so that an exclusion constraint can compare ids without an extension.

    An operator whose PostgreSQL distributes tables makes the type there first (or ships it as an extension);
    then it is found here and left alone.
    """
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT to_regtype('uuidrange') IS NOT NULL")
        if not cursor.fetchone()[0]:
            cursor.execute("CREATE TYPE uuidrange AS RANGE (subtype = uuid)")


def drop_range(apps, schema_editor):
    schema_editor.execute("DROP TYPE IF EXISTS uuidrange")


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.RunPython(create_range, drop_range)]
