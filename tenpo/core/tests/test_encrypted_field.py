"""A secret at rest: bound to its row and its column, never shown by accident, never found by a query."""

from datetime import timedelta

import pytest
from django.core.exceptions import FieldError
from django.db import connection, models, transaction
from django.forms import modelform_factory
from django.forms.models import model_to_dict
from django.test.utils import isolate_apps
from django.utils import timezone

from tenpo.core.crypto import CannotOpen, MissingKey, seal, unseal
from tenpo.core.fields import EncryptedField, Sealed
from tenpo.core.sealed import columns, rotate
from tenpo.core.tokens import new_id
from tenpo.people.models import Visit
from tenpo.runtime import keys

SECRET = "the seed of a second factor"


@pytest.fixture(autouse=True)
def own_ring(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def make_visit(key: str = "visit-one", text: str = SECRET) -> Visit:
    return Visit.objects.create(session_key=key, session_data=text, expire_date=timezone.now() + timedelta(days=1))


def stored(key: str = "visit-one") -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_data FROM people_visit WHERE session_key = %s", [key])
        return bytes(cursor.fetchone()[0])


def test_sealed_text_opens_only_in_its_place():
    sealed = seal(SECRET, "people.visit", "session_data", "one")

    assert unseal(sealed, "people.visit", "session_data", "one") == SECRET
    for place in [("people.visit", "session_data", "two"), ("people.visit", "other", "one"), ("people.visit",)]:
        with pytest.raises(CannotOpen):
            unseal(sealed, *place)


def test_places_do_not_run_into_each_other():
    sealed = seal(SECRET, "ab", "c")

    with pytest.raises(CannotOpen):
        unseal(sealed, "a", "bc")


def test_it_is_short_and_each_time_another_one():
    sealed = [seal(SECRET, "here") for _ in range(200)]

    assert len(set(sealed)) == len({value[5:17] for value in sealed}) == 200
    assert {len(value) for value in sealed} == {5 + 12 + len(SECRET) + 16}


@pytest.mark.parametrize("position", [0, 1, 6, 20, -1])
def test_a_changed_byte_is_noticed(position):
    sealed = bytearray(seal(SECRET, "here"))
    sealed[position] ^= 1

    with pytest.raises(CannotOpen):
        unseal(bytes(sealed), "here")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01abcd", b"v1:c29tZXRoaW5n"])
def test_what_is_no_sealed_value_is_refused(sealed):
    with pytest.raises(CannotOpen):
        unseal(sealed, "here")


def test_a_missing_key_is_named(settings, tmp_path):
    sealed = seal(SECRET, "here")
    [key_id] = keys.load(tmp_path)
    (tmp_path / "keys").unlink()

    with pytest.raises(MissingKey, match=key_id):
        unseal(sealed, "here")


def test_another_secret_key_changes_nothing(settings):
    sealed = seal(SECRET, "here")
    settings.SECRET_KEY = "another one altogether"

    assert unseal(sealed, "here") == SECRET


@pytest.mark.django_db
def test_a_row_keeps_its_secret_unreadable_and_gives_it_back():
    make_visit()

    assert SECRET.encode() not in stored()
    assert Visit.objects.get().session_data == SECRET
    assert Visit.objects.defer("session_data").get().session_data == SECRET


@pytest.mark.django_db
def test_the_secret_of_one_row_does_not_open_in_another():
    make_visit()
    make_visit("visit-two", "what Otto keeps")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE people_visit SET session_data = %s WHERE session_key = 'visit-two'", [stored("visit-one")]
        )

    with pytest.raises(CannotOpen):
        _ = Visit.objects.get(pk="visit-two").session_data


@isolate_apps("tenpo.core")
def test_the_secret_of_one_column_does_not_open_in_another():
    class Account(models.Model):  # noqa: DJ008 (nobody sees it)
        id = models.UUIDField(primary_key=True)
        iban = EncryptedField()
        note = EncryptedField()

        class Meta:
            app_label = "core"

    row = Account(id=new_id(), iban=SECRET)
    iban = Account._meta.get_field("iban").pre_save(row, add=True)
    moved = Account(id=row.id, iban=iban, note=iban)

    assert moved.iban == SECRET
    with pytest.raises(CannotOpen):
        _ = moved.note


@isolate_apps("tenpo.core")
def test_the_row_must_be_known_before_it_is_saved():
    class Account(models.Model):  # noqa: DJ008 (nobody sees it)
        id = models.UUIDField(primary_key=True, db_default=models.functions.UUID7())
        iban = EncryptedField()

        class Meta:
            app_label = "core"

    field = Account._meta.get_field("iban")
    known = Account(id=new_id(), iban=SECRET)

    assert isinstance(field.pre_save(known, add=True), Sealed)
    with pytest.raises(ValueError, match="known before"):
        field.pre_save(Account(iban=SECRET), add=True)


@isolate_apps("tenpo.core")
@pytest.mark.parametrize("bound_to", ["id", "nothing", "number", "perhaps", "visit"])
def test_what_does_not_say_which_row_it_is_is_refused_as_an_identity(bound_to):
    class Account(models.Model):  # noqa: DJ008 (nobody sees it)
        id = models.BigAutoField(primary_key=True)
        number = models.IntegerField()
        perhaps = models.IntegerField(unique=True, null=True)
        visit = models.ForeignKey(Visit, models.PROTECT)
        iban = EncryptedField(bound_to=bound_to)

        class Meta:
            app_label = "core"

    assert any("bound_to" in found.msg for found in Account._meta.get_field("iban").check())


@isolate_apps("tenpo.core")
def test_what_stands_in_a_parents_table_is_refused_as_an_identity():
    class Account(models.Model):  # noqa: DJ008 (nobody sees it)
        id = models.UUIDField(primary_key=True)

        class Meta:
            app_label = "core"

    class BankAccount(Account):  # noqa: DJ008 (nobody sees it)
        iban = EncryptedField()

        class Meta:
            app_label = "core"

    assert any("bound_to" in found.msg for found in BankAccount._meta.get_field("iban").check())


@pytest.mark.django_db
@isolate_apps("tenpo.core")
@pytest.mark.parametrize("is_key", [True, False], ids=["primary key", "unique"])
def test_a_row_may_be_known_by_the_one_thing_that_it_belongs_to(is_key, tmp_path):
    class Account(models.Model):  # noqa: DJ008 (nobody sees it)
        owner = models.OneToOneField(Visit, models.PROTECT, primary_key=is_key)
        iban = EncryptedField(bound_to="owner")

        class Meta:
            app_label = "core"

    field = Account._meta.get_field("iban")
    owner = make_visit()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE core_account (id serial, owner_id text UNIQUE, iban bytea) ON COMMIT DROP")

    Account._default_manager.create(owner=owner, iban=SECRET)
    key = keys.new_key()
    keys.save(tmp_path, {**keys.load(tmp_path), key.id: key})

    assert field.check() == []
    assert rotate([*columns([Account])]) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT iban FROM core_account")
        [[value]] = cursor.fetchall()
    assert bytes(value)[1:5].hex() == key.id
    assert Account._default_manager.get().iban == SECRET


@isolate_apps("tenpo.core")
def test_an_id_that_was_given_as_text_is_the_same_id():
    class Account(models.Model):  # noqa: DJ008 (nobody sees it)
        id = models.UUIDField(primary_key=True)
        iban = EncryptedField()

        class Meta:
            app_label = "core"

    identity = new_id()
    sealed = Account._meta.get_field("iban").pre_save(Account(id=identity.hex, iban=SECRET), add=True)

    assert Account(id=identity, iban=sealed).iban == SECRET


@pytest.mark.django_db
@pytest.mark.parametrize("lookup", ["session_data", "session_data__in", "session_data__contains", "session_data__gt"])
def test_it_cannot_be_looked_up(lookup):
    with pytest.raises(FieldError):
        Visit.objects.filter(**{lookup: SECRET}).exists()


@pytest.mark.django_db
def test_a_query_cannot_write_it():
    make_visit()

    with pytest.raises(TypeError, match="sealed for one row"), transaction.atomic():
        Visit.objects.update(session_data="in the clear")
    assert Visit.objects.filter(session_data__isnull=True).count() == 0
    assert Visit.objects.get().session_data == SECRET


@pytest.mark.django_db
def test_nothing_that_prints_a_row_shows_it():
    made = make_visit()
    loaded = Visit.objects.get()
    _ = loaded.session_data

    shown = [
        repr(vars(made)),
        repr(vars(loaded)),
        repr(Visit.objects.values("session_data")),
        repr(list(Visit.objects.values_list("session_data"))),
        Visit._meta.get_field("session_data").value_to_string(loaded),
        repr(modelform_factory(Visit, fields="__all__")(instance=loaded).initial),
        repr(model_to_dict(loaded)),
    ]

    assert all(SECRET not in text for text in shown)
    assert all("•••" in text for text in shown[:5])


@pytest.mark.django_db
def test_saving_a_row_seals_it_under_the_newest_key(tmp_path):
    make_visit()
    before = stored()
    visit = Visit.objects.get()
    visit.save()
    assert stored() == before

    key = keys.new_key()
    keys.save(tmp_path, {**keys.load(tmp_path), key.id: key})
    visit.save()

    assert stored()[1:5].hex() == key.id
    assert Visit.objects.get().session_data == SECRET
