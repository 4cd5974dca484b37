"""Booking on other sites: which may show it, made, changed and ended."""

import re
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.limits import EMBEDS_KEPT, ORIGINS_OF_AN_EMBED
from tenpo.core.models import check_fields, set_differing
from tenpo.people.actions.visits import lock_user
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin, is_active_coach
from tenpo.schedule.embed_models import MAX_ORIGIN, Embed
from tenpo.schedule.models import Service

# A name or an address, as a browser writes it in an origin: no wildcard, nothing that ends a policy's word.
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]")
_LOCAL = ("localhost", "127.0.0.1")


class EmbedTerms(TypedDict, total=False):
    """What an embed is; an `accent_hue` of None is the business's."""

    name: str
    coach: User | None
    service: Service | None
    origins: Sequence[str]
    theme: str
    accent_hue: int | None


@transaction.atomic
def make_embed(*, by: User, **terms: Unpack[EmbedTerms]) -> Embed:
    """Let some sites show what can be booked here: a coach their own times, an admin anybody's or everything.

    Raises ValidationError by field; RuleError too_many.
    """
    lock_user(by)
    embed = Embed(**_read(terms))
    _check_may(embed, by)
    if Embed.objects.live().filter(coach=embed.coach).count() >= EMBEDS_KEPT:
        raise RuleError("too_many", _("There are many of these already. End one that is not used any more."))
    _check(embed)
    embed.save(force_insert=True)
    record("embed.made", by=by, on=embed, after=_said(embed))
    return embed


@transaction.atomic
def change_embed(embed: Embed, *, by: User, version: int | None = None, **terms: Unpack[EmbedTerms]) -> Embed:
    """Change where and how it is shown. Raises ValidationError by field; RuleError ended, changed_meanwhile."""
    embed = _locked(embed, by)
    if embed.ended_at is not None:
        raise RuleError("ended", _("This was ended, so it is shown nowhere. Make another one."))
    if version is not None and version != embed.version:
        raise RuleError("changed_meanwhile", _("Somebody has changed this since you opened it."))
    before = set_differing(embed, _read(terms))
    if not before:
        return embed
    _check_may(embed, by)
    _check(embed)
    embed.version += 1
    embed.save(update_fields=[*before, "version"])
    after = _said(embed)
    record("embed.changed", by=by, on=embed, before=before, after={name: after[name] for name in before})
    return embed


@transaction.atomic
def end_embed(embed: Embed, *, by: User) -> Embed:
    """Show it nowhere any more, from this moment on. Ending it again changes nothing."""
    embed = _locked(embed, by)
    if embed.ended_at is None:
        embed.ended_at = clock.now()
        embed.save(update_fields=["ended_at"])
        record("embed.ended", by=by, on=embed)
    return embed


def read_origin(text: str) -> str:
    """A site as browsers name it: "https://example.com". Raises ValidationError for what is none.

    Encrypted, unless it is this very machine, where somebody tries it out.
    """
    words = _("“%(site)s” is not the whole address of a site. It looks like this: https://example.com.")
    problem = ValidationError(words % {"site": text[:MAX_ORIGIN]})
    try:
        parts = urlsplit(text.strip().rstrip("/").lower())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise problem from None
    host = f"[{host}]" if ":" in host else host
    is_plain = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("https", "http") or not is_plain or not _HOST.fullmatch(host):
        raise problem
    if parts.scheme == "http" and host not in _LOCAL:
        raise ValidationError(_("Only sites that are encrypted (https) can show it."))
    is_usual = port is None or port == {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if is_usual else f":{port}")


def _read(terms: EmbedTerms) -> dict[str, Any]:
    values: dict[str, Any] = dict(terms)
    if "name" in values:
        values["name"] = " ".join(values["name"].split())
    if "origins" in values:
        try:
            values["origins"] = list(dict.fromkeys(read_origin(one) for one in values["origins"] if one.strip()))
        except ValidationError as error:
            raise ValidationError({"origins": error.messages}) from None
    return values


def _check(embed: Embed) -> None:
    check_fields(embed, "name", "theme", "accent_hue")
    if not 1 <= len(embed.origins) <= ORIGINS_OF_AN_EMBED:
        words = _("Name the sites that may show it, %(n)s at most.") % {"n": ORIGINS_OF_AN_EMBED}
        raise ValidationError({"origins": words})
    if any(len(origin) > MAX_ORIGIN for origin in embed.origins):
        raise ValidationError({"origins": _("This address is too long.")})


def _check_may(embed: Embed, by: User) -> None:
    """An admin anything; a coach what is of them, and a service that they give."""
    if is_active_admin(by):
        return
    gives_it = embed.service is None or embed.service.given_by.filter(coach=by).exists()
    if not (is_active_coach(by) and embed.coach_id == by.pk and gives_it):
        raise PermissionDenied


def _locked(embed: Embed, by: User) -> Embed:
    embed = (
        Embed.objects.select_for_update(of=("self",), no_key=True).select_related("coach", "service").get(pk=embed.pk)
    )
    _check_may(embed, by)
    return embed


def _said(embed: Embed) -> dict[str, Any]:
    return {name: getattr(embed, name) for name in ("name", "coach", "service", "origins", "theme", "accent_hue")}
