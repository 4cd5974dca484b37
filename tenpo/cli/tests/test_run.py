"""The real thing: processes, a port, a database folder; one installation for all tests of this file."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tenpo.runtime import postgres
from tenpo.runtime.system import free_port
from tests.installation import Installation, is_complete, lives, parts, started, wait_until


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own: PostgreSQL's user must be able to pass through, and a socket's path must be short.
    path = Path(tempfile.mkdtemp(prefix="tenpo-test-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Installation, subprocess.Popen[str]]]:
    """An installation that the tests of this file share; whoever ends one starts their own."""
    with started() as both:
        yield both


@pytest.fixture
def running(
    shared: tuple[Installation, subprocess.Popen[str]],
) -> tuple[Installation, subprocess.Popen[str]]:
    """The shared installation, whole: the test before may have killed parts that are only just coming back."""
    wait_until(lambda: is_complete(shared[1].pid), 60)
    wait_until(shared[0].answers, 60)
    return shared


@pytest.fixture
def ending() -> Iterator[tuple[Installation, subprocess.Popen[str]]]:
    with started() as both:
        yield both


def test_a_second_instance_is_told_where_the_first_one_is(running):
    installation, process = running

    refused = installation.tenpo("run", TENPO_PORT=str(free_port()))

    assert refused.returncode == 3
    assert f"process {process.pid}, http://localhost:{installation.port}" in " ".join(refused.stderr.split())
    assert installation.answers()


def test_a_taken_port_is_named(running, folder):
    installation, _process = running

    refused = Installation(folder / "data", installation.port).tenpo("run")

    assert refused.returncode == 4
    assert f"port {installation.port}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_killed_web_worker_is_back(running):
    installation, process = running
    [server] = parts(process.pid, "web")

    for worker in server.children():
        worker.kill()

    wait_until(installation.answers)
    wait_until(lambda: is_complete(process.pid))
    assert parts(process.pid, "web") == [server]


def test_a_killed_server_and_a_killed_worker_are_back(running):
    installation, process = running
    killed = parts(process.pid)

    for part in killed:
        part.kill()

    wait_until(lambda: not any(lives(part) for part in killed))
    wait_until(installation.answers, 60)
    wait_until(lambda: is_complete(process.pid), 60)


def test_a_restarted_database_is_found_again(running):
    installation, process = running
    kept = parts(process.pid)

    postgres.stop(installation.data_dir)
    postgres.ensure_running(installation.data_dir)

    wait_until(installation.answers)
    assert parts(process.pid) == kept


def test_the_doctor_finds_a_running_installation_well(running):
    installation, _process = running

    def is_well() -> bool:
        said = json.loads(installation.tenpo("doctor", "--json").stdout)
        return all(finding["state"] != "problem" for finding in said["findings"])

    wait_until(is_well, 60)


def test_scripts_learn_the_database_and_the_settings(running):
    installation, _process = running

    assert installation.tenpo("db", "url").stdout.startswith("postgresql://tenpo_app@")
    assert installation.tenpo("db", "url", "--role", "reader").stdout.startswith("postgresql://tenpo_reader@")
    assert "TENPO_PORT" in installation.tenpo("settings").stdout
    shell = subprocess.run(
        [sys.executable, "-m", "tenpo.cli.main", "db", "shell"],
        env=installation.environment(),
        input="SELECT 'i am ' || current_user",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "i am tenpo_app" in shell.stdout


def test_an_admin_invites_people_from_a_file(running, folder):
    installation, _process = running
    file = folder / "staff.csv"
    file.write_text("email,name,role\nmia@example.com,Mia,member\nno address,Bo,coach\n")
    admin = ("--email", "ada@example.com", "--name", "Ada")

    nobody = installation.tenpo("import", "people", str(file), "--yes")
    weak = installation.tenpo("createadmin", *admin, TENPO_ADMIN_PASSWORD="short")
    made = installation.tenpo("createadmin", *admin, TENPO_ADMIN_PASSWORD="correct horse battery")
    again = installation.tenpo("createadmin", *admin, TENPO_ADMIN_PASSWORD="correct horse battery")
    invited = installation.tenpo("import", "people", str(file), "--yes")
    repeated = installation.tenpo("import", "people", str(file), "--yes")

    assert (nobody.returncode, weak.returncode, again.returncode, repeated.returncode) == (1, 1, 1, 1)
    assert "tenpo createadmin" in nobody.stderr
    assert "ada@example.com" in made.stderr
    assert "Done: 1. Skipped: 1." in invited.stderr
    assert "Is invited already." in repeated.stderr
    assert "Traceback" not in "".join(said.stderr for said in (nobody, weak, again, repeated))


def test_who_lost_their_second_factors_is_helped_from_the_server(running):
    installation, _process = running
    planted = psycopg.connect(postgres.url(installation.data_dir, postgres.SUPERUSER), autocommit=True)
    planted.execute(
        "WITH lost AS (INSERT INTO people_user (email, name, password, time_zone, locale)"
        " VALUES ('lost@example.com', 'Lou', '', 'UTC', 'en') RETURNING id)"
        " INSERT INTO mfa_authenticator (user_id, type, data, created_at) SELECT id, 'totp', '{}', now() FROM lost"
    )

    dropped = installation.tenpo("dropfactors", "Lost@example.com", "--yes")
    again = installation.tenpo("dropfactors", "Lost@example.com", "--yes")
    nobody = installation.tenpo("dropfactors", "nobody@example.com", "--yes")
    left = planted.execute("SELECT count(*) FROM mfa_authenticator").fetchone()
    mails = installation.data_dir / "mail"
    wait_until(lambda: any("lost@example.com" in mail.read_text() for mail in mails.glob("*")))
    planted.execute("DELETE FROM people_user WHERE email = 'lost@example.com'")
    planted.close()

    assert (dropped.returncode, again.returncode, nobody.returncode, left) == (0, 1, 1, (0,))
    assert "Lou has no second factor any more, and signs in without one now." in dropped.stderr
    assert "Lou has no second factor." in again.stderr
    assert "Nobody here has the e-mail address" in nobody.stderr


def test_a_check_is_silent_until_something_is_broken(running):
    installation, _process = running
    planted = psycopg.connect(postgres.url(installation.data_dir, postgres.SUPERUSER), autocommit=True)

    well, well_in_json = installation.tenpo("check"), installation.tenpo("check", "--json")
    planted.execute(
        "INSERT INTO people_user (email, name, password, time_zone, locale)"
        " VALUES ('nobody@example.com', 'Nobody', '', 'UTC', 'en')"
    )
    broken, broken_in_json = installation.tenpo("check"), installation.tenpo("check", "--json")
    planted.execute("DELETE FROM people_user WHERE email = 'nobody@example.com'")
    planted.close()

    assert (well.returncode, well.stdout, well_in_json.returncode) == (0, "", 0)
    listed = json.loads(well_in_json.stdout)
    assert len(listed) > 50
    assert all(set(one) == {"name", "app", "statement", "faults"} and one["faults"] == [] for one in listed)
    assert (broken.returncode, broken_in_json.returncode) == (1, 1)
    assert "everybody-takes-part-under-their-name does not hold for 1:" in broken.stdout
    found = {one["name"]: one["faults"] for one in json.loads(broken_in_json.stdout) if one["faults"]}
    assert set(found) == {"account-has-one-main-address", "everybody-takes-part-under-their-name"}
    assert found["everybody-takes-part-under-their-name"][0]["name"] == "Nobody"


def test_ctrl_c_leaves_nothing_behind(ending):
    installation, process = ending
    below = psutil.Process(process.pid).children(recursive=True)
    pid = postgres.server_pid(installation.data_dir)
    assert below
    assert pid
    server = psutil.Process(pid)

    process.send_signal(signal.SIGINT)
    process.wait(60)

    output = installation.output
    assert process.returncode == 0, output
    assert not [child for child in [*below, server] if lives(child)]
    assert "Traceback" not in output
    assert "Stopped." in (installation.data_dir / "logs" / "tenpo.log").read_text()


def test_a_data_folder_of_a_newer_tenpo_is_left_alone(folder):
    (folder / "version").write_text("999\n")

    refused = Installation(folder, free_port()).tenpo("run")

    assert refused.returncode == 1
    assert "newer Tenpo" in refused.stderr
    assert not (folder / "postgres").exists()


def test_a_database_of_another_postgresql_is_left_alone(folder):
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("17\n")

    refused = Installation(folder, free_port()).tenpo("run")

    assert refused.returncode == 1
    assert "made by PostgreSQL 17" in refused.stderr
    assert "Traceback" not in refused.stderr
