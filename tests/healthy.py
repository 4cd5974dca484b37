"""Whether whatever must always hold does: asked after a thousand tests and at the end of every run of a machine."""

import functools

from django.db import connection

from tenpo.core.invariants import Finding, all_invariants, find_faults


def faults_now(*, about_time: bool = True, app: str = "") -> list[Finding]:
    """What `find_faults` finds; where that is nothing, one statement says so, which PostgreSQL plans once."""
    connection.ensure_connection()
    rows = connection.connection.execute(_is_any_broken(about_time=about_time, app=app), prepare=True).fetchall()
    return find_faults(about_time=about_time, app=app) if rows == [(True,)] else []


@functools.cache
def _is_any_broken(*, about_time: bool, app: str) -> str:
    wanted = [
        f"EXISTS ({invariant.sql})"
        for label, invariant in all_invariants()
        if app in ("", label) and (about_time or not invariant.is_about_time)
    ]
    return f"SELECT {' OR '.join(wanted)}"
