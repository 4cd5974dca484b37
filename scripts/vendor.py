"""Fetch the files of others that Tenpo serves, from npm, by exact version.

Run `python scripts/vendor.py` after changing a version below, and commit what changed: nobody who runs Tenpo needs
npm or the internet. `--check` compares the files on disk with the hashes in VENDORED.md and fetches nothing.
"""

import hashlib
import io
import json
import sys
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).resolve().parents[1] / "tenpo" / "core" / "static"
LIST = STATIC / "vendor" / "VENDORED.md"
REGISTRY = "https://registry.npmjs.org"

ICONS = """
activity archive arrow-down arrow-down-right arrow-left arrow-right arrow-up arrow-up-right badge-check banknote bell
book-open building-2 calendar calendar-check calendar-clock calendar-days calendar-plus calendar-x chart-column
chart-line check chevron-down chevron-left chevron-right chevron-up circle-alert circle-check circle-dot
circle-question-mark circle-user circle-x clock code coins compass copy credit-card door-open download ellipsis
external-link eye eye-off file-text funnel globe hand-coins history hourglass house info key-round landmark laptop
link list loader-circle lock log-in log-out mail map-pin megaphone menu message-circle minus monitor moon pencil
percent plug plus printer qr-code receipt refresh-cw repeat rotate-ccw scale search send settings shield shield-check
shopping-cart smartphone star sun sun-moon tag ticket trash-2 triangle-alert undo-2 upload user user-check user-plus
user-x users video wallet webhook x
""".split()  # noqa: SIM905 (a list of words is read and changed as words)


@dataclass(frozen=True)
class Package:
    """One npm package: its exact version, its licence, and which files go where under `static/`."""

    name: str
    version: str
    licence: str
    files: dict[str, str]


PACKAGES = [
    Package("htmx.org", "2.0.11", "0BSD", {"dist/htmx.min.js": "vendor/htmx.min.js"}),
    Package(
        "@event-calendar/build",
        "5.10.1",
        "MIT",
        {
            "dist/event-calendar.min.js": "vendor/event-calendar.min.js",
            "dist/event-calendar.min.css": "vendor/event-calendar.min.css",
        },
    ),
    Package(
        "@fontsource-variable/inter",
        "5.3.0",
        "OFL-1.1",
        {
            "files/inter-latin-wght-normal.woff2": "fonts/inter-latin.woff2",
            "files/inter-latin-ext-wght-normal.woff2": "fonts/inter-latin-ext.woff2",
        },
    ),
    Package(
        "@fontsource-variable/fraunces",
        "5.3.0",
        "OFL-1.1",
        {
            "files/fraunces-latin-opsz-normal.woff2": "fonts/fraunces-latin.woff2",
            "files/fraunces-latin-ext-opsz-normal.woff2": "fonts/fraunces-latin-ext.woff2",
        },
    ),
    Package(
        "lucide-static",
        "1.62.0",
        "ISC",
        {f"icons/{name}.svg": f"vendor/lucide/{name}.svg" for name in ICONS},
    ),
]


def fetch(package: Package) -> dict[str, bytes]:
    """The wanted files of a package's published archive, by their place under `static/`."""
    with urllib.request.urlopen(f"{REGISTRY}/{package.name}/{package.version}") as answer:  # noqa: S310
        archive = json.load(answer)["dist"]["tarball"]
    with urllib.request.urlopen(archive) as answer:  # noqa: S310
        content = io.BytesIO(answer.read())
    found = {}
    with tarfile.open(fileobj=content) as tar:
        for source, target in package.files.items():
            member = tar.extractfile(f"package/{source}")
            if member is None:
                raise SystemExit(f"{package.name} {package.version} has no {source}.")
            # Source maps are not shipped, and a page must not ask for them.
            lines = member.read().split(b"\n")
            found[target] = b"\n".join(line for line in lines if not line.startswith(b"//# sourceMappingURL"))
    return found


def write_list(hashes: dict[str, str]) -> None:
    """Write VENDORED.md: every file with its package, version, licence and sha256."""
    lines = [
        "# Files of others",
        "",
        "Written by `scripts/vendor.py`. Change a version there, run it, commit the result.",
        "",
        "| file | package | version | licence | sha256 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for package in PACKAGES:
        lines += [
            f"| {target} | {package.name} | {package.version} | {package.licence} | `{hashes[target]}` |"
            for target in package.files.values()
        ]
    LIST.write_text("\n".join(lines) + "\n")


def check() -> int:
    """Compare the files on disk with VENDORED.md; 1 when any differs."""
    wrong = []
    for line in LIST.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 5 or cells[0] in {"file", "---"}:
            continue
        path = STATIC / cells[0]
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != cells[4].strip("`"):
            wrong.append(cells[0])
    for name in wrong:
        print(f"{name} is not what VENDORED.md says.", file=sys.stderr)
    return 1 if wrong else 0


def main() -> int:
    """Fetch everything, or only check with `--check`."""
    if "--check" in sys.argv:
        return check()
    hashes = {}
    for number, package in enumerate(PACKAGES, start=1):
        print(f"[{number}/{len(PACKAGES)}] {package.name} {package.version}", flush=True)
        for target, content in fetch(package).items():
            path = STATIC / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            hashes[target] = hashlib.sha256(content).hexdigest()
    write_list(hashes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
