"""Static files of a new release come beside those of the old one, which old code serves on."""

import json
import os
import time
from pathlib import Path

import pytest
from django.core.management import CommandError
from whitenoise import WhiteNoise
from whitenoise.responders import StaticFile

from tenpo.runtime import upgrade

DAYS = 24 * 3600
LONG = "// long enough to be compressed\n" * 50
PLAIN: dict[str, str] = {}
COMPRESSED = {"HTTP_ACCEPT_ENCODING": "gzip"}


class Releases:
    """Releases that bring static files into one data folder, one after the other."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.source, self.data_dir, self.static = folder / "source", folder, folder / "static"
        self.source.mkdir()
        self.monkeypatch = monkeypatch
        self.count = 0

    def bring(self, **files: str) -> dict[str, str]:
        """Gather these files, by their name without `.js`; returns the name under which each is served now."""
        for file in self.source.iterdir():
            file.unlink()
        for name, text in files.items():
            (self.source / f"{name}.js").write_text(text)
        self.gather()
        paths = json.loads((self.static / "staticfiles.json").read_text())["paths"]
        return {name.removesuffix(".js"): hashed for name, hashed in paths.items()}

    def gather(self) -> None:
        self.count += 1
        self.monkeypatch.setattr(upgrade, "static_fingerprint", lambda: f"release {self.count}")
        upgrade.collect_static(self.data_dir)

    def process(self) -> WhiteNoise:
        """What a process that starts now serves: it looks at the folder once."""
        return WhiteNoise(None, root=self.static, prefix="static")

    def written(self) -> dict[Path, tuple[int, int]]:
        """What is there, and when it was written."""
        found = {file: file.stat() for file in self.static.rglob("*")}
        return {file: (stat.st_ino, stat.st_mtime_ns) for file, stat in found.items()}

    def grow_old(self, name: str, seconds: float) -> None:
        for file in self.static.glob(f"{name}*"):
            os.utime(file, (time.time() - seconds, time.time() - seconds))


@pytest.fixture
def releases(settings, tmp_path, monkeypatch):
    found = Releases(tmp_path, monkeypatch)
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [found.source]
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": "tenpo.core.staticfiles.JoinedStyleStorage"}}
    return found


def served(process: WhiteNoise) -> dict[str, list[bytes]]:
    """Everything that a process serves and pages ask for, plain and compressed, read to the end."""
    files = {url: file for url, file in process.files.items() if url != f"/static/{upgrade.MANIFEST}"}
    return {url: [read(file, environ) for environ in (PLAIN, COMPRESSED)] for url, file in files.items()}


def read(file: StaticFile, environ: dict[str, str]) -> bytes:
    answer = file.get_response("GET", environ)
    with answer.file as opened:
        content: bytes = opened.read()
    assert len(content) == int(dict(answer.headers)["Content-Length"])
    return content


def test_old_code_serves_on_what_it_served_and_new_code_serves_both(releases):
    first = releases.bring(app=f"{LONG}1", gone=LONG, same=LONG)
    old = releases.process()
    before = served(old)

    second = releases.bring(app=f"{LONG}2", same=LONG)

    assert served(old) == before
    assert second["app"] != first["app"]
    assert set(served(releases.process())) == {*before, f"/static/{second['app']}"}
    assert (releases.static / f"{second['app']}.gz").exists()
    assert upgrade.is_static_current(releases.data_dir)


def test_what_is_the_same_is_not_written_again(releases):
    name = releases.bring(app="1", same=LONG)["same"]
    before = releases.written()

    releases.bring(app="2", same=LONG)

    assert releases.written()[releases.static / name] == before[releases.static / name]


def test_a_file_goes_a_day_after_it_left_the_manifest(releases):
    first = releases.bring(app="1", same="same")
    # It was there for long when it left: its age counts from then on.
    releases.grow_old(first["app"], 100 * DAYS)
    releases.grow_old(first["same"], 100 * DAYS)
    second = releases.bring(app="2", same="same")
    assert (releases.static / first["app"]).exists()

    releases.grow_old(first["app"], upgrade.STATIC_KEPT_SECONDS - 60)
    releases.bring(app="3", same="same")
    assert (releases.static / first["app"]).exists()

    releases.grow_old(first["app"], upgrade.STATIC_KEPT_SECONDS + 60)
    fourth = releases.bring(app="4", same="same")
    assert not (releases.static / first["app"]).exists()
    assert all((releases.static / name).exists() for name in (second["app"], *fourth.values()))


def test_the_compressed_form_goes_with_its_file(releases):
    first = releases.bring(app=f"{LONG}1")
    releases.grow_old(first["app"], 100 * DAYS)
    releases.bring(app=f"{LONG}2")
    assert (releases.static / f"{first['app']}.gz").exists()

    releases.grow_old(first["app"], 100 * DAYS)
    releases.bring(app=f"{LONG}3")

    assert list(releases.static.glob(f"{first['app']}*")) == []


def test_a_release_whose_files_cannot_be_gathered_changes_nothing(releases):
    releases.bring(app="1")
    old, before = releases.process(), releases.written()
    (releases.source / "half.css").write_text("@import url('missing.css');")

    with pytest.raises(CommandError, match=r"missing\.css"):
        releases.gather()

    assert releases.written() == before
    assert served(old)
