"""The long-running parts: `python -m tenpo.cli.processes web` and `worker`.

They start without the libraries of the command line, because the time until the first page is theirs.
"""

import contextlib
import gc
import os
import sys
from typing import Any

# Collecting garbage while modules load finds none and takes a fifth of the time.
gc.disable()

from tenpo.runtime import env, installation, logs, metric_files, watch  # noqa: E402
from tenpo.runtime.supervisor import die_with_supervisor, wait_for_release  # noqa: E402

# Requests under way may take this long to end when the server stops.
WEB_STOP_SECONDS = 10
BACKLOG = 1024
# What a request says before its body; and how long a connection may take to say it, or be silent between two.
HEAD_BYTES_MAX = 32 * 1024
HEAD_SECONDS = 30


def web() -> None:
    """Serve pages and streams until SIGTERM or SIGINT."""
    die_with_supervisor()
    metric_files.share(installation.prepare_data_dir(), "web")
    from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
    from granian.http import HTTP1Settings
    from granian.server import Server

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenpo.config.settings")
    logs.configure()
    watch.load()
    # Imported before the workers fork: they share its memory, and one that died is back at once.
    from django.urls import get_resolver

    from tenpo.config.rsgi import application
    from tenpo.core import clock
    from tenpo.runtime.front import END_STREAMS

    assert get_resolver().url_patterns
    gc.freeze()
    gc.enable()
    clock.follow_database()
    wait_for_release()
    load: Any = lambda *_arguments, **_options: application  # noqa: E731

    class WebServer(Server):  # type: ignore[misc, valid-type]
        """Ends the open streams before it stops: it waits for whoever is connected, and they would stay."""

        def signal_handler_interrupt(self, *arguments: Any, **options: Any) -> None:
            for worker_process in self.wrks:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker_process._id(), END_STREAMS)
            super().signal_handler_interrupt(*arguments, **options)

    WebServer(
        "tenpo.config.rsgi:application",
        address=env.text("TENPO_HOST"),
        port=env.number("TENPO_PORT"),
        interface=Interfaces.RSGI,
        workers=env.number("TENPO_WORKERS"),
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_SECONDS * 1000, max_buffer_size=HEAD_BYTES_MAX),
        loop=Loops.uvloop,
        runtime_mode=RuntimeModes.st,
        backlog=BACKLOG,
        websockets=False,
        log_enabled=False,
        respawn_failed_workers=True,
        respawn_interval=0.2,
        workers_kill_timeout=WEB_STOP_SECONDS,
    ).serve(target_loader=load, wrap_loader=False)


def worker() -> None:
    """Do jobs and deliver the outbox until SIGTERM or SIGINT."""
    die_with_supervisor()
    metric_files.share(installation.prepare_data_dir(), "worker")
    with installation.django():
        from tenpo.core import clock, jobs, outbox
        from tenpo.runtime import worker as worker_process

        gc.freeze()
        gc.enable()
        clock.follow_database()
        watch.load()
        watch.start("worker")
        around = worker_process.Around(job=jobs.name_request, task=jobs.measure)
        worker_process.run(threads=env.number("TENPO_THREADS"), drain=outbox.drain, around=around)
        watch.stop()


if __name__ == "__main__":
    {"web": web, "worker": worker}[sys.argv[1]]()
