"""How a payment was paid, and what for, is kept in one language and read in that of the reader."""

import pytest
from django.utils import translation

from tenpo.notify.kinds import Facts
from tenpo.payments.method_words import say_method, say_method_within
from tenpo.payments.models import Payment
from tenpo.payments.providers import PROVIDERS
from tenpo.payments.providers.manual import Manual


@pytest.mark.parametrize(
    ("kept", "english", "german", "within"),
    [
        ("Bank transfer", "Bank transfer", "Überweisung", "bank transfer"),
        ("Payroll", "Payroll", "Gehaltsabzug", "payroll"),
        ("Card •••• 4242", "Card •••• 4242", "Karte •••• 4242", "Card •••• 4242"),
        ("Visa •••• 4242", "Visa •••• 4242", "Visa •••• 4242", "Visa •••• 4242"),
        ("", "", "", ""),
    ],
)
def test_a_method_is_said_in_the_readers_words(kept, english, german, within):
    assert (say_method(kept), say_method_within(kept)) == (english, within)
    with translation.override("de"):
        assert say_method(kept) == german
        assert say_method_within(kept) == german


def test_each_provider_has_words_for_what_it_keeps_and_where_it_said_nothing_yet():
    for provider in PROVIDERS.values():
        with translation.override("de"):
            assert say_method(provider.name) == str(provider.label)
            if isinstance(provider, Manual):
                assert say_method(provider.method) == str(provider.label)


def test_a_top_up_is_called_so_in_the_readers_words_and_a_booking_as_its_session():
    top_up = Payment(purpose=Payment.Purpose.TOP_UP, description="Top-up of a wallet", provider="transfer")
    order = Payment(purpose=Payment.Purpose.ORDER, description="Morning yoga", method="Payroll")

    with translation.override("de"):
        assert (top_up.said_description, top_up.said_method) == ("Aufladung einer Geldbörse", "Überweisung")
        assert (order.said_description, order.said_method) == ("Morning yoga", "Gehaltsabzug")


def test_several_coaches_are_joined_by_the_words_of_who_is_told():
    facts = Facts({"coach": ["Maya Berg", "Elena Rossi"]})

    assert facts["coach"] == "Maya Berg and Elena Rossi"
    with translation.override("de"):
        assert facts["coach"] == "Maya Berg und Elena Rossi"
    assert Facts({"coach": ["Maya Berg"]})["coach"] == Facts({"coach": "Maya Berg"})["coach"] == "Maya Berg"
