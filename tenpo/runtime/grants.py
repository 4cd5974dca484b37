"""What each database role may do. Applied after every migration, by the role that owns the tables.

The application may read and write rows, and nothing more: it makes no tables, rewrites no audit entry, and moves
money only through the ledger's functions. The reader sees the reporting schemas. `tenpo doctor` tries it.
"""

from typing import Any

from django.db import ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from tenpo.runtime import database
from tenpo.runtime.errors import OperatorError
from tenpo.runtime.postgres import APP, READER

# Where the application has less than SELECT, INSERT, UPDATE and DELETE. An app with such a table adds it here.
NARROW_TABLES = {
    "audit_auditlog": "SELECT, INSERT",
    "books_dayclose": "SELECT, INSERT",
    "books_daycloseline": "SELECT, INSERT",
    "django_migrations": "SELECT",
    "ledger_account": "SELECT",
    "ledger_transfer": "SELECT",
    # The terms of a policy never change: a new version is made, and the old one gets an end.
    "orders_cancellationpolicy": "SELECT, INSERT, UPDATE (is_default, retired_at)",
    "orders_sharepolicy": "SELECT, INSERT, UPDATE (active_until)",
}
# Functions that run with the owner's rights (SECURITY DEFINER) and are therefore nobody's but the application's.
OWNER_FUNCTIONS = {"ledger_post"}
# Schemas of views for BI tools, one for each source design.
REPORTING_SCHEMAS = ["company_coaching", "fitness_coaching", "youth_sports", "pay_per_minute", "peer_learning"]


def apply_grants(connection: BaseDatabaseWrapper) -> None:
    """Make the roles when they are missing and give each what it needs, in one transaction; repeatable."""
    with transaction.atomic(using=connection.alias):
        _ensure_roles(connection)
        _forbid_temporary_tables(connection)
        _grant_tables(connection)
        _guard_functions(connection)
        _grant_reports(connection)


def _run(connection: BaseDatabaseWrapper, statement: str, **names: sql.Composable) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(app=sql.Identifier(APP), reader=sql.Identifier(READER), **names))


def _rows(connection: BaseDatabaseWrapper, query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def _ensure_roles(connection: BaseDatabaseWrapper) -> None:
    [(user, may_create)] = _rows(
        connection, "SELECT current_user, rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user", []
    )
    found = {
        name for (name,) in _rows(connection, "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [[APP, READER]])
    }
    missing = [role for role in (APP, READER) if role not in found]
    if missing and not may_create:
        wanted = " ".join(f"CREATE ROLE {role}; GRANT {role} TO {user};" for role in missing)
        raise OperatorError(
            f"The database lacks the roles {', '.join(missing)}, and {user} may not create roles. "
            f"Run this once as a superuser: {wanted}"
        )
    for role in missing:
        _run(connection, "CREATE ROLE {role}", role=sql.Identifier(role))
    if database.takes_smaller_roles():
        _ensure_member(connection, str(user))


def _ensure_member(connection: BaseDatabaseWrapper, user: str) -> None:
    """Let the one login of DATABASE_URL take the smaller roles (which another Tenpo of this server may have made)."""
    for role in (APP, READER):
        [(is_member,)] = _rows(connection, "SELECT pg_has_role(current_user, %s, 'SET')", [role])
        if is_member:
            continue
        try:
            with transaction.atomic(using=connection.alias):
                _run(connection, "GRANT {role} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE", role=sql.Identifier(role))
        except ProgrammingError:
            raise OperatorError(
                f"{user} may not act as {role}. Run this once as a superuser: GRANT {role} TO {user};"
            ) from None


def _forbid_temporary_tables(connection: BaseDatabaseWrapper) -> None:
    """Nobody needs one, and it could take the place of a table in what a role then runs."""
    [(name,)] = _rows(connection, "SELECT current_database()", [])
    _run(connection, "REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC, {app}, {reader}", name=sql.Identifier(str(name)))


def _grant_tables(connection: BaseDatabaseWrapper) -> None:
    [(schema,)] = _rows(connection, "SELECT current_schema()", [])
    names = {"schema": sql.Identifier(str(schema))}
    _run(connection, "REVOKE ALL ON SCHEMA {schema} FROM PUBLIC, {app}, {reader}", **names)
    _run(connection, "GRANT USAGE ON SCHEMA {schema} TO {app}", **names)
    _run(connection, "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC, {app}, {reader}", **names)
    _run(connection, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {app}", **names)
    _run(connection, "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {app}", **names)
    narrow = _rows(
        connection,
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(%s)",
        [list(NARROW_TABLES)],
    )
    for (table,) in narrow:
        names["table"] = sql.Identifier(str(table))
        _run(connection, "REVOKE ALL ON {schema}.{table} FROM {app}", **names)
        _run(connection, f"GRANT {NARROW_TABLES[str(table)]} ON {{schema}}.{{table}} TO {{app}}", **names)


def _guard_functions(connection: BaseDatabaseWrapper) -> None:
    functions = _rows(
        connection,
        "SELECT proname, oid::regprocedure::text FROM pg_proc"
        " WHERE pronamespace = current_schema()::regnamespace AND prosecdef",
        [],
    )
    for name, signature in functions:
        names = {"function": sql.SQL(str(signature))}
        _run(connection, "REVOKE ALL ON FUNCTION {function} FROM PUBLIC, {app}, {reader}", **names)
        if name in OWNER_FUNCTIONS:
            _run(connection, "GRANT EXECUTE ON FUNCTION {function} TO {app}", **names)


def _grant_reports(connection: BaseDatabaseWrapper) -> None:
    # Beside `public` they have their plain names; a business in a schema of its own puts its name in front.
    schemas = _rows(
        connection,
        "SELECT nspname FROM pg_namespace WHERE nspname = ANY("
        " SELECT CASE current_schema() WHEN 'public' THEN source ELSE current_schema() || '_' || source END"
        " FROM unnest(%s::text[]) source)",
        [REPORTING_SCHEMAS],
    )
    for (schema,) in schemas:
        names = {"schema": sql.Identifier(str(schema))}
        _run(connection, "GRANT USAGE ON SCHEMA {schema} TO {app}, {reader}", **names)
        _run(connection, "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {app}, {reader}", **names)
