"""A column for a secret that we must read again."""

from typing import Any

from django.core import checks
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from tenpo.core.crypto import newest_prefix, seal, unseal

MASK = "•••"


class Sealed:
    """A secret as it stands in the database. It shows nothing, and its row's attribute opens it when it is read."""

    def __init__(self, value: bytes) -> None:
        self.value = value

    def __repr__(self) -> str:
        return MASK


class _Open:
    """A secret that its row holds in the clear; it shows nothing wherever a row's attributes are printed."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return MASK


class _SecretAttribute(DeferredAttribute):
    """Opens a row's secret when it is read, because only then the row's identity is known."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            value = instance.__dict__[self.field.attname] = _Open(self.field.open(instance, value))  # type: ignore[attr-defined]
        return value.text if isinstance(value, _Open) else value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = _Open(value) if isinstance(value, str) else value


class EncryptedField(models.BinaryField):  # type: ignore[type-arg] # the class takes none when it runs
    """Text that is encrypted at rest and bound to its row: elsewhere it does not open.

    `bound_to` names the column that says which row it is: a unique one, which may be a relation to the one thing that
    the row belongs to. Its value must be known before the row is inserted and must never change, so it has no default
    of the database: give the row its id with `core.tokens.new_id`.
    It can be neither looked up nor updated by a query; `tenpo keys rotate` finds every such column by itself.
    """

    descriptor_class = _SecretAttribute

    def __init__(self, *args: Any, bound_to: str = "id", **kwargs: Any) -> None:
        self.bound_to = bound_to
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "bound_to": self.bound_to}

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found = super().check(**kwargs)
        # Of its own table: a column of a parent's could not be read beside it.
        column = next((field for field in self.model._meta.local_concrete_fields if field.name == self.bound_to), None)
        if column is None or isinstance(column, models.AutoField) or column.null or not column.unique:
            found.append(
                checks.Error(
                    f"bound_to={self.bound_to!r} must name a column that says which row it is: unique, never empty, "
                    "and not numbered by the database",
                    obj=self,
                )
            )
        return found

    @property
    def identity_column(self) -> "models.Field[Any, Any]":
        """What says which row it is."""
        column: models.Field[Any, Any] = self.model._meta.get_field(self.bound_to)  # type: ignore[assignment]
        return column

    def place(self, identity: object) -> tuple[str, ...]:
        """What the secret of the row with this identity is bound to."""
        # As the database gives it back: an id may have been given as text.
        return self.model._meta.label_lower, self.name, str(self.identity_column.to_python(identity))

    def open(self, row: models.Model, sealed: Sealed) -> str:
        """The secret of this row; raises CannotOpen when it was sealed for another one."""
        return unseal(sealed.value, *self.place(self._identity(row)))

    def _identity(self, row: models.Model) -> Any:
        # Of a relation the key that it points to, which is what the column holds.
        return getattr(row, self.identity_column.attname)

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        held = model_instance.__dict__.get(self.attname)
        if held is None or (isinstance(held, Sealed) and held.value.startswith(newest_prefix())):
            return held
        identity = self._identity(model_instance)
        if identity in (None, "") or isinstance(identity, models.Expression | models.expressions.DatabaseDefault):
            raise ValueError(f"{self} is bound to {self.bound_to}, which must be known before the row is saved")
        return Sealed(seal(getattr(model_instance, self.attname), *self.place(identity)))

    def get_prep_value(self, value: Any) -> Any:
        if value is not None and not isinstance(value, Sealed):
            raise TypeError(f"{self} is sealed for one row: change it by saving that row")
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        value = self.get_prep_value(value)
        return None if value is None else connection.Database.Binary(value.value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))

    def to_python(self, value: Any) -> Any:
        return value

    def get_lookup(self, lookup_name: str) -> Any:
        # Every nonce is another one, so no value would ever be found.
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_transform(self, lookup_name: str) -> None:
        return None

    def value_to_string(self, obj: models.Model) -> str:
        return MASK
