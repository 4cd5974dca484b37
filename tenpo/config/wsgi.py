"""Django for any WSGI server. Tenpo's own server starts `rsgi.py`, which adds the live stream."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenpo.config.settings")

application = get_wsgi_application()
