"""Querysets whose SQL is written once, for what is asked at every call.

Django takes longer to write a statement of some joins than PostgreSQL takes to answer it. Here the queryset is built
the first time, with a `Param` wherever a value differs from call to call, and its SQL is kept:

    _BY_PREFIX = Compiled(lambda: ApiClient.objects.filter(prefix=Param("prefix")).select_related("owner"))
    client = _BY_PREFIX.first(prefix="k3tz")

What decides the shape of a statement (a filter that is set or not, an admin who sees more than others) is no `Param`:
there is one `Compiled` for each shape.
"""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django.db import connections, models
from django.db.models.sql.compiler import SQLCompiler

if TYPE_CHECKING:
    from tenpo.people.models import User


class Param(models.Expression):
    """A value that each call of a `Compiled` queryset says anew."""

    def __init__(self, name: str, output_field: "models.Field[Any, Any] | None" = None) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)


@functools.cache
def columns_of(model: type[models.Model], table: str = "") -> str:
    """All columns of a model by name, for a statement of our own.

    Not `*`: a connection keeps what it has prepared, and after a migration that adds a column that would be refused.
    """
    prefix = f"{table}." if table else ""
    return ", ".join(f'{prefix}"{field.column}"' for field in model._meta.concrete_fields)


@dataclass
class Question:
    """What brings one row, to be asked in the same breath as something else (`json_sql`); then `answer` is that row.

    As JSON has it: ids and moments are texts.
    """

    text: str
    params: tuple[Any, ...]
    width: int
    answer: list[Any] | None = None

    def json_sql(self) -> tuple[str, dict[str, Any]]:
        """An expression that is the row as JSON, and its parameters, which have names."""
        values = {f"beside_{number}": value for number, value in enumerate(self.params)}
        first, *parts = self.text.split("%s")
        text = first + "".join(f"%({name})s{part}" for name, part in zip(values, parts, strict=True))
        columns = ", ".join(f"c{number}" for number in range(self.width))
        return f"(SELECT json_build_array({columns}) FROM ({text}) asked({columns}))", values  # noqa: S608


class Compiled[Row]:
    """A queryset that is written once and asked often; `make` builds it, with a `Param` for what differs."""

    def __init__(self, make: Callable[[], "models.QuerySet[Any, Row]"]) -> None:
        self._make = make

    def __call__(self, **values: Any) -> list[Row]:
        """The rows, with one statement."""
        written, like = self._written
        queryset = SimpleNamespace(
            query=_Asked(written, values),
            db=like.db,
            model=like.model,
            _fetch_mode=like._fetch_mode,
            _known_related_objects=like._known_related_objects,
        )
        return list(like._iterable_class(queryset))

    def first(self, **values: Any) -> Row | None:
        """The first row, of a queryset that is sliced to one."""
        return next(iter(self(**values)), None)

    def sql(self, **values: Any) -> tuple[str, tuple[Any, ...]]:
        """The text and its parameters, to stand in a larger statement."""
        asked = _Asked(self._written[0], values)
        return asked.text, asked.params

    def question(self, width: int, **values: Any) -> Question:
        """Its one row of so many columns, to be asked together with something else."""
        return Question(*self.sql(**values), width)

    @functools.cached_property
    def _written(self) -> tuple["_Written", Any]:
        queryset = self._make()
        return _Written(queryset.query.get_compiler(queryset.db)), queryset


class CompiledFor[Row]:
    """The same for what depends on who asks: each kind of user has a text of its own.

    `make` is given a stand-in, which a queryset takes for the signed-in user who asks.
    """

    def __init__(self, make: Callable[[Any], "models.QuerySet[Any, Row]"]) -> None:
        self._make = make
        self._kinds: dict[tuple[bool, bool], Compiled[Row]] = {}

    def sql(self, user: "User", **values: Any) -> tuple[str, tuple[Any, ...]]:
        """The text as `user` asks it, and its parameters, to stand in a larger statement."""
        kind = (user.is_admin, user.is_coach)
        if kind not in self._kinds:
            self._kinds[kind] = Compiled(lambda: self._make(_Anyone(*kind)))
        return self._kinds[kind].sql(viewer=user.pk, **values)


class _Anyone(Param):
    """Whoever is signed in with these roles."""

    is_authenticated = True

    def __init__(self, is_admin: bool, is_coach: bool) -> None:
        super().__init__("viewer")
        self.is_admin, self.is_coach = is_admin, is_coach
        self.pk = self.id = self


class _Written:
    """A query of which Django has written the text."""

    def __init__(self, compiler: SQLCompiler) -> None:
        self.text: str
        self.params: tuple[Any, ...]
        self.text, self.params = compiler.as_sql()
        self.compiler = compiler


class _Asked:
    """A written query with the values of one call; to an iterable of rows it is the query itself."""

    def __init__(self, written: _Written, values: dict[str, Any]) -> None:
        self.text = written.text
        self.params = tuple(values[one.name] if isinstance(one, Param) else one for one in written.params)
        self._compiler = copy.copy(written.compiler)
        self._compiler.as_sql = lambda: (self.text, self.params)  # type: ignore[method-assign,assignment,misc]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compiler.query, name)

    def get_compiler(self, using: str) -> SQLCompiler:
        self._compiler.connection = connections[using]
        return self._compiler
