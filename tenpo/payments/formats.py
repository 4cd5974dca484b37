"""How ways to be paid are written, and that they are written right: IBAN, BIC, addresses of coins, e-mail.

Each takes what somebody typed and gives it back as it is stored, or raises ValidationError. What passes may still
belong to somebody else, or to nobody; what does not pass belongs to nobody for sure.
"""

import re

from Cryptodome.Hash import keccak
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from stdnum import bic, bitcoin, iban
from stdnum.exceptions import ValidationError as WrongNumber
from text_unidecode import unidecode

# What a bank's file may hold of a text (EPC 217-08): letters, digits, and these.
_NOT_FOR_BANKS = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
# Longer than any of them is written, spaces included.
LONGEST = 100
# Countries and territories whose accounts are reached by SEPA.
SEPA_COUNTRIES = frozenset([
    "AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GI", "GR", "HR", "HU",
    "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MC", "MD", "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS", "SE",
    "SI", "SK", "SM", "VA",
])  # fmt: skip
# BIP 350: what the checksum of an address from witness version 1 on comes to. The one of version 0 comes to 1.
_BECH32M = 0x2BC830A3
_BECH32_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def check_iban(text: str) -> str:
    """An IBAN of any country, without spaces: its country's form and its check digits are right (mod 97)."""
    try:
        return str(iban.validate(_short(text)))
    except WrongNumber:
        raise ValidationError(_("This is not an IBAN: a digit may be wrong or missing."), code="iban") from None


def check_sepa_iban(text: str) -> str:
    """An IBAN of a country that SEPA reaches, without spaces."""
    number = check_iban(text)
    if number[:2] not in SEPA_COUNTRIES:
        raise ValidationError(_("We can pay by SEPA only, and this account's country has no part in it."), code="iban")
    return number


def in_fours(number: str) -> str:
    """An IBAN as people read it, however it was typed: "DE89 3704 0044 0532 0130 00"."""
    number = "".join(number.split())
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def check_bic(text: str) -> str:
    """A BIC of 8 or 11 characters, in capitals."""
    try:
        return str(bic.validate(_short(text)))
    except WrongNumber:
        raise ValidationError(_("This is not a BIC, such as COBADEFFXXX."), code="bic") from None


def check_bitcoin(text: str) -> str:
    """An address of Bitcoin's main network: old (1…, 3…), or of a witness (bc1…), whose letters are stored small."""
    text = _short(text)
    refusal = ValidationError(_("This is not a Bitcoin address: a character may be wrong or missing."), code="address")
    is_witness = text[:3].lower() == "bc1"
    if is_witness and text not in (text.lower(), text.upper()):
        raise refusal
    text = text.lower() if is_witness else text
    # The library knows the checksum of version 0 alone, and takes it for any version: what is paid to a later one
    # that bears it may be lost.
    if is_witness and not text.startswith("bc1q"):
        if not _is_taproot(text):
            raise refusal
        return text
    try:
        return str(bitcoin.validate(text))
    except WrongNumber:
        raise refusal from None


def check_ethereum(text: str) -> str:
    """An address of Ethereum, stored with the capitals of EIP-55; one that has capitals must have just those."""
    text = _short(text)
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise ValidationError(_("This is not an Ethereum address: 0x and 40 digits."), code="address")
    written = _with_capitals(text[2:].lower())
    # All small or all large: whoever wrote it knows no checksum, and nothing says that it is wrong.
    if text[2:] not in (written, written.lower(), written.upper()):
        raise ValidationError(_("This Ethereum address has a wrong character."), code="address")
    return f"0x{written}"


def check_email(text: str) -> str:
    """An e-mail address, by which PayPal finds an account."""
    text = text.strip()
    validate_email(text)
    return text


def for_banks(text: str, longest: int) -> str:
    """A text in the characters that every bank takes, and no longer than it may be; empty when none is left."""
    plain = _NOT_FOR_BANKS.sub(" ", unidecode(text))
    # A slash leads, ends or doubles in no text of theirs.
    return " ".join(re.sub("/+", "/", plain).strip("/ ").split())[:longest].strip("/ ")


def masked(text: str, *, first: int = 4, last: int = 4) -> str:
    """Enough of a number for its owner to know it again, and for nobody to use it: "DE89 •••• 3000"."""
    if len(text) <= first + last:
        return "••••"
    return f"{text[:first]} •••• {text[-last:]}"


def masked_email(text: str) -> str:
    """The same of an e-mail address: "m•••@example.com"."""
    name, _at, domain = text.rpartition("@")
    return f"{name[:1]}•••@{domain}"


def _short(text: str) -> str:
    """What was typed, without spaces; nothing of what holds letters or digits of another script.

    No longer than anything is: a checksum of a whole book takes a while.
    """
    return "".join(text.split())[:LONGEST] if text.isascii() else ""


def _with_capitals(digits: str) -> str:
    """The checksum of EIP-55: a letter is large where the address's hash has a digit from 8 on."""
    hashed = keccak.new(digest_bits=256, data=digits.encode()).hexdigest()
    return "".join(
        digit.upper() if int(place, 16) >= 8 else digit for digit, place in zip(digits, hashed, strict=False)
    )


def _is_taproot(text: str) -> bool:
    """Whether this is an address of witness version 1 (BIP 341): 32 bytes, with the checksum of BIP 350."""
    letters = text[3:]
    if len(letters) != 59 or letters[0] != "p" or set(letters) - set(_BECH32_LETTERS):
        return False
    network = [3, 3, 0, 2, 3]  # "bc", as the checksum reads it
    values = [_BECH32_LETTERS.index(letter) for letter in letters]
    # 52 letters hold 260 bits: the last four of them hold nothing.
    return bitcoin.bech32_checksum([*network, *values]) == _BECH32M and values[-7] & 0b1111 == 0
