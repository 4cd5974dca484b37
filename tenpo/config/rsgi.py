"""What Tenpo's web server runs: Django's pages on threads, and the live stream beside them."""

import os

from django.core.wsgi import get_wsgi_application

from tenpo.runtime import env
from tenpo.runtime.front import Front

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenpo.config.settings")

pages = get_wsgi_application()

# Only now: the stream knows models, which exist once Django is set up.
from tenpo.config.streams import live_stream  # noqa: E402

application = Front(pages, threads=env.number("TENPO_THREADS"), streams={"/stream": live_stream})
