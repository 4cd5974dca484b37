from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "tenpo.notify"
