from django.urls import path

from tenpo.audit import views

app_name = "audit"
urlpatterns = [
    path("audit/", views.log, name="log"),
    path("audit/csv/", views.export, name="export"),
]
