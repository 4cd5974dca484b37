"""Collect every word that Tenpo says into its catalogues, without gettext's programs.

    python scripts/messages.py            bring tenpo/locale/*/LC_MESSAGES/django.po up to date
    python scripts/messages.py --missing  list what has no translation yet
    python scripts/messages.py --check    say what is missing, stale or filled in at the wrong places; exit code 1

A message whose English has changed is a new message: nothing is guessed, so nothing wrong is shown.
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tenpo"
LOCALES = PACKAGE / "locale"
LANGUAGES = ["de"]
SKIP = {"tests", "migrations", "static"}
# The design page is for those who build pages; `demo` speaks of invented people.
SKIP_FILES = re.compile(r"web/templates/web/design|web/views/design\.py")

type Keywords = dict[str, tuple[int | tuple[int, str], ...] | None]

PYTHON: Keywords = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "later": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def files() -> Iterator[Path]:
    """Python files and templates that may say something."""
    for path in sorted(PACKAGE.rglob("*")):
        parts = path.relative_to(PACKAGE).parts
        if path.suffix not in {".py", ".html", ".txt"} or SKIP & set(parts) or SKIP_FILES.search(path.as_posix()):
            continue
        if path.suffix == ".py" or "templates" in parts:
            yield path


def found() -> Catalog:
    """Every message of today, with the files it stands in (no line numbers: they would change with each commit)."""
    from django.utils.translation.template import templatize

    catalog = Catalog(project="Tenpo", charset="utf-8")
    for path in files():
        source = path.read_text()
        kind = "python"
        if path.suffix != ".py":
            # Django turns a template into something of the shape of a program; its brackets and quotes are what counts.
            source, kind = templatize(source), "javascript"
        for _line, message, _comments, context in extract(kind, io.BytesIO(source.encode()), keywords=PYTHON):
            if message and message != ("", ""):
                name = path.relative_to(ROOT).as_posix()
                catalog.add(message, locations=[(name, 0)], context=context)
    return catalog


def catalogue(language: str) -> Path:
    """Where the translations of a language are kept."""
    return LOCALES / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> Catalog:
    """The catalogue of a language as it stands."""
    path = catalogue(language)
    if not path.exists():
        return Catalog(locale=language, project="Tenpo", charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(language: str) -> Catalog:
    """The catalogue with today's messages: new ones empty, gone ones dropped."""
    old = read(language)
    new = Catalog(locale=language, project="Tenpo", charset="utf-8", fuzzy=False)
    for message in found():
        if not message.id:
            continue
        known = old.get(message.id, message.context)
        locations = sorted({(name, 0) for name, _ in message.locations})
        new.add(
            message.id,
            known.string if known else None,
            locations=locations,
            flags=message.flags,
            context=message.context,
        )
    return new


def write(language: str) -> None:
    """Write the catalogue, in the order of the messages' own words."""
    path = catalogue(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    write_po(buffer, update(language), width=120, sort_output=True, omit_header=False, include_lineno=False)
    # Dates and versions would make a change of nothing.
    keep = [
        line
        for line in buffer.getvalue().decode().splitlines()
        if not re.match(r'"(POT|PO-Rev|Generated|Last|Report)', line)
    ]
    lines = [line for line in keep if not line.startswith("# ")]
    path.write_text("\n".join(lines).strip("#\n ") + "\n")


def missing(language: str) -> list[str]:
    """What has no translation."""
    return [
        str(message.id)
        for message in update(language)
        if message.id and not (all(message.string) if isinstance(message.string, tuple) else message.string)
    ]


def wrong(language: str) -> list[str]:
    """What is not right in a catalogue: not translated, not ours any more, or without the places of its English."""
    old, new = read(language), update(language)
    ours = {(message.id, message.context) for message in new}
    stale = [f"not said any more: {message.id}" for message in old if (message.id, message.context) not in ours]
    broken = [f"{error}: {message.id}" for message in old if message.id for error in message.check(old)]
    return [*(f"not translated: {one}" for one in missing(language)), *stale, *broken]


def main() -> None:
    """Update, list what is missing, or check."""
    problems: list[str] = []
    for language in LANGUAGES:
        if "--check" in sys.argv:
            problems += wrong(language)
        elif "--missing" in sys.argv:
            print("\n".join(missing(language)))
        else:
            write(language)
            print(f"{catalogue(language).relative_to(ROOT)}: {len(missing(language))} to translate")
    if problems:
        print("\n".join(problems))
        sys.exit(1)


if __name__ == "__main__":
    main()
