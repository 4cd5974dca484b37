"""How static files are kept for serving: hashed names, compressed, and one style sheet instead of thirty."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

SHEET = "css/app.css"
IMPORT = re.compile(r'@import url\("(?P<name>[\w-]+\.css)"\) layer\((?P<layer>\w+)\);\n')


class JoinedStyleStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Writes the files that `app.css` imports into it, each in its layer, before names get their hashes."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        if SHEET in paths and not dry_run:
            sheet = Path(self.path(SHEET))
            sheet.write_text(join(sheet.read_text(), sheet.parent))
            # Hashing reads from the given storage, which would be the source's.
            paths = {**paths, SHEET: (self, SHEET)}
        yield from super().post_process(paths, dry_run, **options)


def join(text: str, folder: Path) -> str:
    """The style sheet with its imports put in, each wrapped in its layer."""
    return IMPORT.sub(
        lambda found: f"@layer {found['layer']} {{\n{(folder / found['name']).read_text()}}}\n",
        text,
    )
