"""Which passwords are refused, however long they are."""

from typing import Any

import pytest
import zxcvbn
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from tenpo.core.business import current_business, forget_business
from tenpo.core.models import Business
from tenpo.people.models import User
from tenpo.people.passwords import LOOKED_AT

pytestmark = pytest.mark.django_db
LENA = User(name="Lena Okafor", email="lena.okafor@nordlicht.example")


def codes(password: str) -> set[str]:
    try:
        validate_password(password, LENA)
    except ValidationError as refused:
        return {str(error.code) for error in refused.error_list}
    return set()


@pytest.fixture(autouse=True)
def nordlicht() -> None:
    current_business()
    Business.objects.update(name="Nordlicht Coaching")
    forget_business()


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "iloveyouforever",
        "manchesterunited",
        "P@ssw0rd1234",
        "trustno1trustno1",
        "1q2w3e4r5t6y",
        "asdfghjkl123",
        "abcdefghijklmn",
        "aaaaaaaaaaaaaaaa",
        "a1b2c3a1b2c3a1b2c3",
        "annabelle2014",
        "Willkommen2024!",
        "Geheim123456",
    ],
)
def test_a_long_one_that_is_soon_guessed(password):
    assert "soon_guessed" in codes(password)


def test_no_password_at_all_is_too_short():
    assert "password_too_short" in codes("")


@pytest.mark.parametrize("password", ["Lena Okafor 1987", "nordlicht-coaching-1", "Okafor-Lena-2031", "Tenpo Coach 12"])
def test_one_made_of_what_everybody_here_knows(password):
    assert "known_words" in codes(password)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "vier kleine blaue Kisten", "mIk7#pQz91!x", "sommer sonne meer", "Lena liebt drei Otter"],
)
def test_one_that_is_good(password):
    assert codes(password) == set()


def test_of_a_very_long_one_the_beginning_is_looked_at(monkeypatch):
    """What is looked at costs time that grows faster than its length."""
    looked_at, judge = [], zxcvbn.zxcvbn

    def watched(password: str, **options: Any) -> Any:
        looked_at.append(password)
        return judge(password, **options)

    monkeypatch.setattr(zxcvbn, "zxcvbn", watched)

    assert codes("4aB$" * 1_000) == {"soon_guessed"}

    assert [len(text) for text in looked_at] == [LOOKED_AT]
