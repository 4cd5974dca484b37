import base64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import migrations, models
from django.utils.encoding import force_bytes

import tenpo.core.fields
from tenpo.core.crypto import seal


def open_first_form(sealed):
    """What was sealed under a key derived from the secret key, for everybody's second factor alike."""
    raw = base64.urlsafe_b64decode(sealed.removeprefix("v1:"))
    for secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tenpo.core.crypto").derive(force_bytes(secret))
        try:
            return AESGCM(derived).decrypt(raw[:12], raw[12:], b"mfa").decode()
        except InvalidTag:
            continue
    raise ValueError("A second factor was sealed under another TENPO_SECRET_KEY: set that one, and migrate again.")


def seal_second_factors(apps, schema_editor):
    """Under the key ring, and bound to the user."""
    Authenticator = apps.get_model("mfa", "Authenticator")
    for row in Authenticator.objects.order_by("pk"):
        for name in ("secret", "seed"):
            if str(row.data.get(name, "")).startswith("v1:"):
                sealed = seal(open_first_form(row.data[name]), "mfa", str(row.user_id))
                row.data[name] = base64.urlsafe_b64encode(sealed).decode()
        row.save(update_fields=["data"])


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0003_invite_send_error"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("usersessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Visit",
            fields=[
                (
                    "session_key",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key"),
                ),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("session_data", tenpo.core.fields.EncryptedField(bound_to="session_key")),
            ],
            options={"verbose_name": "session", "verbose_name_plural": "sessions", "abstract": False},
        ),
        migrations.RunPython(seal_second_factors, migrations.RunPython.noop),
        # Sessions in the clear: whoever was signed in signs in once more.
        migrations.RunSQL("DELETE FROM usersessions_usersession", migrations.RunSQL.noop),
        migrations.RunSQL("DROP TABLE IF EXISTS django_session", migrations.RunSQL.noop),
    ]
