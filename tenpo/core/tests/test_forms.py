from django import forms

from tenpo.core.forms import ZoneField


class ZoneForm(forms.Form):
    zone = ZoneField(help_text="Yours")


class PlainForm(forms.Form):
    zone = forms.ChoiceField(choices=ZoneForm.base_fields["zone"].choices, help_text="Yours")  # type: ignore[attr-defined]


def test_zones_look_as_django_would_draw_them():
    def drawn(form: type[forms.Form]) -> list[str]:
        return str(form(initial={"zone": "America/New_York"})["zone"]).split()

    assert drawn(ZoneForm) == drawn(PlainForm)
    assert "selected>America/New" in drawn(ZoneForm)


def test_an_unknown_zone_is_refused_and_what_was_typed_is_drawn():
    form = ZoneForm({"zone": "<script>"})

    assert not form.is_valid()
    assert "<script>" not in str(form["zone"])


def test_refusals_are_said_plainly():
    class Form(forms.Form):
        name = forms.CharField()
        seats = forms.IntegerField(min_value=1, max_value=9)

    assert Form({"seats": "0"}).errors == {"name": ["Please fill this in."], "seats": ["This must be at least 1."]}
    assert Form({"name": "A", "seats": "10"}).errors == {"seats": ["This must be at most 9."]}
