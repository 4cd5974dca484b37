"""Every setting that Tenpo takes from the environment, with its default and its meaning.

`docs/settings.md` is generated from this list; `tenpo doctor` checks an installation against it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Setting:
    """One environment variable: its name, default as written, and what it does."""

    name: str
    default: str
    help: str
    secret: bool = False


SETTINGS = [
    Setting("TENPO_DATA", "./data", "Folder of the embedded database, keys, mail and logs. Mode 0700."),
    Setting("TENPO_HOST", "127.0.0.1", "Address that the web server listens on."),
    Setting("TENPO_PORT", "8000", "Port that the web server listens on."),
    Setting("TENPO_URL", "", "Public address, such as https://coaching.example.com. Empty: http://localhost:PORT."),
    Setting("TENPO_ALLOWED_HOSTS", "", "Host names that are answered, with commas. Empty: the one of TENPO_URL and localhost."),
    Setting("TENPO_SECRET_KEY", "", "Signs cookies and links. Empty: made once, kept in TENPO_DATA/secret_key.", secret=True),
    Setting("TENPO_KEYS", "", "Keys for what is encrypted in the database, ID:KEY with commas, the last one encrypts. Empty: made once, kept in TENPO_DATA/keys.", secret=True),
    Setting("TENPO_DEBUG", "false", "Shows tracebacks and the /design page. Never on a public server."),
    Setting("TENPO_DEMO", "", "true or false: whether the first start fills an empty database with the demo. Empty: true for `make run`."),
    Setting("TENPO_SANDBOX", "", "true or false: whether test cards can pay, with no money moved. Empty: only with the demo or with TENPO_DEBUG, and not with a live key of Stripe."),
    Setting("TENPO_PAYPAL_CLIENT_ID", "", "Client id of your app at PayPal, with Payouts switched on: people can then be paid there. Empty: nobody is."),
    Setting("TENPO_PAYPAL_SECRET", "", "The secret of that app.", secret=True),
    Setting("TENPO_PAYPAL_API", "https://api-m.paypal.com", "Where PayPal's API is; https://api-m.sandbox.paypal.com to try it."),
    Setting("TENPO_STRIPE_KEY", "", "Secret key of your Stripe account, sk_live_… or sk_test_…: people can then pay by card. Empty: nothing of Stripe is offered.", secret=True),
    Setting("TENPO_STRIPE_WEBHOOK_SECRETS", "", "Signing secrets, whsec_… with commas, of the webhook endpoints at Stripe that lead to /api/v1/webhooks/stripe. Without one payments are asked about once a minute.", secret=True),
    Setting("TENPO_STRIPE_API", "https://api.stripe.com", "Where Stripe's API is; another address is for tests."),
    Setting("TENPO_PLUGNMEET_URL", "", "Address of your PlugNmeet server, such as https://meet.example.com: sessions can then be held there. Its webhook leads to /api/v1/video/webhooks/plugnmeet. Empty: it is not offered."),
    Setting("TENPO_PLUGNMEET_KEY", "", "API key of that server."),
    Setting("TENPO_PLUGNMEET_SECRET", "", "The secret of that key.", secret=True),
    Setting("TENPO_BBB_URL", "", "Address of the API of your BigBlueButton server, such as https://bbb.example.com/bigbluebutton/api. Empty: it is not offered."),
    Setting("TENPO_BBB_SECRET", "", "The shared secret of that server (bbb-conf --secret).", secret=True),
    Setting("TENPO_JITSI_URL", "", "Address of a Jitsi server, such as https://meet.example.com: sessions can then be held there. Empty: it is not offered."),
    Setting("TENPO_JITSI_APP_ID", "", "App id of that server, where it lets in by token only."),
    Setting("TENPO_JITSI_SECRET", "", "The secret that signs such tokens (HS256). Empty: whoever knows a room's name gets in.", secret=True),
    Setting("TENPO_GOOGLE_CLIENT_ID", "", "Client id of your app at Google (OAuth, web application): people can then connect their Google calendars. Empty: nobody can."),
    Setting("TENPO_GOOGLE_CLIENT_SECRET", "", "The secret of that app.", secret=True),
    Setting("TENPO_OUTGOING_HOSTS", "", "Hosts of yours that people's calendars may lead to though they are not in the internet, with commas: caldav.lan, or radicale.lan:5232, which may then be asked at that port and without https."),
    Setting("TENPO_WORKERS", "2", "Web worker processes."),
    Setting("TENPO_THREADS", "4", "Threads in each web worker; each keeps one database connection."),
    Setting("TENPO_TRUSTED_PROXIES", "0", "How many reverse proxies of yours stand before Tenpo; their X-Forwarded-For is believed."),
    Setting("TENPO_EMAIL_URL", "", "SMTP server, such as smtp+tls://user:password@mail.example.com:587. Empty: mails are written to TENPO_DATA/mail.", secret=True),
    Setting("TENPO_EMAIL_FROM", "Tenpo <hello@tenpo.invalid>", "Sender of all mails."),
    Setting("TENPO_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR."),
    Setting("TENPO_LOG_FORMAT", "", "text or json. Empty: text on a terminal, json otherwise."),
    Setting("TENPO_METRICS_TOKEN", "", "Lets Prometheus read /metrics from anywhere: Authorization: Bearer TOKEN. Empty: from this machine alone, by a loopback name, and not through a proxy.", secret=True),
    Setting("TENPO_OTEL_ENDPOINT", "", "Collector of OpenTelemetry that traces are sent to (OTLP over HTTP), such as http://localhost:4318. Needs the extra tenpo[otel]. Empty: none."),
    Setting("TENPO_SENTRY_DSN", "", "Sentry project that failures are told to. Needs the extra tenpo[sentry]. Empty: none.", secret=True),
    Setting("DATABASE_URL", "", "A PostgreSQL 18 of yours. Empty: the embedded one.", secret=True),
    Setting("DATABASE_OWNER_URL", "", "The role that migrates, when it is not the one of DATABASE_URL.", secret=True),
]  # fmt: skip
BY_NAME = {setting.name: setting for setting in SETTINGS}
# What our own processes tell each other.
INTERNAL = {"TENPO_SUPERVISOR"}
# How Stripe's keys begin that move money.
LIVE_KEYS = ("sk_live_", "rk_live_")


def text(name: str) -> str:
    """The value of a declared setting; empty counts as not set."""
    return os.environ.get(name) or BY_NAME[name].default


def number(name: str) -> int:
    """The value of a declared setting as a whole number; a clear error when it is none."""
    try:
        return int(text(name))
    except ValueError:
        raise SystemExit(f"{name} must be a whole number, not {text(name)!r}.") from None


def flag(name: str) -> bool:
    """The value of a declared setting as yes or no."""
    return text(name).lower() in {"1", "true", "yes", "on"}


def takes_real_money() -> bool:
    """Whether people pay here with cards that are charged."""
    return text("TENPO_STRIPE_KEY").startswith(LIVE_KEYS)


def offers_test_cards() -> bool:
    """Whether cards that pay for nothing are taken: as the operator says, else where nobody takes real money by mistake.

    What they fill a wallet with could be paid out.
    """
    if text("TENPO_SANDBOX"):
        return flag("TENPO_SANDBOX")
    return (flag("TENPO_DEBUG") or flag("TENPO_DEMO")) and not takes_real_money()


def data_dir() -> Path:
    """The data folder, absolute. It may not exist yet."""
    return Path(text("TENPO_DATA")).expanduser().resolve()


def names_set() -> list[str]:
    """The variables of the environment that are meant for Tenpo, known or not."""
    return sorted(name for name in os.environ if name.startswith("TENPO_") or name in BY_NAME)
