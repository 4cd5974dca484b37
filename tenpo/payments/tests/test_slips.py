"""What somebody needs to pay by bank transfer, in words and as a code that banking apps scan."""

import re

import pytest
from django.db import connection
from django.utils import translation
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode
from qrcode.util import MODE_8BIT_BYTE, QRData

from tenpo.checkout.tests.make import make_top_up
from tenpo.core.business import forget_business
from tenpo.core.models import Business
from tenpo.core.qr import code_of
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.payments.models import Payment
from tenpo.payments.providers import offered_providers
from tenpo.payments.slips import Slip, slip_for
from tenpo.people.tests.make import make_member
from tests.migrations import sql_of


def slip(**changes: object) -> Slip:
    usual: dict[str, object] = {
        "holder": "Nordlicht GmbH", "iban": "DE02120300000000202051", "bic": "BYLADEM1001", "bank": "DKB",
        "reference": "7KQ2M9XAFT", "amount": 1_250, "currency": "EUR",
    }  # fmt: skip
    return Slip(**(usual | changes))  # type: ignore[arg-type]


def test_the_code_holds_what_the_standard_asks_for():
    assert slip().epc == (
        "BCD\n002\n1\nSCT\nBYLADEM1001\nNordlicht GmbH\nDE02120300000000202051\nEUR12.50\n\n\n7KQ2M9XAFT"
    )


@pytest.mark.parametrize(
    ("amount", "written"), [(1, "EUR0.01"), (100, "EUR1"), (105, "EUR1.05"), (99_999_999_999, "EUR999999999.99")]
)
def test_an_amount_is_written_with_a_point_in_every_language(amount, written):
    with translation.override("de"):
        assert slip(amount=amount).epc.split("\n")[7] == written


def test_within_the_economic_area_no_bic_is_needed_elsewhere_it_is():
    assert slip(bic="").epc.split("\n")[4] == ""
    assert slip(iban="CH9300762011623852957", bic="").epc == ""
    assert slip(iban="CH9300762011623852957", bic="POFICHBEXXX").epc


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "CHF"},
        {"iban": ""},
        {"iban": "SA0380000000608010167519"},
        {"amount": 0},
        {"amount": 100_000_000_000},
        {"holder": "\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 70, "reference": "x" * 80},
    ],
    ids=["other currency", "no account", "not reached by SEPA", "nothing", "too much", "too long"],
)
def test_what_the_standard_has_no_way_for_has_no_code(changes):
    assert slip(**changes).epc == ""
    assert slip(**changes).code is None


def test_the_picture_shows_just_the_squares_of_the_code():
    text = slip(holder="Café Übung e. V.").epc
    wanted = QRCode(error_correction=ERROR_CORRECT_M, border=4)
    wanted.add_data(QRData(text.encode(), mode=MODE_8BIT_BYTE))
    wanted.make(fit=True)

    drawn = code_of(text)

    squares = [[False] * drawn.size for _row in range(drawn.size)]
    for x, y, run, back in re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", drawn.path):
        assert run == back
        for at in range(int(x), int(x) + int(run)):
            assert not squares[int(y)][at]
            squares[int(y)][at] = True
    assert squares == wanted.get_matrix()
    # White around it, or no telephone finds it.
    assert not any(any(row) for row in [*squares[:4], *squares[-4:]])


def test_the_amount_is_typed_as_the_reader_types():
    assert slip().amount_to_type == "12.50"
    with translation.override("de"):
        assert slip().amount_to_type == "12,50"


@pytest.mark.django_db
def test_it_names_the_account_of_the_business_and_only_what_it_has():
    make_account_to_pay_to(bank_bic="")

    account = dict(slip_for("7KQ2M9XAFT", amount=1_250, currency="EUR").account)

    assert account == {"To": "Nordlicht GmbH", "IBAN": "DE02 1203 0000 0000 2020 51", "Bank": "DKB"}


@pytest.mark.django_db
def test_without_an_account_it_names_none():
    assert slip_for("7KQ2M9XAFT", amount=1_250, currency="EUR").account == []


@pytest.mark.django_db
def test_bank_transfer_is_offered_where_the_business_takes_it():
    assert "transfer" not in offered_providers()

    make_account_to_pay_to()

    assert "transfer" in offered_providers()


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["transfer", "payroll"])
def test_who_was_paid_by_transfer_before_there_was_an_account_goes_on(way):
    Business.objects.update_or_create(only=True)
    payment = make_top_up(make_member(), 1_000)
    Payment.objects.filter(pk=payment.pk).update(provider=way)

    with connection.cursor() as cursor:
        cursor.execute(sql_of("payments", "0024_transfers_go_on"))

    forget_business()
    assert ("transfer" in offered_providers()) is (way == "transfer")
