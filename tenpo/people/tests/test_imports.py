from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.people.actions import imports
from tenpo.people.actions.imports import BATCH, MAX_BYTES, MAX_ROWS, confirm_import, preview_people_import, run_import
from tenpo.people.models import Import, Invite, User
from tenpo.people.tests.make import make_admin, make_coach, make_invite, make_member
from tenpo.people.tests.waiting import alone, wait_until_it_waits

pytestmark = pytest.mark.django_db


def make_file(*lines: str, header: str = "email,name,role") -> bytes:
    return "\n".join([header, *lines]).encode()


def make_import(count: int, *, by: User | None = None) -> Import:
    """A file of `count` good people, looked over."""
    lines = [f"lena{n}@example.com,Lena {n},member" for n in range(count)]
    return preview_people_import("people.csv", make_file(*lines), by=by or make_admin())


def problems(import_: Import) -> list[str]:
    return [row["problem"] for row in import_.rows]


def test_every_row_says_what_is_wrong_and_nothing_is_done():
    admin, member = make_admin(), make_member()
    invite, _token = make_invite(by=admin)
    content = make_file(
        "lena@example.com,Lena Okafor,",
        "maya@example.com,Maya Berg,Coach",
        "no address,,",
        ",Nobody,",
        "LENA@example.com,Again,",
        "tom@example.com,Tom,king",
        f"{member.email.upper()},Known,",
        f"{invite.email},Invited,",
    )

    found = preview_people_import("people.csv", content, by=admin)

    assert problems(found) == [
        "",
        "",
        "This is not an e-mail address.",
        "The e-mail address is missing.",
        "Twice in this file.",
        "We do not know this role. Use member, coach or admin.",
        "Has an account already.",
        "Is invited already.",
    ]
    assert found.rows[1] == {
        "line": 3,
        "data": {"email": "maya@example.com", "name": "Maya Berg", "role": "coach"},
        "problem": "",
    }
    assert Invite.objects.count() == 1
    assert found.state == Import.State.PREVIEW


@pytest.mark.parametrize(
    "content",
    [
        "email;name;role\nlena@example.com;Léna;coach\n".encode(),
        "\ufeffemail\tname\trole\r\nlena@example.com\tLéna\tcoach\r\n".encode(),
        "E-Mail,Name,Role\n\nlena@example.com,Léna,coach\n\n".encode("latin-1"),
        'role,name,email\ncoach,"Léna",lena@example.com'.encode(),
        '"email","name","role"\n"lena@example.com","Léna","coach","more"\n'.encode(),
    ],
)
def test_what_spreadsheets_write_is_read(content):
    found = preview_people_import("people.csv", content, by=make_admin())

    assert [row["data"] for row in found.rows] == [{"email": "lena@example.com", "name": "Léna", "role": "coach"}]
    assert problems(found) == [""]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"email,name\n",
        b"address,name\nlena@example.com,Lena",
        b"\x00\x01\x02",
        b"PK\x03\x04\x00\x00",
        b"email\n" + b"x" * MAX_BYTES,
        b"email\n" + b"".join(b"a%d@example.com\n" % n for n in range(MAX_ROWS + 1)),
        b'email\n"' + b"x" * 200_000,
    ],
)
def test_a_file_that_cannot_be_read_is_refused(content):
    with pytest.raises(ValidationError):
        preview_people_import("people.csv", content, by=make_admin())

    assert not Import.objects.exists()


@pytest.mark.parametrize("who", [make_member, make_coach])
def test_only_admins_import_people(who):
    with pytest.raises(PermissionDenied):
        make_import(1, by=who())

    assert not Import.objects.exists()


def test_confirming_invites_each_good_row_once():
    admin = make_admin()
    found = preview_people_import(
        "people.csv", make_file("lena@example.com,Lena,coach", "bad,,", "tom@example.com,Tom,"), by=admin
    )
    assert run_import(found.pk).state == Import.State.PREVIEW
    assert not Invite.objects.exists()

    for _ in range(2):
        assert confirm_import(found, by=admin).state == Import.State.RUNNING
    assert ProcrastinateJob.objects.filter(task_name="people.run_import").count() == 1
    seen: list[tuple[int, int, str]] = []
    for _ in range(2):
        done = run_import(found.pk, progress=lambda *at: seen.append(at))

    assert (done.state, done.rows_done) == (Import.State.DONE, 3)
    assert seen[0] == (3, 3, "people.csv")
    assert sorted(Invite.objects.values_list("email", "role")) == [
        ("lena@example.com", "coach"),
        ("tom@example.com", "member"),
    ]
    assert ProcrastinateJob.objects.filter(task_name="people.send_invite").count() == 2
    assert AuditLog.objects.get(action="import.finished").after == {"done": 2, "skipped": 1}


def test_a_file_without_a_good_row_is_not_confirmed():
    admin = make_admin()
    found = preview_people_import("people.csv", make_file("bad,,"), by=admin)

    with pytest.raises(RuleError) as refusal:
        confirm_import(found, by=admin)

    assert refusal.value.code == "nothing_to_import"
    found.refresh_from_db()
    assert found.state == Import.State.PREVIEW


def test_strangers_do_not_confirm():
    found = make_import(1)

    with pytest.raises(PermissionDenied):
        confirm_import(found, by=make_coach())

    found.refresh_from_db()
    assert found.state == Import.State.PREVIEW


def test_what_changed_since_the_preview_is_skipped_and_said():
    admin = make_admin()
    found = make_import(3, by=admin)
    make_invite("lena1@example.com", by=admin)
    confirm_import(found, by=admin)

    done = run_import(found.pk)

    assert problems(done) == ["", "This address is invited already. Send that invite again instead.", ""]
    assert Invite.objects.count() == 3


def test_it_goes_on_where_it_stopped(monkeypatch):
    admin = make_admin()
    found = make_import(BATCH + 10, by=admin)
    confirm_import(found, by=admin)
    real, calls = imports.invite_row, []

    def fail_in_the_second_batch(*args, **kwargs):
        calls.append(args)
        if len(calls) == BATCH + 5:
            raise ZeroDivisionError
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(imports, "invite_row", fail_in_the_second_batch)
        with pytest.raises(ZeroDivisionError):
            run_import(found.pk)
    found.refresh_from_db()
    assert (found.rows_done, Invite.objects.count()) == (BATCH, BATCH)

    assert run_import(found.pk).state == Import.State.DONE
    assert Invite.objects.count() == BATCH + 10


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_no_doubles():
    admin = make_admin()
    found = make_import(2 * BATCH, by=admin)
    confirm_import(found, by=admin)

    def work(_number: int) -> str:
        try:
            return run_import(found.pk).state
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        states = set(pool.map(work, range(4)))

    assert states == {Import.State.DONE}
    done = Import.objects.get(pk=found.pk)
    assert problems(done) == [""] * (2 * BATCH)
    assert Invite.objects.count() == 2 * BATCH


def test_an_admin_who_was_shut_out_invites_nobody_more():
    admin = make_admin()
    found = make_import(2, by=admin)
    confirm_import(found, by=admin)
    admin.role_grants.all().delete()

    done = run_import(found.pk)

    assert not Invite.objects.exists()
    assert ["may not" in problem for problem in problems(done)] == [True, True]


def upload_while_the_older_is_confirmed(monkeypatch, until: Callable[[Future[Import]], Any]) -> tuple[Import, Import]:
    """Another admin confirms somebody's file; before that is committed, its owner uploads one more than is kept."""
    monkeypatch.setattr(imports, "IMPORTS_KEPT", 1)
    owner, other = make_admin(), make_admin()
    older = make_import(1, by=owner)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            confirm_import(older, by=other)
            uploaded = pool.submit(alone, lambda by: make_import(1, by=by), owner)
            until(uploaded)
        return older, uploaded.result()


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_confirmed_meanwhile_stays(monkeypatch):
    older, newer = upload_while_the_older_is_confirmed(monkeypatch, lambda uploaded: uploaded.result(timeout=60))

    assert set(Import.objects.all()) == {older, newer}
    assert run_import(older.pk).state == Import.State.DONE


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_what_rested_when_it_was_looked_for_would_go(monkeypatch):
    """Shows that the test above can fail."""

    def forget_what_rested(whose: User) -> None:
        resting = Import.objects.filter(created_by=whose, state=Import.State.PREVIEW).order_by("-id")
        Import.objects.filter(pk__in=list(resting.values_list("pk", flat=True)[1:])).delete()

    monkeypatch.setattr(imports, "_forget_oldest", forget_what_rested)

    _older, newer = upload_while_the_older_is_confirmed(monkeypatch, wait_until_it_waits)

    assert set(Import.objects.all()) == {newer}


def test_of_each_person_only_the_newest_files_are_kept(monkeypatch):
    """Nobody fills the disk by what they upload."""
    monkeypatch.setattr(imports, "IMPORTS_KEPT", 3)
    admin = make_admin()
    others = make_import(1)
    running = make_import(1, by=admin)
    confirm_import(running, by=admin)

    made = [make_import(1, by=admin) for _ in range(5)]

    assert set(Import.objects.all()) == {others, running, *made[-3:]}
    assert AuditLog.objects.filter(action="import.previewed", actor_id=admin.pk).count() == 6
