"""Where a request comes from, and whom to count what is tried from there by."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

from tenpo.core.limits import Try, give_back, hit

# What one line of a provider is given of IPv6: all of it counts as one.
LINE_PREFIX = 64
# What an office is given, and what anybody can have for the asking: 65,536 such lines.
SITE_PREFIX = 48


def client_address(request: HttpRequest) -> str:
    """The caller's address: the one that the outermost of our own proxies saw.

    With no trusted proxy the header is somebody's claim, and the connection's address counts; so it does where a proxy
    wrote what is no address.
    """
    count = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    if count and len(hops) >= count and _is_address(hops[-count]):
        return hops[-count]
    return request.META.get("REMOTE_ADDR") or ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def client_network(request: HttpRequest) -> str:
    """Whom to count tries by that come from outside: the caller's address or, of IPv6, the network that it is in."""
    parsed = _parsed(request)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), LINE_PREFIX), strict=False))
    return str(parsed or client_address(request))


def client_site(request: HttpRequest) -> str:
    """Of IPv6, the larger network that the caller's is part of; empty for everybody else."""
    parsed = _parsed(request)
    return str(IPv6Network((int(parsed), SITE_PREFIX), strict=False)) if isinstance(parsed, IPv6Address) else ""


def _parsed(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(client_address(request))
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


@contextmanager
def counted(request: HttpRequest, name: str) -> Iterator[None]:
    """Count a try while it is made, and no more when nothing refused it."""
    tries = hit_from(request, name)
    yield
    give_back(*tries)


def hit_from(request: HttpRequest, name: str, *parts: object) -> list[Try]:
    """Count one try of `name` by the caller's network and, of IPv6, by its site; see `hit`."""
    tries = [hit(name, *parts, client_network(request))]
    if site := client_site(request):
        tries.append(hit(f"{name}-site", *parts, site))
    return tries
