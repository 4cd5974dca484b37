"""What a page says once, after an act: Django's messages, in a cookie named as all of ours are."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class NamedCookieStorage(CookieStorage):
    """Messages in the browser, signed."""

    cookie_name = settings.MESSAGE_COOKIE_NAME


class MessageStorage(FallbackStorage):
    """In the cookie while they fit, else in the session."""

    storage_classes = (NamedCookieStorage, SessionStorage)
