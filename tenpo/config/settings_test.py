"""The settings under test: the same, with quick passwords and mail in memory; the rest is in `conftest.py`."""

import os

from tenpo.runtime import env

os.environ["TENPO_DATA"] = str(env.ROOT / ".tmp")
for name in (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "TENPO_URL",
    "TENPO_EMAIL_URL",
    "TENPO_KEYS",
    "TENPO_DEBUG",
    "TENPO_STRIPE_KEY",
    "TENPO_STRIPE_WEBHOOK_SECRETS",
    "TENPO_STRIPE_API",
    "TENPO_PLUGNMEET_URL",
    "TENPO_BBB_URL",
    "TENPO_JITSI_URL",
    "TENPO_ALLOWED_HOSTS",
):
    os.environ.pop(name, None)

from tenpo.config.settings import *  # noqa: E402, F403 (after the environment is set)

SANDBOX_PAYMENTS = True
# A room that is nothing but an address, and webhooks of a server that nobody asks.
JITSI_URL = "https://jitsi.example"
PLUGNMEET_KEY, PLUGNMEET_SECRET = "APIkey1", "a secret of the tests, long enough for any signature"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
