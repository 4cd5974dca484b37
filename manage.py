"""Django's own commands, for developers. Operators have `tenpo`."""

import contextlib
import os
import sys

# What changes tables acts as their owner; everything else as the application.
OWNER_COMMANDS = {"migrate", "makemigrations", "showmigrations", "createcachetable", "sqlflush", "flush", "dbshell"}

WITHOUT_DATABASE = {"help", "makemessages", "compilemessages", "collectstatic", "findstatic"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenpo.config.settings")

    import django

    from tenpo.runtime import database, installation, logs

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    logs.configure()
    needs_server = database.is_embedded() and command not in WITHOUT_DATABASE
    with installation.running_database(installation.prepare_data_dir()) if needs_server else contextlib.nullcontext():
        django.setup()
        run(command)


def run(command: str) -> None:
    from django.core.management import execute_from_command_line

    from tenpo.runtime import database, upgrade

    if command not in OWNER_COMMANDS:
        execute_from_command_line(sys.argv)
        return
    with database.acting_as("owner"):
        execute_from_command_line(sys.argv)
        if command == "migrate":
            upgrade.finish()


if __name__ == "__main__":
    main()
