"""The table of who may see what, and every route that must stand in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.urls.exceptions import Resolver404

from tests.world import PEOPLE

TABLE = Path(__file__).with_name("matrix.txt")
KEYS = ("read", "write", "boss", "dead")
ACTORS = ("anon", *PEOPLE, *KEYS)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Beside Django, on the event loop: `tenpo.config.rsgi`.
OUTSIDE = ("/stream",)
# What machines ask, and is nobody's: who may ask is said in `tests/test_probes.py`.
PROBES = ("/healthz", "/readyz", "/metrics")


@dataclass(frozen=True)
class Row:
    """One method on one address, and what each actor is answered."""

    method: str
    address: str
    cells: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.address}"

    @property
    def path(self) -> str:
        """The address without its question and without the name of its variant."""
        return re.split(r"[?#]", self.address)[0]

    @property
    def is_page(self) -> bool:
        return not self.path.startswith("/api/v1/") or self.path == "/api/v1/docs"

    def cell(self, actor: str) -> str:
        return self.cells[ACTORS.index(actor)]

    def line(self) -> str:
        """As it stands in the table."""
        people, keys = self.cells[: len(PEOPLE) + 1], self.cells[len(PEOPLE) + 1 :]
        shown = "".join(f"{cell:<8}" for cell in people) + "| " + "".join(f"{cell:<6}" for cell in keys)
        return f"{self.method:<6} {self.address:<72} {shown}".rstrip()


def rows(table: Path = TABLE) -> list[Row]:
    """The rows of the table; what stands after a `#` and a space is a comment."""
    found = []
    for line in table.read_text().splitlines():
        words = re.split(r"(?:^|\s)# ", line)[0].replace("|", " ").split()
        if words and words != ["#"]:
            method, address, *cells = words
            assert len(cells) == len(ACTORS), f"needs {len(ACTORS)} cells: {line}"
            # Whatever the method: one row for each.
            found += [Row(one, address, tuple(cells)) for one in (METHODS if method == "ANY" else (method,))]
    return found


def patterns(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    """The pattern of every address that Django knows, as `resolve` names it."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = before + str(entry.pattern).removeprefix("^")
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from patterns(entry, route)


def pattern_of(row: Row) -> str:
    """The pattern that serves a row's address, with ids in the place of its names."""
    path = row.path
    for fill in ("01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42", "7", "MQ-abc"):
        try:
            return str(resolve(re.sub(r"\{[\w=]+\}", fill, path)).route)
        except Resolver404:
            continue
    return path if path in OUTSIDE else f"nothing serves {path}"
