"""Old and new code serve side by side while a release goes out: a migration adds first, and removes in the next one."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently, ValidateConstraint
from django.core.management import call_command
from django.db import NotSupportedError, ProgrammingError, connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.test import Client

from tenpo.checkout.tests.make import make_booking
from tenpo.notify.models import Notification
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.runtime import database, postgres, upgrade
from tenpo.schedule.tests.make import make_session
from tests.database import acting_as, as_superuser
from tests.work import work

# What was there before there was anything to serve beside. Later migrations are held to the rules below.
BASELINE = {
    "access": 1, "audit": 2, "core": 3, "ledger": 3, "notify": 2, "orders": 1, "payments": 1, "people": 4,
    "reporting": 1, "schedule": 2,
}  # fmt: skip
# A migration that must break a rule says in this attribute why nobody is hurt: `safe_because = "…"`.
EXCUSE = "safe_because"


def our_migrations(loader: MigrationLoader) -> Iterator[migrations.Migration]:
    for (app, name), migration in loader.disk_migrations.items():
        if migration.__module__.startswith("tenpo.") and int(name[:4]) > BASELINE.get(app, 0):
            yield migration


def faults(migration: migrations.Migration, before: ProjectState) -> list[str]:
    """What of a migration the release before it, which is still serving, could not live with."""
    if not migration.atomic and len(migration.operations) > 1:
        return [f"{migration}: is no transaction, so a second try would begin anew: one operation each"]
    if getattr(migration, EXCUSE, ""):
        return []
    made = {operation.name_lower for operation in migration.operations if isinstance(operation, migrations.CreateModel)}
    state, found = before.clone(), []
    for operation in migration.operations:
        model = getattr(operation, "model_name_lower", getattr(operation, "name_lower", ""))
        if model not in made and (why := _fault(operation, migration.app_label, state)):
            found.append(f"{migration}: {operation.describe()}: {why}")
        operation.state_forwards(migration.app_label, state)
    return found


def _fault(operation: Operation, app: str, state: ProjectState) -> str:
    match operation:
        case migrations.AddField():
            field = operation.field
            is_filled = field.null or field.has_db_default() or field.generated or field.many_to_many
            return "" if is_filled else "old code does not fill it: null=True or db_default"
        case migrations.AlterField():
            return _altered(operation, app, state)
        case (
            migrations.RemoveField()
            | migrations.DeleteModel()
            | migrations.RenameField()
            | migrations.RenameModel()
            | migrations.AlterModelTable()
        ):
            return "old code still asks for it: remove it in the next release"
        case AddIndexConcurrently() | RemoveIndexConcurrently() | ValidateConstraint() | migrations.RemoveConstraint():
            return ""
        case migrations.AddIndex() | migrations.RemoveIndex():
            return "everybody who writes waits while it is built: AddIndexConcurrently, RemoveIndexConcurrently"
        case migrations.AddConstraint():
            return "the table is closed while every row is checked, and old code may not keep to it"
        case migrations.RunSQL() | migrations.RunPython():
            return "say why old code may go on meanwhile"
    return ""


def _altered(operation: migrations.AlterField, app: str, state: ProjectState) -> str:
    after = state.clone()
    operation.state_forwards(app, after)
    old, new = (
        each.apps.get_model(app, operation.model_name)._meta.get_field(operation.name) for each in (state, after)
    )
    with connection.schema_editor(collect_sql=True) as editor:
        is_altered = editor._field_should_be_altered(old, new)  # type: ignore[attr-defined]
    return "a column changes under old code: add another one" if is_altered else ""


@pytest.mark.django_db
def test_each_migration_lets_the_release_before_it_serve_on():
    loader = MigrationLoader(None)
    wrong = [
        fault
        for migration in our_migrations(loader)
        for fault in faults(migration, loader.project_state((migration.app_label, migration.name), at_end=False))
    ]

    assert wrong == [], f"see ARCHITECTURE.md, “Upgrades”; what is safe all the same says so in `{EXCUSE}`"


def migration_of(*wanted: Operation) -> migrations.Migration:
    class Planted(migrations.Migration):
        operations = list(wanted)

    return Planted("9999_planted", "people")


def planted(*operations: Operation) -> list[str]:
    """The faults of a migration of the people app that does this."""
    return faults(migration_of(*operations), MigrationLoader(None).project_state())


CHECK = models.CheckConstraint(name="somebody", condition=~models.Q(name=""))
INDEX = models.Index(name="by_name", fields=["name"])
BAD = {
    "not null": migrations.AddField("user", "shoe", models.CharField(max_length=3)),
    "default of Python's alone": migrations.AddField("user", "shoe", models.IntegerField(default=1)),
    "other type": migrations.AlterField("user", "name", models.IntegerField()),
    "now required": migrations.AlterField("participant", "user", models.OneToOneField("people.User", models.PROTECT)),
    "removed": migrations.RemoveField("user", "name"),
    "renamed": migrations.RenameField("user", "name", "called"),
    "table removed": migrations.DeleteModel("CoachProfile"),
    "table renamed": migrations.RenameModel("CoachProfile", "Host"),
    "index": migrations.AddIndex("user", INDEX),
    "constraint": migrations.AddConstraint("user", CHECK),
    "sql": migrations.RunSQL("DROP TABLE people_user"),
}
GOOD = {
    "nullable": migrations.AddField("user", "shoe", models.IntegerField(null=True)),
    "with a default of the database's": migrations.AddField("user", "shoe", models.IntegerField(db_default=1)),
    "concurrent index": AddIndexConcurrently("user", INDEX),
    "other words": migrations.AlterField("user", "name", models.CharField("Called", max_length=120)),
    "another table": migrations.CreateModel("Shoe", [("id", models.BigAutoField(primary_key=True))]),
}


@pytest.mark.django_db
def test_what_could_not_go_on_after_half_of_it_is_found():
    class Halved(migrations.Migration):
        atomic = False
        operations = (AddIndexConcurrently("user", INDEX), GOOD["nullable"])

    assert len(faults(Halved("9999_halved", "people"), MigrationLoader(None).project_state())) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("name", BAD)
def test_what_old_code_could_not_live_with_is_found(name):
    assert len(planted(BAD[name])) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("name", GOOD)
def test_what_only_adds_is_let_through(name):
    assert planted(GOOD[name]) == []


@pytest.mark.django_db
def test_a_new_table_may_have_what_it_likes():
    new = migrations.CreateModel("Shoe", [("id", models.BigAutoField(primary_key=True))])

    assert planted(new, migrations.AddField("shoe", "size", models.IntegerField())) == []


@pytest.mark.django_db
def test_an_excuse_is_believed():
    migration = migration_of(BAD["removed"])
    migration.safe_because = "nothing has asked for it since 2.1"  # type: ignore[attr-defined]

    assert faults(migration, MigrationLoader(None).project_state()) == []


# Of two on the same rows, which begin with the same columns; what one column alone is sorted by can be read backwards.
_REPEATED = """
    SELECT c.relname FROM pg_index short
    JOIN pg_index long ON long.indrelid = short.indrelid AND long.indexrelid <> short.indexrelid
    JOIN pg_class c ON c.oid = short.indexrelid JOIN pg_class d ON d.oid = long.indexrelid AND d.relam = c.relam
    WHERE short.indrelid::regclass::text = ANY (%s) AND NOT short.indisunique AND short.indexprs IS NULL
      AND pg_get_expr(short.indpred, short.indrelid) IS NOT DISTINCT FROM pg_get_expr(long.indpred, long.indrelid)
      AND (long.indkey::int2[])[0:short.indnkeyatts - 1] = (short.indkey::int2[])[0:short.indnkeyatts - 1]
      AND (long.indclass::oid[])[0:short.indnkeyatts - 1] = (short.indclass::oid[])[0:short.indnkeyatts - 1]
      AND (short.indnkeyatts = 1
        OR (long.indoption::int2[])[0:short.indnkeyatts - 1] = (short.indoption::int2[])[0:short.indnkeyatts - 1])
"""


def indexes_that_repeat_another(admin: psycopg.Connection[Any]) -> set[str]:
    tables = [model._meta.db_table for model in apps.get_models() if model.__module__.startswith("tenpo.")]
    return {name for (name,) in admin.execute(_REPEATED, [tables])}


@pytest.mark.django_db
def test_no_index_is_the_beginning_of_another():
    """Each costs every write, and the longer one serves who looks for the shorter; so does that of a constraint."""
    with as_superuser() as admin:
        assert indexes_that_repeat_another(admin) == set(), "db_index=False, or drop it"


@pytest.mark.django_db
def test_one_that_is_the_beginning_of_another_is_found():
    with as_superuser() as admin, admin.transaction(force_rollback=True):
        admin.execute("CREATE INDEX of_a_constraint ON people_rolegrant (user_id)")
        admin.execute("CREATE INDEX of_the_key ON people_invite (id DESC)")
        admin.execute("CREATE INDEX of_some_rows ON people_invite (id DESC) WHERE email = ''")

        assert indexes_that_repeat_another(admin) == {"of_a_constraint", "of_the_key"}


@pytest.fixture
def a_column_more() -> Iterator[Callable[[], None]]:
    """Call it, and each table has another column, as after a migration that old code serves beside."""
    with as_superuser() as admin:
        tables = [name for (name,) in admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]

    def add() -> None:
        with as_superuser() as admin:
            for table in tables:
                admin.execute(f"ALTER TABLE {table} ADD COLUMN of_the_next_release text DEFAULT 'x'")

    yield add

    connection.close()
    with as_superuser() as admin:
        for table in tables:
            admin.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS of_the_next_release")


def use_a_lot(caller: Client, member: User) -> None:
    for _ in range(database.PREPARED_AFTER + 2):
        make_booking(make_session(), member)
        work()
        for path in ("/bookings/", "/sessions/", "/notifications/", "/api/v1/bookings", "/api/v1/sessions"):
            assert caller.get(path).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_what_is_prepared_serves_on_when_every_table_gets_a_column(a_column_more):
    member, caller = make_member(), Client()
    caller.force_login(member)
    use_a_lot(caller, member)

    a_column_more()

    use_a_lot(caller, member)
    assert Notification.objects.filter(kind="booking.confirmed").count() == 2 * (database.PREPARED_AFTER + 2)


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_a_prepared_star_does_not_serve_on(a_column_more):
    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM people_user WHERE name = %s", ["Ada"])

    for _ in range(database.PREPARED_AFTER + 2):
        ask()
    a_column_more()

    with pytest.raises(NotSupportedError, match="cached plan"):
        ask()


@pytest.mark.django_db(transaction=True)
def test_an_index_that_was_given_up_is_built_anew():
    """What `CREATE INDEX CONCURRENTLY` leaves when it fails takes the name that the next try needs."""
    with as_superuser() as admin:
        admin.execute(f"SET ROLE {postgres.OWNER}")
        admin.execute("CREATE TABLE shelf (book text)")
        admin.execute("INSERT INTO shelf VALUES ('twice'), ('twice')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            admin.execute("CREATE UNIQUE INDEX CONCURRENTLY each_once ON shelf (book)")
        try:
            with acting_as(postgres.OWNER):
                upgrade.drop_unfinished_indexes()
                admin.execute("CREATE INDEX each_once ON shelf (book)")
                upgrade.drop_unfinished_indexes()
            assert admin.execute("SELECT count(*) FROM pg_indexes WHERE indexname = 'each_once'").fetchone() == (1,)
        finally:
            admin.execute("DROP TABLE shelf")


class AccountsByCurrency(migrations.Migration):
    """One more of the ledger's, which builds an index beside those who write."""

    atomic = False
    operations = [AddIndexConcurrently("account", models.Index(fields=["currency"], name="account_by_currency"))]


@pytest.fixture
def index_nobody_wrote_down(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if whoever migrated had been killed while the database built the index of the ledger's newest migration."""
    load_ours = MigrationLoader.load_disk

    def load_one_more(loader: MigrationLoader) -> None:
        load_ours(loader)
        newest = max(name for app, name in loader.disk_migrations if app == "ledger")
        AccountsByCurrency.dependencies = [("ledger", newest)]
        one_more = AccountsByCurrency("9999_accounts_by_currency", "ledger")
        loader.disk_migrations["ledger", one_more.name] = one_more

    monkeypatch.setattr(MigrationLoader, "load_disk", load_one_more)
    with as_superuser() as admin:
        admin.execute(f"SET ROLE {postgres.OWNER}")
        admin.execute("CREATE INDEX account_by_currency ON ledger_account (currency)")
        yield
        admin.execute("DROP INDEX account_by_currency")
        admin.execute("DELETE FROM django_migrations WHERE name = '9999_accounts_by_currency'")


def migrate_the_ledger() -> None:
    with acting_as(postgres.OWNER):
        call_command("migrate", "ledger", verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_an_index_that_was_finished_after_its_builder_was_killed_is_built_anew(index_nobody_wrote_down):
    with acting_as(postgres.OWNER):
        upgrade.drop_unfinished_indexes()
    migrate_the_ledger()

    with as_superuser() as admin:
        query = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'account_by_currency'::regclass"
        assert admin.execute(query).fetchone() == (True,)
    assert upgrade._indexes_to_be_built() == []


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_its_name_is_taken(index_nobody_wrote_down):
    with pytest.raises(ProgrammingError, match="already exists"):
        migrate_the_ledger()
