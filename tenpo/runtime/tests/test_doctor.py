from pathlib import Path

import pytest

from tenpo.runtime.doctor import _address
from tenpo.runtime.installation import demo_accounts_file


@pytest.mark.parametrize(
    ("address", "state"), [("https://coaching.example.com", "problem"), ("http://localhost:8000", "ok")]
)
def test_a_demo_on_a_public_address_is_a_problem(monkeypatch, tmp_path: Path, address: str, state: str):
    monkeypatch.setenv("TENPO_URL", address)
    monkeypatch.setenv("TENPO_TRUSTED_PROXIES", "1")
    assert [finding.state for finding in _address(tmp_path)] == ["ok"]

    demo_accounts_file(tmp_path).write_text("[]")

    assert [finding.state for finding in _address(tmp_path)] == [state]
