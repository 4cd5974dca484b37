"""What Tenpo's web server runs: Django's pages on threads, and beside them the live stream and what machines ask."""

import os

from django.core.wsgi import get_wsgi_application

from tenpo.runtime import env
from tenpo.runtime.front import Front, StreamApp

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenpo.config.settings")

pages = get_wsgi_application()

# Only now: the stream knows models, which exist once Django is set up.
from tenpo.config.probes import Metrics, Readyz, healthz  # noqa: E402
from tenpo.config.streams import live_stream  # noqa: E402
from tenpo.core import headers  # noqa: E402

BESIDE: dict[str, StreamApp] = {"/stream": live_stream, "/healthz": healthz, "/readyz": Readyz(), "/metrics": Metrics()}
application = Front(pages, threads=env.number("TENPO_THREADS"), streams=BESIDE, headers=headers.of_data())
