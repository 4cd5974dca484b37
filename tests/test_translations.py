"""No page says a word that cannot be translated."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tenpo.runtime.env import ROOT

TEMPLATES = sorted(
    path for path in (ROOT / "tenpo").glob("*/templates/**/*.html") if "web/design" not in path.as_posix()
)
SAYING = {"title", "label", "lead", "note", "more", "submit", "cancel", "back_label", "caption", "name", "unit", "what"}
SAYING |= {"aria-label", "placeholder", "alt", "data-confirm", "data-confirm-effect", "data-confirm-yes", "data-copied"}
# Names, which are the same in every language, and what is not for reading.
NAMES = {"Tenpo", "openapi.json", "esc", "API", "OpenAPI", "JSON", "CSV", "URL", "E-Mail", "id", "iCal", "ics"}
SILENT = {"script", "style", "svg", "code", "pre", "kbd", "template"}
# A field's own name, not words: <input name="…">, <meta name="…">, <param name="…">.
NAMED = {
    "c-button",
    "input",
    "meta",
    "select",
    "textarea",
    "button",
    "form",
    "iframe",
    "fieldset",
    "c-vars",
    "c-slot",
    "slot",
}

TRANSLATED = re.compile(r"{%-?\s*(blocktranslate|blocktrans|comment)\b.*?{%-?\s*end\1\s*-?%}", re.DOTALL)
TAG = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
WORD = re.compile(r"[^\W\d_]{2,}")


class Words(HTMLParser):
    """Collects what a reader would read in a template whose tags are gone."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SAYING and value and not (name == "name" and tag in NAMED):
                self._hear(value)
        self.silent += tag in SILENT

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.silent -= tag in SILENT

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self._hear(data)

    def _hear(self, text: str) -> None:
        text = re.sub("|".join(rf"\b{re.escape(name)}\b" for name in NAMES), "", text)
        if WORD.search(text):
            self.found.append(" ".join(text.split()))


def untranslated(source: str) -> Iterator[str]:
    words = Words()
    source = re.sub(r"(</?)({{.*?}}|{% if .*?{% endif %})", r"\1div", TRANSLATED.sub("", source))
    words.feed(TAG.sub("", source))
    yield from words.found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "tenpo").as_posix())
def test_every_word_can_be_translated(path: Path):
    assert list(untranslated(path.read_text())) == []


def test_the_search_finds_what_it_should():
    source = """{% extends "base.html" %}{# a comment #}
      <p title="Forgotten">{% translate "Fine" %} {{ person }} Too plain</p>
      {% blocktranslate trimmed %}Fine as well{% endblocktranslate %}
      <input name="email" placeholder="{% translate 'Fine' %}"><code>curl</code>"""

    assert list(untranslated(source)) == ["Forgotten", "Too plain"]


def test_german_says_everything_that_we_say():
    """`make messages` collects what is new; a translation has the same places to fill in as its English."""
    script = ROOT / "scripts" / "messages.py"

    check = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)

    assert (check.returncode, check.stdout + check.stderr) == (0, "")
