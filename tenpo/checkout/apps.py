from django.apps import AppConfig


class CheckoutConfig(AppConfig):
    name = "tenpo.checkout"
