from django import forms

from tenpo.core.forms import LongSelect, ZoneField


class ZoneForm(forms.Form):
    zone = ZoneField(help_text="Yours")


class WordForm(forms.Form):
    word = forms.CharField(max_length=12, widget=forms.Textarea)
    find = forms.CharField(max_length=12, widget=forms.TextInput(attrs={"type": "search"}))


def test_no_browser_cuts_what_is_too_long_and_the_field_refuses_it():
    form = WordForm({"word": "thirteen long", "find": "here"})

    drawn = str(form["word"].as_field_group())

    assert "maxlength" not in drawn
    assert 'data-most="12"' in drawn
    assert "at most 12 characters" in drawn
    assert "thirteen long" in drawn
    assert 'maxlength="12"' in str(form["find"]), "what is searched for is seen to be cut"


class PlainForm(forms.Form):
    zone = forms.ChoiceField(choices=ZoneForm.base_fields["zone"].choices, help_text="Yours")  # type: ignore[attr-defined]


def words_of(drawn: object) -> list[str]:
    """What is drawn, whatever stands between it and in whichever order attributes come."""
    opened, _end, options = str(drawn).replace("<select", "").partition(">")
    return [*sorted(opened.split()), *options.split()]


def test_zones_look_as_django_would_draw_them():
    def drawn(form: type[forms.Form]) -> list[str]:
        return words_of(form(initial={"zone": "America/New_York"})["zone"])

    assert drawn(ZoneForm) == drawn(PlainForm)
    assert "selected>America/New" in drawn(ZoneForm)


def test_a_long_choice_is_drawn_as_django_would_and_marks_one():
    choices = [("", "Nowhere"), ("a&b", "<i>A & B</i>"), ("a", "A"), ("ab", "A and B")]

    class Long(forms.Form):
        place = forms.ChoiceField(choices=choices, required=False, widget=LongSelect(attrs={"data-x": "1"}))

    class Plain(forms.Form):
        place = forms.ChoiceField(choices=choices, required=False, widget=forms.Select(attrs={"data-x": "1"}))

    for data in (None, {}, {"place": "a&b"}, {"place": "a"}, {"place": "<b>"}):
        long, plain = (str(form(data)["place"]) for form in (Long, Plain))
        assert words_of(long) == words_of(plain)
        assert long.count(" selected") == (data != {"place": "<b>"})


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
