"""What is well with an installation and what is not, each with what to do about it."""

import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg

from tenpo.runtime import database, env, installation, keys, secrets, upgrade
from tenpo.runtime.errors import OperatorError

State = Literal["ok", "warning", "problem"]

DISK_BYTES_LOW, DISK_BYTES_NONE = 2_000_000_000, 300_000_000
WORKER_SECONDS = 40
OUTBOX_SECONDS_SLOW, OUTBOX_SECONDS_STUCK = 30, 600

# Each must be refused to the application's role. None changes anything even where it is allowed.
FORBIDDEN_TO_APP = {
    "change the audit log": "UPDATE audit_auditlog SET id = id WHERE false",
    "delete from the audit log": "DELETE FROM audit_auditlog WHERE false",
    "change a transfer": "UPDATE ledger_transfer SET id = id WHERE false",
    "write an account": "UPDATE ledger_account SET id = id WHERE false",
    "delete an account": "DELETE FROM ledger_account WHERE false",
    "make a table": "CREATE TABLE tenpo_doctor ()",
    "make a temporary table": "CREATE TEMPORARY TABLE tenpo_doctor ()",
}
FORBIDDEN_TO_READER = {
    "make a temporary table": "CREATE TEMPORARY TABLE tenpo_doctor ()",
    "read people": "SELECT id FROM people_user LIMIT 0",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    message: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def examine(data_dir: Path) -> Iterator[Finding]:
    """Look at everything, one after the other; the database must run. A broken check is itself a finding."""
    checks: list[Callable[[Path], Iterator[Finding]]] = [
        _python, _settings, _folder, _secret_key, _keys, _disk, _time_zones, _mail, _address, _cards, _server,
        _migrations, _rights, _worker, _outbox,
    ]  # fmt: skip
    for check in checks:
        name = check.__name__.strip("_").replace("_", " ").capitalize()
        try:
            yield from check(data_dir)
        except (OperatorError, psycopg.Error, OSError) as error:
            yield Finding(name, "problem", str(error).strip().split("\n")[0])


def _python(data_dir: Path) -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == (3, 13):
        yield Finding("Python", "ok", found)
    else:
        yield Finding("Python", "problem", f"{found}; Tenpo needs 3.13", "Install anew with: make run")


def _settings(data_dir: Path) -> Iterator[Finding]:
    for name in ("TENPO_PORT", "TENPO_WORKERS", "TENPO_THREADS", "TENPO_TRUSTED_PROXIES"):
        if not env.text(name).isdigit():
            yield Finding(
                "Settings", "problem", f"{name} is {env.text(name)!r}, which is no whole number", f"Set {name}."
            )
            return
    unknown = [name for name in env.names_set() if name not in env.BY_NAME and name not in env.INTERNAL]
    if unknown:
        yield Finding("Settings", "warning", f"unknown: {', '.join(unknown)}", "A slip of the pen? See: tenpo settings")
    else:
        yield Finding("Settings", "ok", f"{len(env.names_set())} set, the others as documented")


def _folder(data_dir: Path) -> Iterator[Finding]:
    mode = stat.S_IMODE(data_dir.stat().st_mode)
    if mode & 0o067:
        yield Finding("Data folder", "problem", f"{data_dir} is open to others ({mode:04o})", f"chmod 700 {data_dir}")
    else:
        yield Finding("Data folder", "ok", f"{data_dir} ({mode:04o})")


def _secret_key(data_dir: Path) -> Iterator[Finding]:
    if given := env.text("TENPO_SECRET_KEY"):
        state: State = "ok" if len(given) >= 50 else "problem"
        yield Finding("Secret key", state, f"from TENPO_SECRET_KEY, {len(given)} characters", "Use 50 or more.")
        return
    file = secrets.secret_key_file(data_dir)
    if not file.exists():
        yield Finding("Secret key", "warning", "not made yet", "tenpo run makes it.")
        return
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        yield Finding("Secret key", "problem", f"others may read {file} ({mode:04o})", f"chmod 600 {file}")
    else:
        yield Finding("Secret key", "ok", f"{file} ({mode:04o})")


def _keys(data_dir: Path) -> Iterator[Finding]:
    file = keys.ring_file(data_dir)
    if not env.text("TENPO_KEYS"):
        if not file.exists():
            yield Finding("Keys", "warning", "not made yet", "tenpo run makes one.")
            return
        if (mode := stat.S_IMODE(file.stat().st_mode)) & 0o077:
            yield Finding("Keys", "problem", f"others may read {file} ({mode:04o})", f"chmod 600 {file}")
            return
    source = "TENPO_KEYS" if env.text("TENPO_KEYS") else str(file)
    yield Finding("Keys", "ok", f"{len(keys.load(data_dir))} in {source}")


def _disk(data_dir: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(data_dir).free
    state: State = "ok" if free > DISK_BYTES_LOW else "warning" if free > DISK_BYTES_NONE else "problem"
    yield Finding("Disk", state, f"{free / 1e9:.1f} GB free", "Make room: a full disk stops the database.")


def _time_zones(data_dir: Path) -> Iterator[Finding]:
    try:
        ZoneInfo("America/Argentina/Buenos_Aires")
    except ZoneInfoNotFoundError:
        yield Finding("Time zones", "problem", "no time zone data", "Install anew with: make run")
    else:
        yield Finding("Time zones", "ok", "known")


def _mail(data_dir: Path) -> Iterator[Finding]:
    if not env.text("TENPO_EMAIL_URL"):
        yield Finding(
            "Mail", "warning", f"nothing is sent; mails are files in {data_dir / 'mail'}", "Set TENPO_EMAIL_URL."
        )
        return
    options = secrets.mailer(env.text("TENPO_EMAIL_URL"), data_dir / "mail")["OPTIONS"]
    if env.text("TENPO_EMAIL_FROM").rstrip(">").endswith(".invalid"):
        yield Finding("Mail", "problem", f"sender is {env.text('TENPO_EMAIL_FROM')}", "Set TENPO_EMAIL_FROM.")
    elif not options["use_tls"] and not options["use_ssl"] and options["host"] not in ("localhost", "127.0.0.1"):
        yield Finding("Mail", "warning", f"goes to {options['host']} unencrypted", "Use smtp+tls:// or smtps://.")
    else:
        yield Finding("Mail", "ok", f"through {options['host']}")


def _address(data_dir: Path) -> Iterator[Finding]:
    parts = urlsplit(env.text("TENPO_URL") or f"http://localhost:{env.number('TENPO_PORT')}")
    is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not is_local:
        yield Finding("Address", "problem", f"{parts.geturl()} is not https", "Put a proxy with TLS before Tenpo.")
    elif not is_local and not env.number("TENPO_TRUSTED_PROXIES"):
        yield Finding(
            "Address", "problem", f"{parts.geturl()}, but no proxy is trusted", "Set TENPO_TRUSTED_PROXIES=1."
        )
    elif env.flag("TENPO_DEBUG") and not is_local:
        yield Finding("Address", "problem", "TENPO_DEBUG is on for a public address", "Unset TENPO_DEBUG.")
    elif installation.demo_accounts_file(data_dir).exists() and not is_local:
        what = "the demo is there, whose passwords everybody knows"
        yield Finding("Address", "problem", what, "Start without it: TENPO_DEMO=false and an empty TENPO_DATA.")
    else:
        yield Finding("Address", "ok", parts.geturl() + (" (this machine only)" if is_local else ""))


def _cards(data_dir: Path) -> Iterator[Finding]:
    if env.takes_real_money() and env.offers_test_cards():
        yield Finding("Cards", "problem", "test cards pay beside real ones", "Start without TENPO_SANDBOX.")


def _server(data_dir: Path) -> Iterator[Finding]:
    found = upgrade.server_version(data_dir)
    where = "embedded" if database.is_embedded() else "from DATABASE_URL"
    yield Finding("PostgreSQL", "ok", f"{found // 10_000}.{found % 10_000}, {where}")


def _migrations(data_dir: Path) -> Iterator[Finding]:
    if upgrade.is_current(data_dir):
        yield Finding("Migrations", "ok", "applied")
    else:
        yield Finding("Migrations", "problem", "the database is not of this version", "Run: tenpo migrate")


def _rights(data_dir: Path) -> Iterator[Finding]:
    attempts: list[tuple[database.Role, dict[str, str]]] = [("app", FORBIDDEN_TO_APP), ("reader", FORBIDDEN_TO_READER)]
    for role, forbidden in attempts:
        allowed = [what for what, statement in forbidden.items() if _may(data_dir, role, statement)]
        name = f"Rights of {database.ROLE_NAMES[role]}"
        if allowed:
            yield Finding(name, "problem", f"may {', '.join(allowed)}", "Run: tenpo migrate")
        else:
            yield Finding(name, "ok", f"refused: {', '.join(forbidden)}")


def _may(data_dir: Path, role: database.Role, statement: str) -> bool:
    with psycopg.connect(database.conninfo(data_dir, role)) as connection:
        try:
            connection.execute(statement)
        # A table in a schema that the role may not enter does not exist for it.
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
            return False
        finally:
            connection.rollback()
    return True


def _ask(data_dir: Path, query: str) -> tuple[Any, ...]:
    with psycopg.connect(database.conninfo(data_dir, "app"), autocommit=True) as connection:
        return connection.execute(query).fetchone() or ()


def _worker(data_dir: Path) -> Iterator[Finding]:
    [seconds] = _ask(data_dir, "SELECT extract(epoch FROM now() - max(last_heartbeat))::int FROM procrastinate_workers")
    if seconds is None:
        yield Finding("Worker", "problem", "none runs: no mails, no reminders", "Run: tenpo run (or tenpo worker)")
    elif seconds > WORKER_SECONDS:
        yield Finding("Worker", "problem", f"last seen {seconds} s ago", "Run: tenpo run (or tenpo worker)")
    else:
        yield Finding("Worker", "ok", f"seen {seconds} s ago")
    [failed] = _ask(data_dir, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'")
    if failed:
        yield Finding("Jobs", "warning", f"{failed} given up", "Look into logs/tenpo.log.")


def _outbox(data_dir: Path) -> Iterator[Finding]:
    seconds, dead = _ask(
        data_dir,
        "SELECT coalesce(extract(epoch FROM now() - min(published_at) FILTER (WHERE dead_at IS NULL)), 0)::int,"
        " count(*) FILTER (WHERE dead_at IS NOT NULL) FROM core_outboxmessage WHERE delivered_at IS NULL",
    )
    state: State = "ok" if seconds < OUTBOX_SECONDS_SLOW else "warning" if seconds < OUTBOX_SECONDS_STUCK else "problem"
    yield Finding("Outbox", state, f"{seconds} s behind" if seconds else "nothing waits", "Is the worker running?")
    if dead:
        yield Finding("Outbox", "warning", f"{dead} messages given up", "Look into logs/tenpo.log.")


def summary(findings: list[Finding]) -> State:
    """The worst of them."""
    states = {finding.state for finding in findings}
    return "problem" if "problem" in states else "warning" if "warning" in states else "ok"
