import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from tenpo.payments.formats import (
    check_bic,
    check_bitcoin,
    check_email,
    check_ethereum,
    check_iban,
    check_sepa_iban,
    for_banks,
    in_fours,
    masked,
    masked_email,
)

# The registry's own examples.
IBANS = (
    "DE89370400440532013000",
    "AT611904300234573201",
    "CH9300762011623852957",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "GB29NWBK60161331926819",
    "MT84MALT011000012345MTLCAST001S",
    "NO9386011117947",
)
# Right, but not reached by SEPA.
FAR_AWAY = "SA0380000000608010167519"
# Of BIP 173, BIP 350, BIP 341's own tests, and two of the old kind.
BITCOIN = (
    "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
)
# EIP-55's own examples.
ETHEREUM = (
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
)


def other_than(letter: str, alphabet: str) -> st.SearchStrategy[str]:
    return st.sampled_from([one for one in alphabet if one != letter])


@st.composite
def with_one_other_digit(draw: st.DrawFn) -> str:
    """An IBAN of which one digit was mistyped."""
    number = draw(st.sampled_from(IBANS))
    place = draw(st.sampled_from([place for place, letter in enumerate(number) if letter.isdigit()]))
    return number[:place] + draw(other_than(number[place], "0123456789")) + number[place + 1 :]


@st.composite
def with_two_swapped(draw: st.DrawFn) -> str:
    """An IBAN of which two neighbouring digits were swapped."""
    number = draw(st.sampled_from(IBANS))
    places = [
        place
        for place in range(2, len(number) - 1)
        if number[place : place + 2].isdigit() and number[place] != number[place + 1]
    ]
    place = draw(st.sampled_from(places))
    return number[:place] + number[place + 1] + number[place] + number[place + 2 :]


@st.composite
def mistyped(draw: st.DrawFn, of: tuple[str, ...], alphabet: str) -> str:
    """An address of which one character behind its beginning is another one."""
    text = draw(st.sampled_from(of))
    place = draw(st.integers(4, len(text) - 1))
    return text[:place] + draw(other_than(text[place], alphabet)) + text[place + 1 :]


@pytest.mark.parametrize("number", IBANS)
def test_an_iban_is_taken_however_it_is_spaced(number):
    spaced = " ".join(number[at : at + 4] for at in range(0, len(number), 4)).lower()

    assert check_iban(f" {spaced} ") == number


@settings(max_examples=400, deadline=None)
@given(with_one_other_digit())
def test_an_iban_with_one_other_digit_is_refused(number):
    with pytest.raises(ValidationError):
        check_iban(number)


@settings(max_examples=200, deadline=None)
@given(with_two_swapped())
def test_an_iban_with_two_swapped_digits_is_refused(number):
    with pytest.raises(ValidationError):
        check_iban(number)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "DE",
        "DE8937040044053201300",  # too short
        "XX89370400440532013000",  # no such country
        "DE00370400440532013000",
        FAR_AWAY,
        "9" * 10_000,
        "DE89 3704 0044 0532 0130 ００",  # digits of another script
        "DE89\x00370400440532013000",
    ],
    ids=["empty", "country alone", "short", "no country", "check digits", "far away", "long", "other digits", "nul"],
)
def test_what_is_no_iban_of_sepa_is_refused(number):
    with pytest.raises(ValidationError):
        check_sepa_iban(number)


def test_an_iban_of_elsewhere_is_one_too_but_nothing_can_be_sent_there_by_sepa():
    assert check_iban("SA03 8000 0000 6080 1016 7519") == FAR_AWAY

    with pytest.raises(ValidationError, match="SEPA"):
        check_sepa_iban(FAR_AWAY)


@pytest.mark.parametrize("number", IBANS)
def test_an_iban_is_read_in_fours(number):
    read = in_fours(number)

    assert in_fours(read) == read
    assert check_iban(read) == number
    assert {len(part) for part in read.split(" ")[:-1]} == {4}


def test_a_bic_is_of_8_or_11_characters():
    assert check_bic("cobadeff") == "COBADEFF"
    assert check_bic("COBADEFF XXX") == "COBADEFFXXX"
    for wrong in ("", "COBADEF", "COBAXXFF", "COBADEFFXX", "12345678"):
        with pytest.raises(ValidationError):
            check_bic(wrong)


@pytest.mark.parametrize("address", BITCOIN)
def test_a_bitcoin_address_is_taken(address):
    assert check_bitcoin(f" {address} ") == address


def test_a_witness_address_in_capitals_is_stored_small():
    assert check_bitcoin(BITCOIN[2].upper()) == BITCOIN[2]


@settings(max_examples=300, deadline=None)
@given(mistyped(BITCOIN[2:], "qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
def test_a_mistyped_witness_address_is_refused(address):
    with pytest.raises(ValidationError):
        check_bitcoin(address)


@settings(max_examples=200, deadline=None)
@given(mistyped(BITCOIN[:2], "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"))
def test_a_mistyped_old_address_is_refused(address):
    with pytest.raises(ValidationError):
        check_bitcoin(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bc1",
        "bc1p",
        "bc1Qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",  # BIP 173: large and small letters
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",  # the test network
        "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",  # BIP 350: no letter of theirs
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",  # BIP 350: the checksum of version 0
        "bc1zw508d6qejxtdg4y5r3zarvaryvg6kdaj",  # BIP 173: version 2 with the checksum of version 0
        "bc1gmk9yu",  # BIP 173: nothing in it
        "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",  # the old test network
    ],
)
def test_what_is_no_bitcoin_address_is_refused(address):
    with pytest.raises(ValidationError):
        check_bitcoin(address)


@pytest.mark.parametrize("address", ETHEREUM)
def test_an_ethereum_address_is_stored_with_its_capitals(address):
    assert check_ethereum(address) == address
    assert check_ethereum(address.lower()) == address
    assert check_ethereum("0x" + address[2:].upper()) == address


@settings(max_examples=200, deadline=None)
@given(mistyped(ETHEREUM, "0123456789abcdef"))
def test_a_mistyped_ethereum_address_is_refused(address):
    # A small letter in the place of the same large one is wrong as well.
    with pytest.raises(ValidationError):
        check_ethereum(address)


@pytest.mark.parametrize("address", ["", "0x", ETHEREUM[0][2:], ETHEREUM[0] + "0", "0x" + "g" * 40, "0x" + "５" * 40])
def test_what_is_no_ethereum_address_is_refused(address):
    with pytest.raises(ValidationError):
        check_ethereum(address)


def test_an_email_is_one():
    assert check_email(" mia@example.com ") == "mia@example.com"
    for wrong in ("", "mia", "mia@", "mia@example.com\nbcc: all@example.com"):
        with pytest.raises(ValidationError):
            check_email(wrong)


@settings(max_examples=300)
@given(st.text(max_size=300))
def test_a_text_for_banks_has_only_their_characters(text):
    plain = for_banks(text, 70)

    assert len(plain) <= 70
    assert not set(plain) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
    assert plain == plain.strip()
    assert "//" not in plain
    assert not plain.startswith("/")
    assert not plain.endswith("/")


def test_a_name_stays_readable_for_banks():
    assert for_banks("Jürgen Weiß & Söhne", 70) == "Jurgen Weiss Sohne"
    assert for_banks("Мария", 70) == "Mariia"
    assert for_banks("*", 70) == ""


def test_a_mask_shows_the_ends_and_never_the_whole():
    assert masked("DE89370400440532013000") == "DE89 •••• 3000"
    assert masked("12345678") == "••••"
    assert masked_email("mia@example.com") == "m•••@example.com"
