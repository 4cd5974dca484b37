"""How an audit record reads."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.audit.action_words import ACTS, THINGS
from tenpo.audit.models import AuditLog
from tenpo.core.money import Money
from tenpo.core.words import say_date, say_money, say_time

VIA = {
    "page": gettext_lazy("A page"),
    "api": gettext_lazy("The API"),
    "job": gettext_lazy("A job"),
    "command": gettext_lazy("A command"),
}
MAX_VALUE_LENGTH = 300
# What actions call their amounts, in minor units.
AMOUNTS = {
    "amount", "cap", "company", "company_share", "credit", "credit_spent", "fee", "own", "own_share", "per_person",
    "pot", "price", "sponsor", "sponsor_share", "wallet", "wallet_spent",
}  # fmt: skip


def say_action(code: str) -> str:
    """ "booking.no_show_marked" is "Booking: no show marked"."""
    name, _dot, act = code.partition(".")
    thing = say_thing(name)
    thing = thing[:1].upper() + thing[1:]
    return f"{thing}: {ACTS.get(act) or act.replace('_', ' ')}" if act else thing


def say_thing(name: str) -> str:
    """ "payout_batch" is "payout batch"; a name that nobody gave words is said as it is."""
    return str(THINGS.get(name) or name.replace("_", " "))


def say_object(record: AuditLog) -> str:
    """What a record is about: its name and the kind of thing."""
    try:
        kind = say_thing(str(apps.get_model(record.object_type)._meta.verbose_name).replace(" ", "_"))
    except (LookupError, ValueError):
        kind = record.object_type
    # A thing that is called by ids alone is better called by its kind.
    return f"{record.object_name} ({kind})" if record.object_name and not _is_id(record.object_name) else kind


def say_actor(record: AuditLog) -> str:
    """Who did it; nobody is Tenpo itself."""
    return record.actor_name or _("Tenpo itself")


def say_fact(name: str) -> str:
    """ "held_until" is "Held until"."""
    return name.replace("_", " ").capitalize()


def say_value(value: Any, name: str = "", currency: str = "") -> str:
    """A value of before or after: times in the reader's zone, amounts as money, nothing as a dash."""
    if value is None or value == "":
        return "–"
    if name in AMOUNTS and currency and isinstance(value, int):
        return say_money(Money(value, currency))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(say_value(inner) for inner in value) or "–"
    if isinstance(value, dict):
        return "; ".join(f"{say_fact(key)}: {say_value(inner)}" for key, inner in value.items()) or "–"
    text = str(value)
    return _moment(text) or (text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}…")


def _moment(text: str) -> str:
    if len(text) < len("2026-12-03T18:00") or text[4:5] != "-" or text[10:11] != "T":
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return f"{say_date(moment)} {say_time(moment)}" if moment.tzinfo else ""


def _is_id(name: str) -> bool:
    try:
        UUID(name.split()[0])
    except ValueError:
        return False
    return True
