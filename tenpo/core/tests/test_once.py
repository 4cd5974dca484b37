"""A form that makes one thing is sent again: what it made is found, and nobody chooses the id."""

from uuid import UUID, uuid4

import pytest

from tenpo.core.once import OnceForm
from tenpo.core.tokens import new_id
from tenpo.people.models import User


class OtherForm(OnceForm):
    """Another one."""


def shown(form: type[OnceForm], user: User) -> str:
    return str(form(shown_to=user)["once"].value())


def test_a_form_bears_one_id_and_each_showing_another_one():
    user = User(pk=new_id())
    signed, other = shown(OnceForm, user), shown(OnceForm, user)

    forms = [OnceForm({"once": value}, shown_to=user) for value in (signed, signed, other, "")]

    assert all(form.is_valid() for form in forms)
    first, again, another, without = [form.cleaned_data["once"] for form in forms]
    assert first == again == UUID(signed.partition(":")[0])
    assert len({first, another, without}) == 3


@pytest.mark.parametrize("how", ["bare", "unsigned", "of another form", "of somebody else"])
def test_an_id_that_was_not_shown_here_is_refused(how):
    user, other = User(pk=new_id()), User(pk=new_id())
    signed = shown(OnceForm, user)
    values = {
        "bare": str(uuid4()),
        "unsigned": f"{uuid4()}:{signed.partition(':')[2]}",
        "of another form": shown(OtherForm, user),
        "of somebody else": shown(OnceForm, other),
    }

    form = OnceForm({"once": values[how]}, shown_to=user)

    assert not form.is_valid()
    assert "once" in form.errors
