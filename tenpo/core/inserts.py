"""New rows of several tables, written with one statement: what an action makes, its audit record and its event.

The rows come with their ids where others point to them (`fresh_ids`). Whatever else the database chooses, such as
`created_at`, is read when somebody asks for it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models.expressions import DatabaseDefault, RawSQL
from django.db.models.sql import InsertQuery

if TYPE_CHECKING:
    from tenpo.core.compiled import Param


def fresh_ids(number: "int | Param") -> RawSQL:
    """An expression for so many new ids, to come along with another statement.

    By the database's clock, as those that it gives itself: rows are listed in the order of their ids.
    """
    ids = ArrayField(models.UUIDField())
    return RawSQL("ARRAY(SELECT uuidv7() FROM generate_series(1, %s))", [number], output_field=ids)


def inserts(rows: Sequence[models.Model]) -> tuple[str, list[Any]]:
    """`WITH` and one insert for each table, as the beginning of a statement; and its parameters."""
    by_model: dict[type[models.Model], list[models.Model]] = {}
    for row in rows:
        by_model.setdefault(type(row), []).append(row)
    parts: list[str] = []
    parameters: list[Any] = []
    for number, (model, its_rows) in enumerate(by_model.items()):
        sql, values = _insert(model, its_rows)
        parts.append(f"new_{number} AS ({sql})")
        parameters += values
    return f"WITH {', '.join(parts)}", parameters


# Django takes longer to write an insert than the database to do it, so the text is kept: by model and columns.
_texts: dict[tuple[Any, ...], str] = {}


def _insert(model: type[models.Model], rows: list[models.Model]) -> tuple[str, Sequence[Any]]:
    fields = _written(model, rows)
    values = [(field, field.pre_save(row, add=True)) for row in rows for field in fields]
    shape = (model, tuple(fields))
    # Of several rows Django hands over each column as one array: the values would not be these.
    is_plain = len(rows) == 1 and not any(hasattr(value, "resolve_expression") for _, value in values)
    if is_plain and shape in _texts:
        return _texts[shape], [field.get_db_prep_save(value, connection) for field, value in values]
    query = InsertQuery(model)
    query.insert_values(fields, rows)
    [(sql, parameters)] = query.get_compiler(connection=connection).as_sql()
    if is_plain:
        _texts[shape] = sql
    return sql, parameters


def mark_written(rows: Sequence[models.Model]) -> None:
    """What the rows are once the statement has run."""
    for row in rows:
        row._state.adding = False
        row._state.db = connection.alias
        for field in row._meta.concrete_fields:
            if isinstance(row.__dict__.get(field.attname), DatabaseDefault):
                del row.__dict__[field.attname]


def insert_together(rows: Sequence[models.Model]) -> None:
    """Write the rows with one statement."""
    sql, parameters = inserts(rows)
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} SELECT", parameters)
    mark_written(rows)


def _written(model: type[models.Model], rows: Sequence[models.Model]) -> list[Any]:
    """The columns that we say, and not the database."""
    return [
        field
        for field in model._meta.local_concrete_fields
        if not field.generated
        and not all(
            (value is None and field.primary_key) or isinstance(value, DatabaseDefault)
            for value in (getattr(row, field.attname) for row in rows)
        )
    ]
