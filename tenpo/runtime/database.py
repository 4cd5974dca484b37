"""How Tenpo connects to PostgreSQL: as the application, as the owner of the tables, or as a reader of reports."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from tenpo.runtime import env, postgres
from tenpo.runtime.errors import OperatorError

Role = Literal["app", "owner", "reader"]
ROLE_NAMES: dict[Role, str] = {"app": postgres.APP, "owner": postgres.OWNER, "reader": postgres.READER}

# In milliseconds. The application's statements are short: one that is not is a mistake, and must not hold locks.
# Migrations may take long, but must not wait long for a table that is in use while everybody else waits behind them.
TIMEOUTS: dict[Role, dict[str, int]] = {
    "app": {"statement_timeout": 30_000, "lock_timeout": 10_000, "idle_in_transaction_session_timeout": 60_000},
    "owner": {"statement_timeout": 0, "lock_timeout": 3_000, "idle_in_transaction_session_timeout": 0},
    "reader": {"statement_timeout": 300_000, "lock_timeout": 10_000, "idle_in_transaction_session_timeout": 60_000},
}
# A statement that a connection has sent so often is prepared: PostgreSQL reads and plans it once.
PREPARED_AFTER = 4
CONNECT_SECONDS = 10


def is_embedded() -> bool:
    """Whether Tenpo runs its own PostgreSQL, rather than one that DATABASE_URL names."""
    return not env.text("DATABASE_URL")


def takes_smaller_roles() -> bool:
    """Whether one login serves for all, and takes the application's or the reader's role itself."""
    return not is_embedded() and not env.text("DATABASE_OWNER_URL")


def _parameters(data_dir: Path, role: Role) -> dict[str, str]:
    """libpq's parameters of a role's connection, its settings among them."""
    options = [f"-c {name}={value}" for name, value in TIMEOUTS[role].items()]
    if is_embedded():
        parameters = {
            "host": str(postgres.socket_dir(data_dir)),
            "user": ROLE_NAMES[role],
            "dbname": postgres.DATABASE,
        }
    else:
        owner_url = env.text("DATABASE_OWNER_URL")
        given = owner_url if role == "owner" and owner_url else env.text("DATABASE_URL")
        try:
            parameters = {name: str(value) for name, value in conninfo_to_dict(given).items() if value is not None}
        except ProgrammingError as error:
            raise OperatorError(f"DATABASE_URL cannot be read: {error}") from None
        if role == "reader" or (role == "app" and takes_smaller_roles()):
            # One login for all: it takes the smaller role itself, so that the grants hold all the same.
            options.append(f"-c role={ROLE_NAMES[role]}")
    if own := parameters.get("options"):
        options.append(own)
    return {
        "application_name": f"tenpo {role}",
        "connect_timeout": str(CONNECT_SECONDS),
        **parameters,
        "options": " ".join(options),
    }


def url(data_dir: Path, role: Role = "app") -> str:
    """The connection URL of this installation for a role, without the settings that Tenpo's own connections carry."""
    if not is_embedded():
        owner_url = env.text("DATABASE_OWNER_URL")
        return owner_url if role == "owner" and owner_url else env.text("DATABASE_URL")
    return postgres.url(data_dir, ROLE_NAMES[role])


def conninfo(data_dir: Path, role: Role = "app") -> str:
    """The same as a URL with every setting, for connections that Django does not make."""
    parameters = _parameters(data_dir, role)
    user, password = quote(parameters.pop("user", ""), safe=""), parameters.pop("password", "")
    login = f"{user}:{quote(password, safe='')}@" if password else f"{user}@"
    name = quote(parameters.pop("dbname", ""), safe="")
    return f"postgresql://{login}/{name}?{urlencode(parameters, quote_via=quote)}"


def environment(data_dir: Path, role: Role = "app") -> dict[str, str]:
    """The same as libpq's environment variables: a command line would show the password to everybody."""
    names = {"dbname": "database", "application_name": "appname"}
    return {f"PG{names.get(name, name).upper()}": value for name, value in _parameters(data_dir, role).items()}


def django_config(data_dir: Path, *, role: Role = "app") -> dict[str, Any]:
    """An entry of Django's DATABASES. Connections are kept, one for each thread, and checked before use."""
    parameters = _parameters(data_dir, role)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parameters.pop("dbname", ""),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **parameters,
            "connect_timeout": int(parameters["connect_timeout"]),
            "server_side_binding": True,
            "prepare_threshold": PREPARED_AFTER,
        },
    }


@contextmanager
def acting_as(role: Role) -> Iterator[None]:
    """Let Django's default connection be another role's for a while: the owner's, to migrate."""
    from django.conf import settings  # noqa: PLC0415 (the settings import this module)
    from django.db import connection  # noqa: PLC0415 (as above)

    before = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update(django_config(settings.DATA_DIR, role=role))
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)
