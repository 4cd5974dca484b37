"""An installation as commands meet it: its data folder, with the database running while they work."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tenpo.runtime import database, env, postgres, system, upgrade


def prepare_data_dir() -> Path:
    """The data folder, made when missing, refused when a newer Tenpo wrote it."""
    data_dir = system.private_dir(env.data_dir())
    upgrade.check_data_version(data_dir)
    return data_dir


def demo_accounts_file(data_dir: Path) -> Path:
    """Who is in the demo, and with what password; there when the demo was loaded."""
    return data_dir / "demo.json"


@contextlib.contextmanager
def running_database(data_dir: Path, *, stop_always: bool = False) -> Iterator[None]:
    """The database, for as long as the block runs.

    The embedded one is started when it does not run, and stopped by whoever used it last; the supervisor, whose end
    is the end of everything, stops it always.
    """
    if not database.is_embedded():
        upgrade.server_version(data_dir)
        yield
        return
    with (data_dir / "postgres.users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        postgres.ensure_running(data_dir)
        try:
            yield
        finally:
            if stop_always or system.try_lock(users):
                postgres.stop(data_dir)


@contextlib.contextmanager
def django(*, has_database: bool = True) -> Iterator[None]:
    """Django set up, on this installation's running database."""
    import django as django_package  # noqa: PLC0415 (the help of a command must not wait for it)

    from tenpo.runtime import logs  # noqa: PLC0415 (as above)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenpo.config.settings")
    data_dir = prepare_data_dir()
    with running_database(data_dir) if has_database else contextlib.nullcontext():
        logs.configure()
        django_package.setup()
        yield
        from django.db import connections  # noqa: PLC0415 (as above)

        connections.close_all()
