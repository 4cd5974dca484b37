"""Database types and expressions that migrations may import for ever."""

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.postgres.fields import DateRangeField, DateTimeRangeField
from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
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


class IntPoint(Func):
    """The range [n, n] of a whole number: two that are next to each other are adjacent, and none is to itself."""

    function = "int4range"
    output_field = models.TextField()

    def __init__(self, *expressions: Any, **extra: Any) -> None:
        # As with `UuidPoint`.
        if len(expressions) == 1:
            expressions = (expressions[0], expressions[0], Value("[]"))
        super().__init__(*expressions, **extra)


class TsTzRange(Func):
    """A range of time from two columns; give the bounds as `Value("[)")`."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class DayRange(Func):
    """A range of days from two columns; give the bounds as `Value("[]")` where both are included."""

    function = "DATERANGE"
    output_field = DateRangeField()


class CreateViews(Operation):
    """Views of one source design, in the schema that bears its name; old code asks for none of them.

    `views` are their queries by name; those that `replaces` names were there before, and are made anew with the same
    columns. They run with their owner's rights, so a reader needs no right on the tables; the barrier keeps a reader's
    own functions from seeing rows that a view leaves out.
    """

    def __init__(self, source: str, views: Mapping[str, str], *, replaces: Collection[str] = ()) -> None:
        self.source, self.views, self.replaces = source, views, replaces

    def state_forwards(self, app_label: str, state: Any) -> None:
        """No model stands for a view."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        schema, quote = self._schema(schema_editor), schema_editor.connection.ops.quote_name
        schema_editor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for name, query in self.views.items():
            create = "CREATE OR REPLACE VIEW" if name in self.replaces else "CREATE VIEW"
            # Without parameters a percent sign is a percent sign.
            schema_editor.execute(f"{create} {schema}.{quote(name)} WITH (security_barrier) AS {query}", params=None)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        assert not self.replaces, "what they were stands in an earlier migration"
        schema, quote = self._schema(schema_editor), schema_editor.connection.ops.quote_name
        for name in self.views:
            schema_editor.execute(f"DROP VIEW {schema}.{quote(name)}")

    def describe(self) -> str:
        return f"Create the views {', '.join(self.views)} of {self.source}"

    def _schema(self, schema_editor: BaseDatabaseSchemaEditor) -> str:
        """The source's name; a business in a schema of its own has its name in front."""
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            (business,) = cursor.fetchone() or ("public",)
        return schema_editor.connection.ops.quote_name(
            self.source if business == "public" else f"{business}_{self.source}"
        )
