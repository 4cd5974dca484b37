"""The key ring: made once, several keys, and clear words when something is wrong with it."""

import threading

import pytest

from tenpo.runtime import keys
from tenpo.runtime.errors import OperatorError


@pytest.fixture(autouse=True)
def no_keys_given(monkeypatch):
    monkeypatch.delenv("TENPO_KEYS", raising=False)


def test_the_first_key_is_made_once_and_only_ours(tmp_path):
    found: list[keys.Ring] = []
    threads = [threading.Thread(target=lambda: found.append(keys.load(tmp_path))) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert all(ring == found[0] for ring in found)
    assert len(found[0]) == 1
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_the_last_key_encrypts_and_a_change_of_the_file_is_noticed(tmp_path):
    first = keys.load(tmp_path)
    key = keys.new_key()

    keys.save(tmp_path, {**first, key.id: key})

    assert list(keys.load(tmp_path)) == [*first, key.id]
    assert keys.newest(keys.load(tmp_path)) == key
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600


def test_the_environment_goes_first_and_is_not_written(tmp_path, monkeypatch):
    old, new = keys.new_key(), keys.new_key()
    monkeypatch.setenv("TENPO_KEYS", f"{old.entry},{new.entry}")

    assert keys.newest(keys.load(tmp_path)) == new
    with pytest.raises(OperatorError, match="TENPO_KEYS"):
        keys.save(tmp_path, {new.id: new})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", ["cut", "other id", "no key", "not base64", "empty"])
def test_a_damaged_ring_is_refused_without_quoting_it(tmp_path, change):
    key = keys.new_key()
    secret = key.entry.partition(":")[2]
    text = {
        "cut": key.entry[:-8],
        "other id": f"00000000:{secret}",
        "no key": f"{key.id}:",
        "not base64": f"{key.id}:§{secret}",
        "empty": "\n",
    }[change]
    (tmp_path / "keys").write_text(text)

    with pytest.raises(OperatorError, match="keys") as refusal:
        keys.load(tmp_path)

    assert secret[:12] not in str(refusal.value)


def test_a_key_shows_its_id_alone():
    key = keys.new_key()

    assert repr(key) == f"Key({key.id})"
