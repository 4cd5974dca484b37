from django.urls import path

from tenpo.web.views.api_docs import api_docs
from tenpo.web.views.checks import checks
from tenpo.web.views.design import design, design_events
from tenpo.web.views.home import home
from tenpo.web.views.person import person
from tenpo.web.views.search import search
from tenpo.web.views.settings import settings

app_name = "web"
urlpatterns = [
    path("", home, name="home"),
    path("search", search, name="search"),
    path("settings/", settings, name="settings"),
    path("settings/checks/", checks, name="checks"),
    path("api/v1/docs", api_docs, name="api-docs"),
    path("people/<uuid:user_id>/", person, name="person"),
    path("design", design, name="design"),
    path("design/events", design_events, name="design-events"),
]
