"""Django's settings. Whatever an operator may change stands in `tenpo.runtime.env`, with its meaning."""

from urllib.parse import urlsplit

from django.utils.csp import CSP

from tenpo.runtime import database, env, secrets

DEBUG = env.flag("TENPO_DEBUG")
DATA_DIR = env.data_dir()
PUBLIC_URL = env.text("TENPO_URL").rstrip("/") or f"http://localhost:{env.number('TENPO_PORT')}"
IS_HTTPS = PUBLIC_URL.startswith("https://")

SECRET_KEY = secrets.secret_key(DATA_DIR)
ALLOWED_HOSTS = [host for host in env.text("TENPO_ALLOWED_HOSTS").split(",") if host] or [
    urlsplit(PUBLIC_URL).hostname or "localhost",
    "localhost",
    "127.0.0.1",
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.forms",
    "django_cotton.apps.SimpleAppConfig",
    "django_htmx",
    "ninja",
    "procrastinate.contrib.django",
    "tenpo.core",
    "tenpo.audit",
    "tenpo.people",
    "tenpo.access",
    "tenpo.notify",
    "tenpo.ledger",
    "tenpo.payments",
    "tenpo.orders",
    "tenpo.schedule",
    "tenpo.checkout",
    "tenpo.books",
    "tenpo.reporting",
    "tenpo.web",
    # After ours, so that our templates stand before theirs.
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "tenpo.core.middleware.HeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tenpo.core.middleware.RequestContextMiddleware",
    "tenpo.people.middleware.VisitMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "tenpo.people.middleware.PersonMiddleware",
    "tenpo.people.middleware.SecondFactorMiddleware",
    "tenpo.people.middleware.FreshMiddleware",
    "tenpo.people.middleware.ChallengeMiddleware",
    "tenpo.people.middleware.AccountTriesMiddleware",
    "tenpo.people.middleware.ReadableSignInMiddleware",
]

ROOT_URLCONF = "tenpo.config.urls"
WSGI_APPLICATION = "tenpo.config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django_cotton.cotton_loader.Loader",
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "django_cotton.templatetags.cotton",
                "tenpo.core.templatetags.tenpo",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenpo.core.context.business",
                "tenpo.core.context.theme",
                "tenpo.web.context.frame",
            ],
        },
    }
]

FORM_RENDERER = "tenpo.core.forms.FormRenderer"

# The application's role may neither change tables nor rewrite money or audit; `tenpo migrate` uses the owner's.
DATABASES = {"default": database.django_config(DATA_DIR, role="app")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Django's cache holds nothing but which codes of apps were used in their half minute; limits are rows
# (`tenpo.core.limits`). Beyond its size the cache drops what it holds, so that is more than can be used meanwhile.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "core_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["tenpo.people.backends.PersonBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "tenpo.people.passwords.ContextWordsValidator"},
    {"NAME": "tenpo.people.passwords.GuessesValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

ACCOUNT_ADAPTER = "tenpo.people.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_DISPLAY = "tenpo.people.models.display_name"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "tenpo.people.forms.SignUpNameForm"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 600
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
# Another address to sign in with, a key, a second factor: for who showed in the last quarter of an hour who they are.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
# What was typed there waits (`people.middleware`, FreshMiddleware).
ACCOUNT_FORMS = {
    "add_email": "tenpo.people.account_forms.AddressForm",
    "confirm_email_verification_code": "tenpo.people.account_forms.AddressCodeForm",
    "reauthenticate": "tenpo.people.account_forms.AgainForm",
}
MFA_FORMS = {
    "add_webauthn": "tenpo.people.account_forms.PasskeyForm",
    "edit_webauthn": "tenpo.people.account_forms.PasskeyNameForm",
    "reauthenticate": "tenpo.people.account_forms.AgainCodeForm",
}
PASSWORD_RESET_TIMEOUT = 3600
# Counted by us (`people.middleware`, `people.tries`): allauth's counts are in the cache, which a flood empties.
ACCOUNT_RATE_LIMITS = False
MFA_RATE_LIMITS = False
MFA_ADAPTER = "tenpo.people.adapters.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not IS_HTTPS
HEADLESS_ONLY = False
HEADLESS_CLIENTS = ("browser",)
ALLAUTH_TRUSTED_PROXY_COUNT = env.number("TENPO_TRUSTED_PROXIES")

_COOKIE_PREFIX = "__Host-" if IS_HTTPS else ""
SESSION_ENGINE = "tenpo.people.visits"
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}tenpo_session"
SESSION_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}tenpo_csrf"
CSRF_COOKIE_SECURE = IS_HTTPS
# Scripts take the token from the page (`hx-headers` of the body).
CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "tenpo.core.messages.MessageStorage"
MESSAGE_COOKIE_NAME = f"{_COOKIE_PREFIX}tenpo_messages"
THEME_COOKIE_NAME = f"{_COOKIE_PREFIX}tenpo_theme"
ZONE_COOKIE_NAME = f"{_COOKIE_PREFIX}tenpo_zone"
CSRF_FAILURE_VIEW = "tenpo.web.views.errors.csrf_failure"
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if IS_HTTPS else 0
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS and env.number("TENPO_TRUSTED_PROXIES") else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# A script runs only with the nonce of its page; not even another file of ours could be put there.
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.NONCE],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "upgrade-insecure-requests": IS_HTTPS,
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [env.ROOT / "tenpo" / "locale"]

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": DATA_DIR / "files"}},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "tenpo.core.staticfiles.JoinedStyleStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
# Every name has its hash, so that an old file is never overwritten by a new one (`runtime.upgrade.collect_static`).
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

DEFAULT_FROM_EMAIL = env.text("TENPO_EMAIL_FROM")
MAIL_DIR = DATA_DIR / "mail"
MAILERS = {"default": secrets.mailer(env.text("TENPO_EMAIL_URL"), MAIL_DIR)}
# Without a mail server an admin may read what was written, so that a demo's codes and invites can be used. Such an
# admin can sign in as anybody, so this is for developing and for the demo alone.
# Test cards pay for nothing: a business that takes real money must not have them by accident.
SANDBOX_PAYMENTS = env.offers_test_cards()
# Without a key nothing of Stripe is offered, or loaded.
PAYPAL_CLIENT_ID = env.text("TENPO_PAYPAL_CLIENT_ID")
PAYPAL_SECRET = env.text("TENPO_PAYPAL_SECRET")
PAYPAL_API = env.text("TENPO_PAYPAL_API")
STRIPE_KEY = env.text("TENPO_STRIPE_KEY")
STRIPE_WEBHOOK_SECRETS = [one.strip() for one in env.text("TENPO_STRIPE_WEBHOOK_SECRETS").split(",") if one.strip()]
STRIPE_API = env.text("TENPO_STRIPE_API")
PLUGNMEET_URL = env.text("TENPO_PLUGNMEET_URL")
PLUGNMEET_KEY = env.text("TENPO_PLUGNMEET_KEY")
PLUGNMEET_SECRET = env.text("TENPO_PLUGNMEET_SECRET")
BBB_URL = env.text("TENPO_BBB_URL")
BBB_SECRET = env.text("TENPO_BBB_SECRET")
JITSI_URL = env.text("TENPO_JITSI_URL")
JITSI_APP_ID = env.text("TENPO_JITSI_APP_ID")
JITSI_SECRET = env.text("TENPO_JITSI_SECRET")
GOOGLE_CLIENT_ID = env.text("TENPO_GOOGLE_CLIENT_ID")
GOOGLE_CLIENT_SECRET = env.text("TENPO_GOOGLE_CLIENT_SECRET")
GOOGLE_SIGN_IN = "https://accounts.google.com/o/oauth2/v2/auth"
GOOGLE_TOKENS = "https://oauth2.googleapis.com"
GOOGLE_API = "https://www.googleapis.com"
# Beside the hosts of the internet (`core.outgoing`).
OUTGOING_HOSTS = [one.strip().lower() for one in env.text("TENPO_OUTGOING_HOSTS").split(",") if one.strip()]
SHOWS_WRITTEN_MAILS = (DEBUG or env.flag("TENPO_DEMO")) and not env.text("TENPO_EMAIL_URL")

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"
# Who hears what happened: consumer → function of one `OutboxMessage`, at least once, in order per subject.
OUTBOX_CONSUMERS = {"notifications": "tenpo.config.consumers.pass_on"}
# Everything that people can be told, gathered from the domain apps.
NOTIFICATION_KINDS = "tenpo.config.consumers.KINDS"
# Which function does one row of each kind of import (`tenpo.people.actions.imports`).
IMPORT_ROWS = {
    "people": "tenpo.people.actions.imports.invite_row",
    "sessions": "tenpo.schedule.actions.imports.import_session_row",
}

# Whose sales were paid by what is known above payouts: a payee's earnings that a buyer's bank may still take back.
DISPUTED_EARNINGS = "tenpo.checkout.queries.disputes.disputed_earnings"

# What a backup's manifest says beside the number of rows: name → function that says it of this moment.
BACKUP_FIGURES = {"ledger": "tenpo.ledger.queries.figures"}
# What is encrypted inside somebody else's model, beside every `EncryptedField`: each is a `core.sealed.Place`.
SEALED_ELSEWHERE = ["tenpo.people.second_factors.SecondFactors"]

# What gets in on somebody's behalf whatever their password is: how it is found, and how it ends when all of it does,
# or its owner is shut out. None: only its owner ends it, each by itself.
STANDING_ACCESS = {
    "tenpo.access.queries.standing_keys": "tenpo.access.actions.api_clients.revoke_api_clients",
    "tenpo.schedule.queries.standing_feed": "tenpo.schedule.actions.feeds.end_feed",
    "tenpo.schedule.calendar_queries.standing_calendars": "tenpo.schedule.actions.calendars.end_calendars",
    "tenpo.people.queries.standing_files": "tenpo.people.actions.imports.stop_files_of",
    "tenpo.people.queries.standing_invites": "tenpo.people.actions.invites.revoke_links_of",
    # Who lost all their passkeys unawares might not get in themselves, or by the password alone.
    "tenpo.people.queries.standing_passkeys": None,
}

LOGGING_CONFIG = None
SILENCED_SYSTEM_CHECKS = [
    # E-mail is unique by a constraint on its lower case, which the check does not see.
    "auth.W004",
    # Other hosts of the operator's domain are not ours to force to HTTPS, nor is the browsers' list of domains.
    "security.W005",
    "security.W021",
    # The proxy that holds the certificate sends plain requests on; Tenpo may be asked for its health without one.
    "security.W008",
]
