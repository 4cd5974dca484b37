"""OWASP's ASVS 5.0 to level 2: each requirement has its line in docs/asvs.csv, and what the lines name is there."""

import ast
import csv
import re
from functools import cache

import pytest

from tenpo.runtime.env import ROOT

TABLE = ROOT / "docs" / "asvs.csv"
COLUMNS = ["id", "level", "subject", "state", "evidence"]
STATES = {"tested", "by design", "operator", "not applicable", "open"}
# What the standard has, by level; of level 3 those that money and children's data want.
BY_LEVEL = {"1": 70, "2": 183}
FROM_LEVEL_3 = {
    "V1.2.10", "V2.3.5", "V5.2.4", "V5.2.5", "V5.2.6", "V8.3.2", "V14.2.6", "V14.2.7", "V14.2.8", "V15.4.2",
}  # fmt: skip
TEST = re.compile(r"([\w./-]+\.py)::(\w+)")
FILE = re.compile(r"\b(?:tenpo|tests|docs|scripts)/[\w./-]*\w")

with TABLE.open(newline="") as _file:
    LINES = list(csv.DictReader(_file))


@cache
def functions_in(path: str) -> frozenset[str]:
    """The names of the functions in a file, its tests among them."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_requirement_has_one_line():
    ids = [line["id"] for line in LINES]

    assert list(LINES[0]) == COLUMNS
    assert len(set(ids)) == len(ids)
    assert {level: [line["level"] for line in LINES].count(level) for level in BY_LEVEL} == BY_LEVEL
    assert {line["id"] for line in LINES if line["level"] not in BY_LEVEL} == FROM_LEVEL_3
    assert ids == sorted(ids, key=lambda id_: [int(part) for part in id_[1:].split(".")])


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["id"])
def test_what_a_line_says_is_there(line: dict[str, str]):
    assert all(line[column].strip() for column in COLUMNS)
    assert line["state"] in STATES
    named = TEST.findall(line["evidence"])
    assert named or line["state"] != "tested", "what is tested names its test"
    assert [f"{path}::{name}" for path, name in named if not name.startswith("test_")] == []
    missing = [f"{path}::{name}" for path, name in named if name not in functions_in(path)]
    assert missing == []
    assert [path for path in FILE.findall(line["evidence"]) if not (ROOT / path).exists()] == []


def test_the_promises_name_tests_that_are_there():
    text = (ROOT / "docs" / "security.md").read_text()
    named = re.findall(r"`((?:\w+/)?tests[\w/.]*)`", text)

    assert named
    assert [path for path in named if not ((ROOT / path).exists() or (ROOT / "tenpo" / path).exists())] == []
