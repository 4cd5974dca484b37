"""Translations, compiled where they are used: a fresh clone speaks German without gettext's programs."""

import logging
import os
import tempfile
from pathlib import Path

from tenpo.runtime import env

LOCALES = env.ROOT / "tenpo" / "locale"

logger = logging.getLogger("tenpo.messages")


def compile_stale(folder: Path = LOCALES) -> list[Path]:
    """Compile each catalogue that is newer than what was compiled from it; returns those. Costs a few `stat`s else."""
    return [source for source in sorted(folder.glob("*/LC_MESSAGES/*.po")) if _is_stale(source) and _compile(source)]


def _is_stale(source: Path) -> bool:
    target = source.with_suffix(".mo")
    return not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns


def _compile(source: Path) -> bool:
    from babel.messages.mofile import write_mo  # noqa: PLC0415 (only when there is something to do)
    from babel.messages.pofile import read_po  # noqa: PLC0415 (as above)

    with source.open("rb") as file:
        catalog = read_po(file, locale=source.parts[-3])
    try:
        # Renamed into place, so that nobody reads half a file when several processes start at once.
        handle, unfinished = tempfile.mkstemp(dir=source.parent, suffix=".mo.new")
        with os.fdopen(handle, "wb") as file:
            write_mo(file, catalog)
        Path(unfinished).chmod(0o644)
        Path(unfinished).replace(source.with_suffix(".mo"))
    except OSError as error:
        # A folder that only somebody else may write to: the pages stay in English.
        logger.warning("translations_not_compiled: %s", error)
        return False
    return True
