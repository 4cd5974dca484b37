import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    safe_because = "there are as many rows as accounts, read in a moment; what old code writes has an account and no host"

    dependencies = [
        ('people', '0005_no_index_twice'),
    ]

    operations = [
        migrations.AddField(
            model_name='participant',
            name='guest_of',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='guests', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='participant',
            name='left_out_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='participant',
            name='is_visitor',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name='participant',
            name='name',
            field=models.CharField(max_length=120, verbose_name='Name'),
        ),
        migrations.AddConstraint(
            model_name='participant',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('guest_of', None), ('is_visitor', False), ('left_out_at', None), ('user__isnull', False)), models.Q(('guest_of__isnull', False), ('is_visitor', False), ('user', None)), models.Q(('guest_of', None), ('is_visitor', True), ('left_out_at', None), ('user', None)), _connector='OR'), name='participant_is_somebodys'),
        ),
        migrations.AddConstraint(
            model_name='participant',
            constraint=models.UniqueConstraint(models.F('guest_of'), django.db.models.functions.text.Lower('name'), condition=models.Q(('guest_of__isnull', False), ('left_out_at', None)), name='participant_guest_once_by_name'),
        ),
    ]
