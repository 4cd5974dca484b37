"""Migrations as tests look into them."""

from importlib import import_module

from django.db.migrations import RunSQL


def sql_of(app: str, name: str) -> str:
    """What a migration of ours that is one statement runs."""
    [operation] = import_module(f"tenpo.{app}.migrations.{name}").Migration.operations
    assert isinstance(operation, RunSQL)
    assert isinstance(operation.sql, str)
    return operation.sql
