"""Every address of Tenpo: pages of each app, the API, and the sign-in pages."""

from django.urls import include, path

from tenpo.config.api import api

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
    path("", include("tenpo.orders.urls")),
    path("", include("tenpo.schedule.urls")),
    path("", include("tenpo.checkout.urls")),
    path("account/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("api/v1/", api.urls),
]
