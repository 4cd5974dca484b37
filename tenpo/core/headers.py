"""What every answer tells the browser, whoever gives it: a page, the API, a file, a refusal, a stream."""

from django.conf import settings
from django.http.response import HttpResponseBase

# What may run and load in a page stands in `settings.SECURE_CSP`. Everything else is data: should a browser ever show
# it as a page of ours, nothing in it runs or loads.
NO_PAGE = "default-src 'none'; frame-ancestors 'none'; sandbox"
# A page may ask for a passkey and fill the clipboard; nothing of ours wants a camera or knows where somebody is.
_UNUSED = ("bluetooth", "camera", "display-capture", "geolocation", "hid", "microphone", "payment", "serial", "usb")
PERMISSIONS = ", ".join([*(f"{name}=()" for name in _UNUSED), "publickey-credentials-get=(self)"])


def always() -> dict[str, str]:
    """The headers of every answer."""
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "Permissions-Policy": PERMISSIONS,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
    }
    if settings.SECURE_HSTS_SECONDS:
        # Said even where a proxy brings the request without encryption: browsers heed it only where there was some.
        headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    return headers


def of_data() -> dict[str, str]:
    """The headers of an answer that is no page, and not to be kept either."""
    return {**always(), "Content-Security-Policy": NO_PAGE, "Cache-Control": "no-store"}


def complete(response: HttpResponseBase) -> None:
    """Add what the view has not said itself. Only static files, and the program for other sites, may be kept.

    Who may frame a page that is made for it, its policy says (`checkout.views.embedding`).
    """
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    for name, value in of_data().items():
        is_framed = name == "X-Frame-Options" and getattr(response, "xframe_options_exempt", False)
        if not (is_page and name == "Content-Security-Policy") and not is_framed:
            response.headers.setdefault(name, value)
