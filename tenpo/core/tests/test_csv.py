import csv

import pytest

from tenpo.core.csv import csv_lines, neutral
from tenpo.core.money import major_units


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\t=", "\n=", "\uff1d", "\xa0="])
def test_nothing_that_a_spreadsheet_would_run_is_left(start):
    assert str(neutral(f"{start}cmd|'/c calc'!A0")).startswith("'")


@pytest.mark.parametrize(
    ("value", "cell"), [(12, 12), (-12, -12), (1.5, 1.5), (None, ""), ("Anna", "Anna"), (True, "True")]
)
def test_harmless_values_stay_as_they_are(value, cell):
    assert neutral(value) == cell


def test_a_line_break_inside_a_cell_becomes_a_space():
    assert neutral("a\n=b") == "a =b"


def test_lines_are_read_back_whole():
    lines = list(csv_lines(["Name", "Note"], [["Anna, B.", 'says "hi"'], ["=1", -3]]))

    assert lines[0].startswith("\ufeff")
    assert list(csv.reader(lines)) == [["\ufeffName", "Note"], ["Anna, B.", 'says "hi"'], ["'=1", "-3"]]


def test_amounts_have_all_of_their_cents_and_stay_numbers():
    cells = [major_units(800, "EUR"), major_units(0, "EUR"), major_units(-1_250, "EUR"), major_units(1_200, "JPY")]

    [_header, line] = csv_lines(["a", "b", "c", "d"], [cells])

    assert line == "8.00,0.00,-12.50,1200\r\n"
