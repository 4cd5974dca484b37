"""What the documents point at is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tenpo.runtime.env import ROOT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# [words](target) and ![words](target); not addresses, not anchors.
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path):
    targets = LINK.findall(document.read_text())

    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_decisions_are_short_and_listed():
    folder = ROOT / "docs" / "decisions"
    records = sorted(folder.glob("[0-9]*.md"))
    listed = (folder / "README.md").read_text()

    assert [path.name for path in records if len(path.read_text().splitlines()) > 40] == []
    assert [path.name for path in records if f"({path.name})" not in listed] == []


def test_pictures_are_light():
    assert [path.name for path in (ROOT / "docs" / "images").iterdir() if path.stat().st_size > 300_000] == []


def test_vendored_files_are_what_is_listed():
    static = ROOT / "tenpo" / "core" / "static"
    listed = re.findall(r"^\| (\S+\.\w+) \|", (static / "vendor" / "VENDORED.md").read_text(), re.MULTILINE)
    found = [path for folder in ("vendor", "fonts") for path in (static / folder).rglob("*") if path.is_file()]

    checked = subprocess.run(
        [sys.executable, "scripts/vendor.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (checked.returncode, checked.stderr) == (0, "")
    assert sorted(path.relative_to(static).as_posix() for path in found if path.suffix != ".md") == sorted(listed)


def test_architecture_names_every_app():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    apps = [path.parent.name for path in (ROOT / "tenpo").glob("*/__init__.py")]

    assert [name for name in apps if f"| `{name}` |" not in text] == []
