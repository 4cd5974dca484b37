"""Everything comes under a new key: by existing, in steps that may stop anywhere, while others write."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import connection
from django.utils import timezone

from tenpo.core import crypto, sealed
from tenpo.core.crypto import NO_KEY
from tenpo.core.fields import EncryptedField
from tenpo.core.tokens import hash_token, new_id
from tenpo.payments.models import PayoutAccount, PayoutBatch
from tenpo.payments.payout_methods.base import details_of
from tenpo.payments.tests.make import make_payout_account, make_terms
from tenpo.people import second_factors
from tenpo.people.models import Visit
from tenpo.people.second_factors import open_for, seal_for
from tenpo.people.tests.make import make_member
from tenpo.runtime import keys
from tenpo.schedule.actions.notes import write_note
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.models import Intro
from tenpo.schedule.note_models import SessionNote
from tenpo.schedule.tests.calendar_plants import make_calendar
from tenpo.schedule.tests.intro_make import make_intro, make_intro_service
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_ring(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def add_key(folder) -> str:
    key = keys.new_key()
    keys.save(folder, {**keys.load(folder), key.id: key})
    return key.id


def forget_all_but(folder, key_id: str) -> None:
    keys.save(folder, {key_id: keys.load(folder)[key_id]})


def make_visits(count: int = 5) -> Callable[[], bool]:
    for number in range(count):
        Visit.objects.create(
            session_key=f"visit-{number}", session_data=f"secret {number}", expire_date=timezone.now() + timedelta(1)
        )
    return lambda: all(visit.session_data == f"secret {visit.pk[6:]}" for visit in Visit.objects.all())


def make_second_factors(count: int = 5) -> Callable[[], bool]:
    for number in range(count):
        user = make_member()
        name = ("secret", "seed")[number % 2]
        Authenticator.objects.create(
            user=user, type=("totp", "recovery_codes")[number % 2], data={name: seal_for(user.pk, f"of {user.pk}")}
        )
    return lambda: all(
        open_for(row.user_id, next(iter(row.data.values()))) == f"of {row.user_id}"
        for row in Authenticator.objects.all()
    )


def make_accounts(count: int = 5) -> Callable[[], bool]:
    make_terms()
    for number in range(count):
        make_payout_account(make_member(), details={"note": f"way {number}"})
    ways = [f"way {number}" for number in range(count)]
    return lambda: sorted(details_of(row)["note"] for row in PayoutAccount.objects.all()) == ways


def make_notes(count: int = 5) -> Callable[[], bool]:
    for number in range(count):
        session = make_session()
        write_note(session, text=f"note {number}", by=session.coach)
    notes = [f"note {number}" for number in range(count)]
    return lambda: sorted(row.text for row in SessionNote.objects.all()) == notes


def make_batches(count: int = 5) -> Callable[[], bool]:
    for number in range(count):
        PayoutBatch.objects.create(
            id=new_id(), method="sepa", currency="EUR", count=number + 1, total=100, made_by=make_member(),
            document=f"file {number + 1}",
        )  # fmt: skip
    return lambda: all(row.document == f"file {row.count}" for row in PayoutBatch.objects.all())


def make_calendars(count: int = 5) -> Callable[[], bool]:
    for number in range(count):
        make_calendar(label=f"{number}")
    return lambda: all("k3y" in row.secrets for row in CalendarConnection.objects.all())


def make_links(count: int = 5) -> Callable[[], bool]:
    service = make_intro_service(repeats_intro=True)
    for number in range(count):
        make_intro(service, hours=24 + number)
    return lambda: all(row.token_hash == hash_token(str(row.link)) for row in Intro.objects.all())


# How five values are made in each place where something is sealed, and what tells that all can still be read. A new
# `EncryptedField` is rotated by existing; its line here is what proves it.
MAKERS: dict[str, Callable[[], Callable[[], bool]]] = {
    "people.Visit.session_data": make_visits,
    "mfa.Authenticator.data": make_second_factors,
    "payments.PayoutAccount.details": make_accounts,
    "payments.PayoutBatch.document": make_batches,
    "schedule.SessionNote.text": make_notes,
    "schedule.CalendarConnection.secrets": make_calendars,
    "schedule.Intro.link": make_links,
}


def test_every_encrypted_column_is_a_place_and_is_tried_here():
    fields = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedField)
    }
    names = {place.name for place in sealed.places()}

    assert fields <= names
    assert names == set(MAKERS)


@pytest.mark.parametrize("name", MAKERS)
def test_after_a_rotation_the_old_key_can_go(name, tmp_path):
    is_readable = MAKERS[name]()
    [old] = keys.load(tmp_path)
    assert sealed.count_by_key() == {old: 5}
    new = add_key(tmp_path)

    assert sealed.rotate(batch=2) == []

    assert sealed.count_by_key() == {new: 5}
    forget_all_but(tmp_path, new)
    assert is_readable()


@pytest.mark.parametrize("name", MAKERS)
def test_a_rotation_that_died_goes_on_where_it_was(name, tmp_path):
    is_readable = MAKERS[name]()
    [old] = keys.load(tmp_path)
    new = add_key(tmp_path)

    def die(_place: str, changed: int) -> None:
        if changed:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sealed.rotate(batch=2, moved=die)
    assert sealed.count_by_key() == {old: 3, new: 2}
    assert is_readable()

    assert sealed.rotate(batch=2) == []
    assert sealed.count_by_key() == {new: 5}
    forget_all_but(tmp_path, new)
    assert is_readable()


def damage(table: str, column: str) -> dict[str, str]:
    """The same two, of a table whose rows have ids that sort by time."""
    first = f"WHERE id = (SELECT id FROM {table} ORDER BY id LIMIT 1) RETURNING id"
    return {
        "moved": f"UPDATE {table} SET {column} = (SELECT {column} FROM {table} ORDER BY id DESC LIMIT 1) {first}",
        "written": f"UPDATE {table} SET {column} = 'PLANTED' {first}",
    }


# Puts something into the first row that does not open there: what was sealed for the last row, or what nobody sealed.
DAMAGE: dict[str, dict[str, str]] = {
    "people.Visit.session_data": {
        "moved": "UPDATE people_visit SET session_data = (SELECT session_data FROM people_visit"
        " WHERE session_key = 'visit-4') WHERE session_key = 'visit-0' RETURNING session_key",
        "written": "UPDATE people_visit SET session_data = 'PLANTED' WHERE session_key = 'visit-0'"
        " RETURNING session_key",
    },
    "mfa.Authenticator.data": {
        "moved": "UPDATE mfa_authenticator SET data = (SELECT data FROM mfa_authenticator ORDER BY id DESC LIMIT 1)"
        " WHERE id = (SELECT min(id) FROM mfa_authenticator) RETURNING id",
        "written": """UPDATE mfa_authenticator SET data = '{"secret": "PLANTED"}'"""
        " WHERE id = (SELECT min(id) FROM mfa_authenticator) RETURNING id",
    },
    "payments.PayoutAccount.details": damage("payments_payoutaccount", "details"),
    "payments.PayoutBatch.document": damage("payments_payoutbatch", "document"),
    "schedule.SessionNote.text": damage("schedule_sessionnote", "text"),
    "schedule.Intro.link": damage("schedule_intro", "link"),
    "schedule.CalendarConnection.secrets": damage("schedule_calendarconnection", "secrets"),
}


@pytest.mark.parametrize("how", ["moved", "written"])
@pytest.mark.parametrize("name", MAKERS)
def test_what_does_not_open_is_named_and_stops_nothing(name, how, tmp_path):
    MAKERS[name]()
    [old] = keys.load(tmp_path)
    with connection.cursor() as cursor:
        cursor.execute(DAMAGE[name][how])
        [[key]] = cursor.fetchall()
    new = add_key(tmp_path)

    [found] = sealed.rotate(batch=1)

    assert sealed.count_by_key() == {new: 4, (old if how == "moved" else NO_KEY): 1}
    assert (found.place.name, found.key) == (name, key)
    assert str(found).startswith(f"{found.place.table}.{found.place.column}, {found.place.key} = {key}: ")
    assert "PLANTED" not in str(found)
    assert [again.key for again in sealed.rotate()] == [key]


def test_what_a_missing_key_sealed_is_named_with_that_key(tmp_path):
    make_visits(3)
    [old] = keys.load(tmp_path)
    new = add_key(tmp_path)
    forget_all_but(tmp_path, new)

    found = sealed.rotate(batch=2)

    assert [value.key for value in found] == ["visit-0", "visit-1", "visit-2"]
    assert all(old in str(value) for value in found)
    assert sealed.count_by_key() == {old: 3}


def rotate_while_somebody_writes(folder, monkeypatch) -> str:
    """Rotate one visit, which its owner saves between the moment it is read and the moment it is written."""
    make_visits(1)
    add_key(folder)
    visit = Visit.objects.get()
    unseal = crypto.unseal

    def unseal_late(*arguments):
        monkeypatch.setattr(sealed, "unseal", unseal)
        visit.session_data = "newer"
        visit.save()
        return unseal(*arguments)

    monkeypatch.setattr(sealed, "unseal", unseal_late)
    sealed.rotate()
    return str(Visit.objects.get().session_data)


def test_what_somebody_writes_meanwhile_stays(tmp_path, monkeypatch):
    assert rotate_while_somebody_writes(tmp_path, monkeypatch) == "newer"


@pytest.mark.control
def test_control_without_comparing_it_is_lost(tmp_path, monkeypatch):
    run = sealed.Column._run

    def careless(self, query, *parameters):
        if query.startswith("UPDATE"):
            query, parameters = query.partition(" AND")[0], parameters[:-1]
        return run(self, query, *parameters)

    monkeypatch.setattr(sealed.Column, "_run", careless)

    assert rotate_while_somebody_writes(tmp_path, monkeypatch) == "secret 0"


def test_a_second_factor_that_is_used_meanwhile_is_sealed_anew_as_it_is_then(tmp_path, monkeypatch):
    user = make_member()
    row = Authenticator.objects.create(user=user, type="recovery_codes", data={"seed": seal_for(user.pk, "of them")})
    new = add_key(tmp_path)

    def open_late(*arguments):
        monkeypatch.setattr(second_factors, "open_for", open_for)
        Authenticator.objects.filter(pk=row.pk).update(data={**row.data, "used_mask": 1})
        return open_for(*arguments)

    monkeypatch.setattr(second_factors, "open_for", open_late)

    assert sealed.rotate() == []

    row.refresh_from_db()
    assert sealed.count_by_key() == {new: 1}
    assert row.data["used_mask"] == 1
    assert open_for(user.pk, row.data["seed"]) == "of them"


def test_a_second_factor_opens_for_its_user_alone():
    mine, yours = make_member(), make_member()

    with pytest.raises(ValueError, match="another place"):
        open_for(yours.pk, seal_for(mine.pk, "seed"))
