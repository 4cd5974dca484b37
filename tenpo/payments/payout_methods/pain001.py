"""The file by which a bank is told to pay many people: SEPA credit transfers as pain.001 has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sepaxml import SepaTransfer

from tenpo.payments.formats import for_banks

# What European banks take since 2023.
SCHEMA = "pain.001.001.09"
CURRENCY = "EUR"
NAME_LENGTH, TEXT_LENGTH, REFERENCE_LENGTH = 70, 140, 35


@dataclass(frozen=True)
class Debtor:
    """Whose account the money leaves."""

    name: str
    iban: str
    bic: str


@dataclass(frozen=True)
class CreditTransfer:
    """One payment of the file: `amount` in cents, `reference` comes back in the bank's statement."""

    reference: str
    name: str
    iban: str
    bic: str
    amount: int
    text: str


def write_file(debtor: Debtor, transfers: Sequence[CreditTransfer], *, on: date) -> str:
    """The whole file, to be carried out on a day; valid by its schema, with its number and sums.

    Each file that is written is another one for a bank: keep it, rather than write it twice.
    """
    assert transfers, "a file without payments is none"
    config = {"name": for_banks(debtor.name, NAME_LENGTH), "IBAN": debtor.iban, "BIC": debtor.bic, "batch": True}
    file = SepaTransfer({**config, "currency": CURRENCY}, schema=SCHEMA)
    for one in transfers:
        assert one.amount > 0
        assert len(one.reference) <= REFERENCE_LENGTH
        payment = {
            "name": for_banks(one.name, NAME_LENGTH),
            "IBAN": one.iban,
            "amount": one.amount,
            "execution_date": on,
            "description": for_banks(one.text, TEXT_LENGTH),
            "endtoend_id": one.reference,
        }
        file.add_payment(payment | ({"BIC": one.bic} if one.bic else {}))
    written: bytes = file.export(validate=True)
    return written.decode()
