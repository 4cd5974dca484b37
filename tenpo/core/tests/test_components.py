import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django import forms
from django.template import Context, Template, TemplateSyntaxError
from django.template.loader import get_template, render_to_string
from django.test import RequestFactory
from django.utils import timezone, translation
from django_cotton.compiler_regex import CottonCompiler

from tenpo.core.money import Money
from tenpo.core.templatetags.tenpo import icon

COMPONENTS = Path(__file__).resolve().parents[1] / "templates" / "cotton"


def draw(source: str, **context: object) -> str:
    """A piece of a page, with its spaces put together."""
    html = Template(CottonCompiler().process(source)).render(Context({"request": RequestFactory().get("/"), **context}))
    return re.sub(r"\s+", " ", html).strip()


class SampleForm(forms.Form):
    """A field that must be filled, one that need not, and a choice."""

    email = forms.EmailField(help_text="We write only when it matters.")
    note = forms.CharField(required=False)
    agree = forms.BooleanField(label="I agree")


@pytest.mark.parametrize("path", sorted(COMPONENTS.glob("*.html")), ids=lambda path: path.stem)
def test_every_component_declares_what_it_takes_and_holds_no_inline_style(path):
    source = path.read_text()

    get_template(f"cotton/{path.name}")
    assert "<c-vars" in source or not re.search(r"\{\{ (?!slot|attrs)", source)
    assert not re.search(r"\sstyle=|\son\w+=|<script>|<style", source)


PAGES = sorted(COMPONENTS.parents[2].glob("*/templates/**/*.html"))


def test_values_of_components_are_names_never_expressions():
    """`:active="a == b"` is not worked out but left as it stands: write `active="{% if a == b %}yes{% endif %}"`."""
    wrong = [
        f"{path.name}: {found}"
        for path in PAGES
        for found in re.findall(r' (:[a-z_-]+="[^"{]*[ |=][^"]*")', path.read_text())
    ]

    assert len(PAGES) > 50
    assert wrong == []


def test_pages_hold_no_inline_style_or_script():
    wrong = [
        f"{path.name}: {found}"
        for path in PAGES
        if path.parent.name != "mail"
        for found in re.findall(r'\sstyle="|\son[a-z]+="|<script>|<style', path.read_text())
    ]

    assert wrong == []


def test_text_from_people_is_escaped():
    html = draw('<c-row title="{{ name }}" href="/x" />', name="<b>Eve & co</b>")

    assert "&lt;b&gt;Eve &amp; co&lt;/b&gt;" in html
    assert "<b>Eve" not in html


def test_a_field_has_its_label_help_and_error_beside_it():
    form = SampleForm({"email": "maya@"})

    html = draw('<c-field :field="form.email" />', form=form)

    assert '<label for="id_email">' in html
    assert 'value="maya@"' in html
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_email_helptext id_email_error"' in html
    assert 'id="id_email_helptext"' in html
    assert 'id="id_email_error"' in html


def test_only_what_may_be_left_out_is_marked():
    form = SampleForm()

    assert "optional" not in draw('<c-field :field="form.email" />', form=form)
    assert "optional" in draw('<c-field :field="form.note" />', form=form)


def test_a_form_draws_all_its_fields_or_those_given():
    assert draw('<c-form :form="form" submit="Save" />', form=SampleForm()).count('class="field"') == 3
    some = draw('<c-form :form="form" submit="Save"><c-field :field="form.note" /></c-form>', form=SampleForm())
    assert some.count('class="field"') == 1


def test_what_is_wrong_with_the_whole_form_stands_above():
    form = SampleForm({"email": "maya@example.com", "agree": "on"})
    form.add_error(None, "This session is full.")

    for source in ('<c-form :form="form" />', '<c-form :form="form"><c-field :field="form.note" /></c-form>'):
        html = draw(source, form=form)
        assert html.count("This session is full.") == 1
        assert 'role="alert"' in html


def test_the_price_line_says_who_pays_what():
    euros = {name: Money(amount, "EUR") for name, amount in [("total", 8000), ("company", 6000), ("you", 2000)]}

    html = draw(
        '<c-price :total="total" :company="company" :you="you" sponsor="Nordlicht" policy="Free until Tuesday." />',
        **euros,
    )

    assert [part for part in ("€80", "€60", "€20", "Nordlicht", "Free until Tuesday.") if part not in html] == []
    assert 'width="75.0%"' in html
    assert "€0" not in html


def test_a_price_by_other_words_names_its_parts_and_counts_to_the_cent():
    html = draw(
        '<c-price label="Goes back" :total="total" :wallet="part" wallet_name="To the wallet" :you="part"'
        ' you_name="Visa 4242" exact="yes" />',
        total=Money(2000, "EUR"), part=Money(1000, "EUR"),
    )  # fmt: skip

    assert [part for part in ("Goes back", "To the wallet", "Visa 4242", "€10.00", "€20.00") if part not in html] == []
    assert ">Price<" not in html


def test_numbers_in_drawings_keep_their_point_in_every_language():
    with translation.override("de"):
        html = draw('<c-price :total="b" :company="a" :you="b" />', a=Money(1, "EUR"), b=Money(2, "EUR"))

    assert 'width="33.333%"' in html


def test_seats_and_a_full_session():
    assert 'width="75%"' in draw('<c-seats :taken="9" :capacity="12" />')
    assert "<b>3 places free</b>" in draw('<c-seats :taken="9" :capacity="12" />')
    assert "full" in draw('<c-seats :taken="12" :capacity="12" />')


def test_a_time_carries_the_machines_time_and_the_hosts():
    at = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)

    with timezone.override(UTC):
        html = draw('<c-when :at="at" :until="until" zone="Asia/Tokyo" />', at=at, until=at + timedelta(hours=1))

    assert 'datetime="2026-11-24T17:00:00+00:00"' in html
    assert "17:00–18:00" in html
    assert "Wed 02:00 in Tokyo" in html


def test_a_statement_row_opens_only_when_there_is_more():
    row = '<c-statement-row :at="at" what="Cancelled" :amount="a">{}</c-statement-row>'
    values = {"at": datetime(2026, 11, 21, tzinfo=UTC), "a": Money(-1200, "EUR")}

    assert "<details" not in draw(row.format(""), **values)
    assert "<details" in draw(row.format("<p>By the policy.</p>"), **values)
    assert "−€12.00" in draw(row.format(""), **values)


def test_an_unknown_icon_is_a_mistake_that_shows():
    with pytest.raises(TemplateSyntaxError):
        icon("unicorn")


def test_here_changes_one_part_of_the_address():
    request = RequestFactory().get("/sessions", {"coach": "maya", "after": "x"})

    assert draw("{% here sort='title' after=None %}", request=request) == "?coach=maya&amp;sort=title"


def test_a_mail_says_the_same_in_both_forms():
    context = {
        "subject": "You are booked",
        "greeting": "Hello Maya,",
        "paragraphs": ["Breathing at work is on Tuesday."],
        "facts": [("Where", "Studio & garden")],
        "act_label": "See your booking",
        "act_url": "https://example.com/b/1",
    }

    html, text = render_to_string("mail/message.html", context), render_to_string("mail/message.txt", context)

    for part in ("Hello Maya,", "Breathing at work is on Tuesday.", "See your booking", "https://example.com/b/1"):
        assert part in html
        assert part in text
    assert "Studio &amp; garden" in html
    assert "Where: Studio & garden" in text
