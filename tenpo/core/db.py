"""Database types and expressions that migrations may import for ever."""

from typing import Any

from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models
from django.db.models import Func, Value


class UuidPoint(Func):
    """The range [id, id]: equality by overlap, so that GiST needs no btree_gist."""

    function = "uuidrange"
    output_field = models.TextField()

    def __init__(self, *expressions: Any, **extra: Any) -> None:
        # Deconstruction gives back all three expressions; a person writes one.
        if len(expressions) == 1:
            expressions = (expressions[0], expressions[0], Value("[]"))
        super().__init__(*expressions, **extra)


class TsTzRange(Func):
    """A range of time from two columns; give the bounds as `Value("[)")`."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()
