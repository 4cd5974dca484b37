"""Keyset pages: the next page starts after the last row's values, so page 1,000 costs what page 1 does."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _

PAGE_SIZE = 30
MAX_PAGE_SIZE = 100


@dataclass(frozen=True)
class Page[M: models.Model]:
    """One page of rows, and the cursor of the next one (None: this is the last)."""

    items: list[M]
    next_cursor: str | None


def keyset_page[M: models.Model](
    rows: models.QuerySet[M], *, order: tuple[str, ...], cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[M]:
    """The page of `rows` after `cursor`, ordered by `order`, whose fields together are unique and never null.

    A field may stand behind a foreign key (`session__starts_at`); `rows` then selects that row too.
    One statement. Raises ValidationError for a cursor that we did not make.
    """
    limit = max(1, min(limit, MAX_PAGE_SIZE))
    if cursor:
        rows = rows.filter(_after(rows.model, order, cursor))
    found = list(rows.order_by(*order)[: limit + 1])
    items = found[:limit]
    next_cursor = _cursor(items[-1], order) if len(found) > limit else None
    return Page(items, next_cursor)


def _after(model: type[models.Model], order: tuple[str, ...], cursor: str) -> Q:
    values = _values(model, order, cursor)
    condition = Q()
    equal = Q()
    for field, value in zip(order, values, strict=True):
        name = field.lstrip("-")
        comparison = f"{name}__lt" if field.startswith("-") else f"{name}__gt"
        condition |= equal & Q(**{comparison: value})
        equal &= Q(**{name: value})
    return condition


def _values(model: type[models.Model], order: tuple[str, ...], cursor: str) -> list[Any]:
    try:
        raw = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        if not isinstance(raw, list) or len(raw) != len(order):
            raise ValueError
        return [_value(_column(model, field.lstrip("-")), one) for field, one in zip(order, raw, strict=True)]
    except (ValueError, TypeError, ValidationError, RecursionError, OverflowError):
        raise ValidationError({"cursor": _("This is not a page that we know.")}) from None


def _value(column: "models.Field[Any, Any]", plain: object) -> Any:
    """What stood in the column when we wrote `plain` into a cursor; raises ValueError for what we never write."""
    value = column.to_python(plain)
    if type(plain) is not type(_plain(value)) or plain != _plain(value):
        raise ValueError
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError
    # Half a character is no text (UnicodeEncodeError), and NUL stands in no column.
    if b"\0" in str(plain).encode():
        raise ValueError
    return value


def _plain(value: object) -> str | int:
    """A column's value as it stands in a cursor."""
    if isinstance(value, int):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _column(model: type[models.Model], path: str) -> "models.Field[Any, Any]":
    """The field at the end of a path such as `session__starts_at`."""
    *through, last = path.split("__")
    for name in through:
        related = model._meta.get_field(name).related_model
        assert isinstance(related, type), "a path goes through foreign keys"
        model = related
    column = model._meta.get_field(last)
    assert isinstance(column, models.Field)
    return column


def _cursor(row: models.Model, order: tuple[str, ...]) -> str:
    plain = [_plain(attrgetter(field.lstrip("-").replace("__", "."))(row)) for field in order]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")
