"""A file that is under way makes nobody an admin any more once its owner ended all that lets somebody in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import transaction

from tenpo.access.actions.accounts import disable_user, enable_user, end_all_access
from tenpo.audit.models import AuditLog
from tenpo.people.actions import imports
from tenpo.people.actions.accounts import grant_role, revoke_role
from tenpo.people.actions.imports import confirm_import, preview_people_import, run_import
from tenpo.people.models import Import, Invite, User
from tenpo.people.tests.make import freshly_signed_in, make_admin
from tenpo.people.tests.waiting import alone, wait_until_it_waits

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

ROWS = b"email,role\nnora@example.com,admin\nrex@example.com,admin\nlena@example.com,member\n"


@pytest.fixture
def file(monkeypatch) -> Import:
    """A confirmed file of two admins and a member, who are invited one by one."""
    monkeypatch.setattr(imports, "BATCH", 1)
    admin = make_admin()
    return confirm_import(preview_people_import("people.csv", ROWS, by=admin), by=admin)


def end_it(user: User) -> None:
    end_all_access(user, by=user, but=None)


def shut_and_open(user: User) -> None:
    other = make_admin()
    disable_user(user, by=other)
    enable_user(user, by=other)


def take_and_give_the_role(user: User) -> None:
    other = make_admin()
    revoke_role(user, role="admin", by=other)
    grant_role(user, role="admin", by=other)


def run(file: Import) -> Import:
    return run_import(file.pk)


def open_invites() -> list[str]:
    return sorted(Invite.objects.open().values_list("email", flat=True))


def do_while[T, U](first: Callable[[T], Any], on: T, second: Callable[[U], Any], with_: U) -> None:
    """Do the first and, before it is committed, the second."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first(on)
            other = pool.submit(alone, second, with_)
            wait_until_it_waits(other)
        other.result()


@pytest.mark.parametrize("end", [end_it, shut_and_open, take_and_give_the_role])
def test_no_admin_is_invited_any_more_and_the_page_says_why(file, end):
    end(file.created_by)

    done = run(file)

    assert open_invites() == ["lena@example.com"]
    assert [row["problem"][:7] for row in done.rows] == ["Stopped", "Stopped", ""]
    page = freshly_signed_in(make_admin()).get(f"/imports/{file.pk}/").content.decode()
    assert page.count("Stopped: all that still let somebody in") == 2
    assert AuditLog.objects.get(action="import.stopped").after == {"skipped": 2}


def test_another_admins_file_goes_on(file):
    end_it(make_admin())

    assert run(file).state == Import.State.DONE
    assert len(open_invites()) == 3


def test_what_was_invited_before_is_ended_too(file):
    do_while(imports._run_batch, file.pk, end_it, file.created_by)
    assert open_invites() == []

    run(file)

    assert open_invites() == ["lena@example.com"]


def test_who_goes_on_with_it_meanwhile_finds_it_ended(file):
    do_while(end_it, file.created_by, run, file)

    assert open_invites() == ["lena@example.com"]


@pytest.mark.control
def test_control_a_file_that_is_not_named_goes_on(file, settings):
    """Shows that the tests above can fail."""
    files = "tenpo.people.queries.standing_files"
    settings.STANDING_ACCESS = {one: end for one, end in settings.STANDING_ACCESS.items() if one != files}

    do_while(end_it, file.created_by, run, file)

    assert len(open_invites()) == 3
