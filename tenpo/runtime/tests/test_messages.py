import os
from pathlib import Path

from tenpo.runtime.messages import compile_stale

SOURCE = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Yes"\nmsgstr "Ja"\n'


def make_catalogue(folder: Path) -> Path:
    path = folder / "de" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(SOURCE)
    return path


def test_a_new_catalogue_is_compiled_once(tmp_path):
    source = make_catalogue(tmp_path)

    assert compile_stale(tmp_path) == [source]
    assert compile_stale(tmp_path) == []
    assert sorted(path.name for path in source.parent.iterdir()) == ["django.mo", "django.po"]


def test_a_changed_catalogue_is_compiled_again(tmp_path):
    source = make_catalogue(tmp_path)
    compile_stale(tmp_path)
    later = source.with_suffix(".mo").stat().st_mtime_ns + 1
    os.utime(source, ns=(later, later))

    assert compile_stale(tmp_path) == [source]


def test_a_folder_that_cannot_be_written_to_is_no_failure(tmp_path, monkeypatch, caplog):
    make_catalogue(tmp_path)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr("tempfile.mkstemp", refuse)

    assert compile_stale(tmp_path) == []
    assert "translations_not_compiled" in caplog.text
