"""Write `tenpo/runtime/baseline.sql`: run all migrations in a database of its own, and say what they made.

python scripts/baseline.py           write it
python scripts/baseline.py --check   fail when it was made from other migrations (`tests/test_baseline.py` reads on)
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tenpo.runtime import baseline, database, env, installation, postgres


def write() -> None:
    """Write the file anew, with a PostgreSQL that is there as long as that takes."""
    from django.core.management import call_command

    folder = Path(tempfile.mkdtemp(prefix="tenpo-baseline-"))
    os.environ["TENPO_DATA"] = str(folder / "data")
    os.environ.pop("DATABASE_URL", None)
    try:
        with installation.django(), database.acting_as("owner"):
            call_command("migrate", interactive=False, verbosity=0)
            text = baseline.written(postgres.url(env.data_dir(), postgres.OWNER))
    finally:
        shutil.rmtree(folder)
    baseline.FILE.write_text(text)


def main() -> None:
    if "--check" not in sys.argv:
        write()
    elif not baseline.is_of_these_migrations():
        sys.exit(f"Out of date: {baseline.FILE.relative_to(env.ROOT)}. Run: make baseline")


if __name__ == "__main__":
    main()
