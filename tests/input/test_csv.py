"""No export holds a cell that a spreadsheet would run, whatever people call themselves and their sessions."""

import ast
import csv
from typing import Any

import pytest
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat

from tenpo.audit.actions import record
from tenpo.payments.models import Grant, Payment
from tenpo.people.models import Participant, User
from tenpo.runtime.env import ROOT
from tenpo.schedule.models import Session
from tests.matrix.asking import ask
from tests.matrix.table import Row, rows

EXPORTS = sorted({row for row in rows() if "csv" in row.path}, key=str)
STARTS = (
    "=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "\u00a0=", "\u3000=", "x\n=", "\uff1d", "\uff0b", "\uff0d", "\uff20",
)  # fmt: skip
COMMAND = "cmd|'/c calc'!A1"


def plant(start: str) -> None:
    """Begin every text that people may choose with what a spreadsheet takes for a formula."""
    text = f"{start}{COMMAND}"
    User.objects.update(name=text)
    # A guest stands once on somebody's list, so each has a number.
    Participant.objects.update(name=Concat(Value(f"{text} "), Cast("pk", CharField())))
    Session.objects.update(title=text)
    Payment.objects.update(description=text, method=text)
    Grant.objects.update(reason=text)
    record("user.changed", by=User.objects.all()[0], on=User.objects.all()[0])


def cells(world: Any, row: Row) -> list[str]:
    actor = "member" if row.path.startswith("/me/") else "boss" if row.path.startswith("/api/") else "admin"
    answer = ask(world, row, actor)
    assert answer.headers["Content-Type"].startswith("text/csv")
    return [cell for line in csv.reader(answer.text.splitlines(keepends=True)) for cell in line]


def runs(cell: str) -> bool:
    """Whether a spreadsheet would take the cell for more than text or a number."""
    try:
        float(cell)
    except ValueError:
        return cell.strip().startswith(("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")) or "\n" in cell
    return False


@pytest.mark.parametrize("row", EXPORTS, ids=str)
def test_no_cell_is_run(business, row):
    for start in STARTS:
        plant(start)
        found = cells(business, row)
        assert [cell for cell in found if runs(cell)] == [], start
        # What was planted is there, as text.
        assert any(COMMAND in cell for cell in found), start


def test_amounts_stay_numbers(business):
    found = cells(business, next(row for row in EXPORTS if row.path.endswith("journal.csv")))

    assert any(cell.replace(".", "").isdigit() and "." in cell for cell in found)


def test_every_export_is_tried():
    """An export is a call of `csv_answer`; only the demo, for its import, and a batch of coins write such files too."""
    made, others = 0, []
    for path in (ROOT / "tenpo").rglob("*.py"):
        if {"tests", "demo"} & set(path.parts) or path.match("core/csv.py") or path.match("payout_methods/crypto.py"):
            continue
        text = path.read_text()
        called = [ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        made += called.count("csv_answer")
        others += [path] * bool({"csv.writer", "csv.DictWriter", "csv_lines"} & set(called))

    assert (made, others) == (len(EXPORTS), [])


@pytest.mark.control
def test_a_cell_that_is_left_as_it_is_is_seen(business, monkeypatch):
    monkeypatch.setattr("tenpo.core.csv.neutral", lambda value: value)

    with pytest.raises(AssertionError):
        test_no_cell_is_run(business, next(row for row in EXPORTS if row.path.endswith("payments.csv")))
