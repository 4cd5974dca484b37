"""Every address of Tenpo: pages of each app, the API, and the sign-in pages."""

from allauth import urls as pages
from allauth.headless import urls as headless
from django.urls import URLPattern, URLResolver, include, path

from tenpo.config.api import api
from tenpo.people.account_views import hold_visits


def drop_phones(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Take out the addresses of telephone numbers: allauth has them always, and where accounts have none they fail."""
    for entry in list(patterns):
        if isinstance(entry, URLResolver):
            drop_phones(entry.url_patterns)
        elif "phone" in (entry.name or ""):
            patterns.remove(entry)
    return patterns


handler400 = "tenpo.web.views.errors.bad_request"
handler403 = "tenpo.web.views.errors.not_found"
handler404 = "tenpo.web.views.errors.not_found"
handler429 = "tenpo.web.views.errors.too_many"
handler500 = "tenpo.web.views.errors.broken"

urlpatterns = [
    path("", include("tenpo.web.urls")),
    path("", include("tenpo.people.urls")),
    path("", include("tenpo.access.urls")),
    path("", include("tenpo.audit.urls")),
    path("", include("tenpo.notify.urls")),
    path("", include("tenpo.payments.urls")),
    path("", include("tenpo.orders.urls")),
    path("", include("tenpo.schedule.urls")),
    path("", include("tenpo.checkout.urls")),
    path("", include("tenpo.books.urls")),
    path("account/", include(hold_visits(pages.urlpatterns))),
    path("_allauth/", include((hold_visits(drop_phones(headless.urlpatterns)), headless.app_name))),
    path("api/v1/", api.urls),
]
