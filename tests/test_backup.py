"""The drill: a business at work is backed up and brought back elsewhere, whole. Then every way to get it wrong."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from django.utils import timezone

from tenpo.cli import backup as cli_backup
from tenpo.core import backup as core_backup
from tenpo.core.invariants import find_faults
from tenpo.core.models import OutboxMessage
from tenpo.people.tests.make import PASSWORD, make_user
from tenpo.runtime import env, keys, postgres
from tenpo.runtime.errors import OperatorError
from tenpo.runtime.system import free_port
from tests.installation import Installation, started, wait_until

FILE = "letters/agreement.pdf"
# Processes start, make a database and load one: on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(400)


@dataclass
class Drill:
    """A backup that was made while people booked, and what the installation was like."""

    file: Path
    source: Installation
    people: dict[str, str | list[str]]

    def empty_place(self, *, with_keys: bool = True) -> Installation:
        """Another data folder, with the keys as an operator puts them there."""
        place = Installation(Path(tempfile.mkdtemp(dir=self.file.parent)) / "data", free_port(), self.source.settings)
        place.data_dir.mkdir(mode=0o710)
        if with_keys:
            for name in ("keys", "secret_key"):
                shutil.copy2(self.source.data_dir / name, place.data_dir / name)
        return place

    @property
    def ring(self) -> keys.Ring:
        return keys.parse((self.source.data_dir / "keys").read_text(), "keys")


def at_work(installation: Installation, what: str) -> list[str]:
    return [sys.executable, "-m", "tests.bookings_under_way", what]


@pytest.fixture(scope="module")
def drill() -> Iterator[Drill]:
    with started(TENPO_SANDBOX="true") as (installation, _process):
        letter = installation.data_dir / "files" / FILE
        letter.parent.mkdir(parents=True)
        letter.write_bytes(b"signed\n" * 100_000)
        (letter.parent / "elsewhere").symlink_to("/etc/passwd")
        options = {"env": installation.environment(), "cwd": env.ROOT, "text": True}
        people = json.loads(subprocess.check_output(at_work(installation, "people"), **options))  # type: ignore[call-overload]
        subprocess.run(at_work(installation, "visits"), check=True, **options)  # type: ignore[call-overload]
        busy = subprocess.Popen(at_work(installation, "book"), stdout=subprocess.PIPE, **options)  # type: ignore[call-overload]
        try:
            for _ in range(10):
                assert busy.stdout.readline()
            file = installation.data_dir.parent / "tenpo.zip"
            done = installation.tenpo("backup", str(file))
            assert done.returncode == 0, done.stderr
            assert busy.poll() is None
            assert busy.stdout.readline(), "people went on booking"
        finally:
            busy.kill()
            busy.communicate()
        yield Drill(file, installation, people)


def sign_in(installation: Installation, email: str) -> str:
    """Sign in by the page, as a browser does; returns the page that shows who it is."""
    jar = CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    address = f"{installation.url}/account/login/"
    browser.open(address, timeout=30).read()
    token = next(cookie.value for cookie in jar if cookie.name == "tenpo_csrf")
    form = urlencode({"login": email, "password": PASSWORD, "csrfmiddlewaretoken": token}).encode()
    browser.open(urllib.request.Request(address, form, {"Referer": address}), timeout=30).read()  # noqa: S310 (ours)
    page: str = browser.open(f"{installation.url}/me/", timeout=30).read().decode()
    return page


def test_what_was_backed_up_under_load_comes_back_whole(drill):
    place = drill.empty_place()

    restored = place.tenpo("restore", str(drill.file), "--verify")

    assert restored.returncode == 0, restored.stderr
    assert (place.data_dir / "files" / FILE).read_bytes() == b"signed\n" * 100_000
    assert not (place.data_dir / "files/letters/elsewhere").exists()
    manifest = core_backup.open_backup(drill.file, drill.ring, print).manifest
    assert manifest["tables"]["schedule_booking"] >= 10
    assert manifest["figures"]["ledger"]["sales:EUR"]["credits"] > 0
    process = place.start()
    try:
        assert drill.people["coach"] in sign_in(place, str(drill.people["coach"]))
        check = place.tenpo("check", "--json")
        assert (check.returncode, [row for row in json.loads(check.stdout) if row["faults"]]) == (0, [])
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_a_rotation_names_the_rows_that_do_not_open_and_fails(drill):
    row = {"key": "planted", "data": b"\x01 in the clear, and long enough"}
    with psycopg.connect(postgres.url(drill.source.data_dir, postgres.APP), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO people_visit (session_key, session_data, expire_date) VALUES (%(key)s, %(data)s, now())", row
        )
        try:
            done = drill.source.tenpo("keys", "rotate")
        finally:
            connection.execute("DELETE FROM people_visit WHERE session_key = %(key)s", row)

    assert done.returncode == 1
    assert "people_visit.session_data, session_key = planted: " in done.stderr
    assert "do not open: 1;" in done.stderr
    assert "Traceback" not in done.stderr
    assert "in the clear" not in done.stderr
    assert drill.source.tenpo("keys", "rotate").returncode == 0


def test_a_rotation_that_is_killed_goes_on_and_the_old_key_goes(drill):
    source = drill.source
    [old] = drill.ring

    def counts() -> dict[str, int]:
        with psycopg.connect(postgres.url(source.data_dir, postgres.APP)) as connection:
            query = "SELECT encode(substring(session_data FROM 2 FOR 4), 'hex'), count(*) FROM people_visit GROUP BY 1"
            return dict(connection.execute(query).fetchall())

    assert counts()[old] >= 300
    before = (source.data_dir / "keys").read_text()
    assert source.tenpo("keys", "add").returncode == 0
    [new] = set(drill.ring) - {old}
    assert "sealed" in source.tenpo("keys", "retire", old).stderr
    command = [sys.executable, "-m", "tenpo.cli.main", "keys", "rotate", "--batch", "1"]
    rotation = subprocess.Popen(command, env=source.environment(), stderr=subprocess.DEVNULL)
    wait_until(lambda: counts().get(new, 0) > 0, 60)
    rotation.kill()
    rotation.wait()

    assert source.tenpo("keys", "rotate").returncode == 0

    assert list(counts()) == [new]
    assert source.tenpo("keys", "retire", old).returncode == 0
    assert list(drill.ring) == [new]
    assert str(drill.people["coach"]) in sign_in(source, str(drill.people["coach"]))
    # The backup needs the key from before, and says so.
    place = drill.empty_place()
    refused = place.tenpo("restore", str(drill.file))
    assert refused.returncode == 1
    assert old in refused.stderr
    (source.data_dir / "keys").write_text(before + (source.data_dir / "keys").read_text())


def test_without_the_keys_it_says_which_and_leaves_nothing(drill):
    place = drill.empty_place(with_keys=False)
    [needed, *_] = core_backup.open_backup(drill.file, {}, print).manifest["keys"]

    refused = place.tenpo("restore", str(drill.file))

    assert refused.returncode == 1
    assert needed in refused.stderr
    assert list(place.data_dir.iterdir()) == []


def test_a_place_that_is_in_use_is_left_alone(drill):
    before = (drill.source.data_dir / "files" / FILE).read_bytes()

    refused = drill.source.tenpo("restore", str(drill.file))

    assert refused.returncode == 1
    assert "empty place" in " ".join(refused.stderr.split())
    assert (drill.source.data_dir / "files" / FILE).read_bytes() == before
    assert drill.source.answers()


def test_a_backup_is_ours_alone_holds_no_key_and_replaces_nothing(drill):
    assert drill.file.stat().st_mode & 0o777 == 0o600
    whole = drill.file.read_bytes()
    for name in ("keys", "secret_key"):
        for secret in (drill.source.data_dir / name).read_text().split():
            assert secret.rpartition(":")[2].encode() not in whole

    refused = drill.source.tenpo("backup", str(drill.file))

    assert refused.returncode == 1
    assert drill.file.read_bytes() == whole
    assert [path for path in drill.file.parent.iterdir() if path.name.startswith(".")] == []


def rewrite(file: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Write the archive anew with parts changed or left out, each with its right checksum."""
    with zipfile.ZipFile(file) as archive:
        parts = [(part.filename, archive.read(part)) for part in archive.infolist()]
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts:
            if (changed := change(name, content)) is not None:
                archive.writestr(name, changed)


def in_manifest(change: Callable[[core_backup.Manifest], None]) -> Callable[[str, bytes], bytes]:
    def changed(name: str, content: bytes) -> bytes:
        if name != core_backup.MANIFEST:
            return content
        manifest = json.loads(content)
        change(manifest)
        return json.dumps(manifest).encode()

    return changed


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        byte = opened.read(1)
        opened.seek(-1, 1)
        opened.write(bytes([byte[0] ^ 1]))


def add_part(name: str) -> Callable[[Path], None]:
    def add(file: Path) -> None:
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(name, b"planted")

    return add


def add_link(file: Path) -> None:
    with zipfile.ZipFile(file, "a") as archive:
        link = zipfile.ZipInfo("files/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, b"/etc/passwd")


def plant(path: str) -> Callable[[Path], None]:
    """A file that the manifest vouches for too, as who has a key of the ring, or needs none, can write it."""
    kept = {"size": 7, "sha256": hashlib.sha256(b"planted").hexdigest()}

    def add(file: Path) -> None:
        with zipfile.ZipFile(file) as archive:
            [ring_id, _] = archive.read(core_backup.MAC).decode().split(":")
        rewrite(file, in_manifest(lambda manifest: manifest["files"].update({path: kept})))
        # A key that is not in the ring: nobody can tell that the manifest was changed.
        unknown = f"{'0' * len(ring_id)}:0".encode()
        rewrite(file, lambda name, content: unknown if name == core_backup.MAC else content)
        add_part(core_backup.FILES + path)(file)

    return add


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (cut, "damaged"),
    "a byte": (flip, "damaged"),
    "empty": (lambda file: file.write_text(""), "damaged"),
    "no archive": (lambda file: file.write_text("hello" * 1000), "damaged"),
    "a file changed": (lambda file: rewrite(file, lambda n, c: c[:-1] if n.endswith(FILE) else c), "damaged"),
    "the dump changed": (lambda file: rewrite(file, lambda n, c: c + b"x" if n == core_backup.DUMP else c), "damaged"),
    "a file left out": (lambda file: rewrite(file, lambda n, c: None if n.endswith(FILE) else c), "damaged"),
    "no mac": (lambda file: rewrite(file, lambda n, c: None if n == core_backup.MAC else c), "damaged"),
    "a file added": (add_part("files/planted"), "damaged"),
    "a way out": (add_part("files/../../planted"), "damaged"),
    "an absolute path": (plant("/etc/planted"), "damaged"),
    "a way up": (plant("letters/../../planted"), "damaged"),
    "a path in another way": (plant("./letters//planted"), "damaged"),
    "a link": (add_link, "damaged"),
    "sums changed": (lambda file: rewrite(file, in_manifest(lambda m: m["tables"].update(x=1))), "changed after"),
    "newer": (lambda file: rewrite(file, in_manifest(lambda m: m["migrations"].append("core.9999_x"))), "newer"),
    "newer form": (lambda file: rewrite(file, in_manifest(lambda m: m.update(form=99))), "newer"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_not_as_it_was_written_is_refused(drill, tmp_path, damage):
    file = tmp_path / "tenpo.zip"
    shutil.copy2(drill.file, file)
    harm, said = DAMAGES[damage]
    harm(file)

    with pytest.raises(OperatorError, match=said):
        core_backup.open_backup(file, drill.ring, lambda text: None)


def test_a_restore_that_fails_half_way_leaves_nothing(drill, tmp_path):
    """The dump is no dump, and the manifest vouches for it: only the loading itself notices."""
    file = tmp_path / "tenpo.zip"
    shutil.copy2(drill.file, file)
    with zipfile.ZipFile(file) as archive:
        dump = archive.read(core_backup.DUMP)[:-1000]
        manifest = json.loads(archive.read(core_backup.MANIFEST))
    manifest["database"] = {"size": len(dump), "sha256": hashlib.sha256(dump).hexdigest()}
    text = json.dumps(manifest).encode()
    mac = core_backup._mac(keys.newest(drill.ring), text).encode()
    new = {core_backup.DUMP: dump, core_backup.MANIFEST: text, core_backup.MAC: mac}
    rewrite(file, lambda name, content: new.get(name, content))
    place = drill.empty_place()

    refused = place.tenpo("restore", str(file))

    assert refused.returncode == 1
    assert "pg_restore failed" in refused.stderr
    assert sorted(path.name for path in place.data_dir.iterdir()) == ["keys", "secret_key"]


@pytest.mark.parametrize("way", ["{elsewhere}/planted", "../planted", "letters/../../planted", "letters//planted"])
def test_no_file_is_put_or_read_outside_of_the_folder(tmp_path, way):
    """Even when what is unpacked was not looked at before."""
    path = way.format(elsewhere=tmp_path)
    file, folder = tmp_path / "tenpo.zip", tmp_path / "data" / "files"
    folder.parent.mkdir()
    add_part(core_backup.FILES + path)(file)
    kept = {"size": 7, "sha256": hashlib.sha256(b"planted").hexdigest()}
    found = core_backup.Backup(file, {"files": {path: kept}}, [])

    with pytest.raises(OperatorError, match="outside"):
        core_backup.unpack_files(found, folder, lambda text: None)

    assert list(folder.rglob("*")) == []
    assert list(tmp_path.rglob("planted")) == []


@pytest.mark.parametrize("name", ["letters\\agreement.pdf", "..\\planted", "C:\\agreement.pdf"])
def test_a_name_with_a_backslash_comes_back_as_it_was(tmp_path, name):
    """It is a character like others here, and a backup that holds one must not be of no use."""
    (tmp_path / "stored").mkdir()
    (tmp_path / "stored" / name).write_bytes(b"signed")
    file, folder = tmp_path / "tenpo.zip", tmp_path / "files"
    with zipfile.ZipFile(file, "w") as archive:
        files = dict(core_backup._store_files(archive, tmp_path / "stored", lambda text: None))
    with zipfile.ZipFile(file) as archive:
        assert core_backup._are_plain(archive)

    core_backup.unpack_files(core_backup.Backup(file, {"files": files}, []), folder, lambda text: None)

    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*")] == [name]
    assert (folder / name).read_bytes() == b"signed"


def test_a_link_that_is_there_already_leads_nowhere(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "letters").symlink_to("/etc")

    with pytest.raises(OperatorError, match="outside"):
        core_backup._below(tmp_path / "files", "letters/passwd")


@pytest.mark.django_db
def test_what_is_only_late_does_not_refuse_a_backup_of_yesterday():
    user, yesterday = make_user(), timezone.now() - timedelta(days=1)
    OutboxMessage.objects.create(
        consumer="any",
        event_id=user.pk,
        name="any",
        subject_id=user.pk,
        published_at=yesterday,
        next_attempt_at=yesterday,
    )
    assert [fault.name for fault in find_faults()] == ["event-is-passed-on-or-given-up"]

    cli_backup._refuse_faults()
