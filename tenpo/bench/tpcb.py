"""PostgreSQL's own yardstick, `pgbench`: TPC-B on the same server, and single statements without any application."""

import os
import re
import subprocess
from pathlib import Path

from tenpo.bench.load import Sample
from tenpo.bench.scratch import TPCB_DATABASE, Scratch
from tenpo.runtime import postgres
from tenpo.runtime.errors import OperatorError

_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_DONE = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
_LATENCY = re.compile(r"^latency average = ([0-9.]+) ms", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


def prepare(here: Scratch, *, scale: int) -> None:
    """Make the tables of TPC-B: 100,000 accounts for each unit of `scale`."""
    with here.as_superuser("postgres") as admin:
        admin.execute(f"CREATE DATABASE {TPCB_DATABASE}")
    _pgbench(here, postgres.SUPERUSER, "--initialize", "--quiet", "--scale", str(scale), TPCB_DATABASE)


def run_tpcb(here: Scratch, *, clients: int, seconds: int) -> Sample:
    """TPC-B, prepared: one transaction of three updates, a select and an insert for each try."""
    return _sample(_pgbench(here, postgres.SUPERUSER, *_load(clients, seconds), TPCB_DATABASE))


def run_script(here: Scratch, script: Path, *, clients: int, seconds: int, turn: int) -> Sample:
    """A script of pgbench against Tenpo's database, as the application, with its variable `turn`."""
    load = [*_load(clients, seconds), f"--define=turn={turn}", "--file", str(script)]
    return _sample(_pgbench(here, postgres.APP, *load, postgres.DATABASE))


def _load(clients: int, seconds: int) -> list[str]:
    threads = min(clients, os.cpu_count() or 1)
    return [
        "--no-vacuum", "--protocol=prepared", f"--client={clients}", f"--jobs={threads}", f"--time={seconds}",
    ]  # fmt: skip


def _pgbench(here: Scratch, role: str, *arguments: str) -> str:
    address = {"PGHOST": here.address, "PGUSER": role, "PGPASSWORD": here.password}
    program = postgres.binaries() / "pgbench"
    done = subprocess.run(
        [str(program), *arguments], env={**os.environ, **address}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OperatorError(f"pgbench failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def _sample(said: str) -> Sample:
    rate, latency, done = _RATE.search(said), _LATENCY.search(said), _DONE.search(said)
    failed = _FAILED.search(said)
    assert rate, said
    assert latency, said
    assert done, said
    return Sample(
        done=int(done[1]),
        rate=float(rate[1]),
        p50_ms=float(latency[1]),
        p95_ms=None,
        failed=int(failed[1]) if failed else 0,
    )
