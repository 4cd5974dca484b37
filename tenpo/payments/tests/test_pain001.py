from datetime import date
from typing import Any
from xml.etree import ElementTree

import pytest
import sepaxml.validation
from hypothesis import given, settings
from hypothesis import strategies as st

from tenpo.payments.payout_methods.pain001 import SCHEMA, CreditTransfer, Debtor, write_file

DEBTOR = Debtor(name="Nordlicht GmbH", iban="DE89370400440532013000", bic="COBADEFFXXX")
DAY = date(2030, 3, 1)
NAMES = {"": f"urn:iso:std:iso:20022:tech:xsd:{SCHEMA}"}


def transfer(number: int = 1, **changes: Any) -> CreditTransfer:
    values: dict[str, Any] = {
        "reference": f"{number:032x}",
        "name": "Mia Berg",
        "iban": "AT611904300234573201",
        "bic": "",
        "amount": 1200,
        "text": "Payout",
    }
    return CreditTransfer(**(values | changes))


def read(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.encode())  # noqa: S314 (our own)


def texts(file: ElementTree.Element, path: str) -> list[str | None]:
    return [one.text for one in file.iterfind(path, NAMES)]


def test_the_file_says_who_pays_whom_how_much_and_when():
    file = read(write_file(DEBTOR, [transfer(1), transfer(2, amount=5, bic="BKAUATWW")], on=DAY))

    assert texts(file, ".//DbtrAcct/Id/IBAN") == [DEBTOR.iban]
    assert texts(file, ".//DbtrAgt/FinInstnId/BICFI") == [DEBTOR.bic]
    assert texts(file, ".//ReqdExctnDt/Dt") == ["2030-03-01"]
    assert texts(file, ".//CdtrAcct/Id/IBAN") == ["AT611904300234573201"] * 2
    assert texts(file, ".//CdtrAgt/FinInstnId/BICFI") == ["BKAUATWW"]
    assert texts(file, ".//InstdAmt") == ["12.00", "0.05"]
    assert [one.get("Ccy") for one in file.iterfind(".//InstdAmt", NAMES)] == ["EUR", "EUR"]
    assert texts(file, ".//EndToEndId") == [f"{1:032x}", f"{2:032x}"]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=12))
def test_its_number_and_sums_are_those_of_its_payments(amounts):
    file = read(write_file(DEBTOR, [transfer(n, amount=amount) for n, amount in enumerate(amounts)], on=DAY))

    cents = sum(amounts)
    assert texts(file, ".//NbOfTxs") == [str(len(amounts))] * 2
    assert texts(file, ".//CtrlSum") == [f"{cents // 100}.{cents % 100:02}"] * 2


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=200))
def test_whatever_a_name_holds_stays_a_name(text):
    file = read(write_file(DEBTOR, [transfer(name=f"Mia {text}", text=f"Payout {text}")], on=DAY))

    assert len(texts(file, ".//CdtTrfTxInf")) == 1
    assert texts(file, ".//InstdAmt") == ["12.00"]


def test_a_name_is_no_markup():
    name = "</Nm><Nm>Eve</Nm>&eve;"

    file = read(write_file(DEBTOR, [transfer(name=name)], on=DAY))

    assert texts(file, ".//Cdtr/Nm") == ["Nm Nm Eve /Nm eve"]


def test_two_files_are_never_taken_for_one():
    one, two = (read(write_file(DEBTOR, [transfer()], on=DAY)) for _ in range(2))

    assert texts(one, ".//MsgId") != texts(two, ".//MsgId")


def test_a_file_that_its_schema_refuses_is_not_written():
    with pytest.raises(sepaxml.validation.ValidationError):
        write_file(DEBTOR, [transfer(iban="NOT AN IBAN")], on=DAY)
