"""The forms of a page, read as a browser reads them."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from django.urls import resolve

TYPED = {"text", "email", "url", "search", "tel", "number", "range", "date", "time", "textarea", "password"}
CHOSEN = {"select", "radio", "checkbox"}
LOOKS = {"date": r"\d{4}-\d\d-\d\d", "time": r"\d\d:\d\d(:\d\d)?", "email": r"[^@]+@[^@]+", "url": r"\w+:.+"}
BUTTONS = {"submit", "button", "reset", "image"}

type Values = dict[str, list[str]]


@dataclass
class Field:
    """What has one name in a form: its kind, what a browser would send of it, and what else it could."""

    name: str
    kind: str
    attrs: dict[str, str]
    values: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)

    @property
    def is_required(self) -> bool:
        return "required" in self.attrs

    def forbids(self, value: str) -> bool:
        """Whether the page itself says that this value is none."""
        if not value.strip():
            return self.is_required
        if self.kind in ("select", "radio"):
            return value not in self.options
        if self.kind in ("number", "range"):
            return not re.fullmatch(r"[+-]?\d+", value) or not self._low() <= int(value) <= self._high()
        if len(value) > int(self.attrs.get("data-most", len(value))):
            return True
        return self.kind in LOOKS and not re.fullmatch(LOOKS[self.kind], value)

    def _low(self) -> float:
        return float(self.attrs.get("min", "-inf"))

    def _high(self) -> float:
        return float(self.attrs.get("max", "inf"))


@dataclass
class Form:
    """One form: how and where it is sent, what is in it, and by which buttons."""

    method: str
    action: str
    is_multipart: bool
    is_in_frame: bool
    fields: dict[str, Field] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    @property
    def route(self) -> str:
        return str(resolve(urlsplit(self.action).path).route)

    @property
    def key(self) -> tuple[str, str]:
        """What makes two forms the same, though they speak of different things."""
        return self.method, self.route

    @property
    def names(self) -> set[str]:
        """Of its fields and of its buttons."""
        return {*self.fields, *(name for name, _ in self.buttons if name)}

    def state(self) -> list[list[str]]:
        """What stands in its fields."""
        return [one.values for one in self.fields.values() if one.kind != "hidden"]

    def untouched(self) -> Values:
        """What a browser sends when nothing was typed, by a button that adds nothing if there is one."""
        values = {one.name: list(one.values) for one in self.fields.values() if one.values}
        name, value = min(self.buttons, default=("", ""))
        return {**values, name: [value]} if name else values


class Page(HTMLParser):
    """Reads the forms of a page, and the fields beside which it says that something is wrong."""

    def __init__(self, html: str, path: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.wrong: set[str] = set()
        self.has_alert = False
        self._path = path
        self._form: Form | None = None
        self._select: Field | None = None
        self._area: Field | None = None
        self._is_in_main = False
        self._in_template = 0
        self.feed(html)
        self.close()

    @property
    def says_why(self) -> bool:
        return bool(self.wrong) or self.has_alert

    def has(self, form: Form) -> Form | None:
        """This form, when the page shows it too."""
        alike = (one for one in self.forms if one.key == form.key and set(one.fields) == set(form.fields))
        return next(alike, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_template += tag == "template"
        self._is_in_main = self._is_in_main or tag == "main"
        if given.get("id", "").endswith("_error"):
            self.wrong.add(given["id"].removeprefix("id_").removesuffix("_error"))
        if given.get("role") == "alert" and "hidden" not in given and not self._in_template:
            self.has_alert = True
        if tag == "form":
            self._begin(given)
        elif self._form is not None and "disabled" not in given:
            self._add(self._form, tag, given)

    def handle_endtag(self, tag: str) -> None:
        self._in_template -= tag == "template"
        if tag == "form":
            self._form = None
        elif tag == "main":
            self._is_in_main = False
        elif tag == "textarea" and self._area is not None:
            # A line break right after the tag is none of the text's.
            self._area.values = [self._area.values[0].removeprefix("\n")]
            self._area = None
        elif tag == "select":
            if self._select and not self._select.values and "multiple" not in self._select.attrs:
                self._select.values = self._select.options[:1]
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.values = [self._area.values[0] + data]

    def _begin(self, given: dict[str, str]) -> None:
        action = given.get("action", "").partition("#")[0] or self._path
        if action.startswith("?"):
            action = urlsplit(self._path).path + action
        is_multipart = given.get("enctype") == "multipart/form-data"
        self._form = Form(given.get("method", "get").lower(), action, is_multipart, not self._is_in_main)
        self.forms.append(self._form)

    def _add(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name, value = given.get("name", ""), given.get("value", "")
        kind = given.get("type", "submit" if tag == "button" else "text") if tag in ("input", "button") else tag
        if kind == "submit":
            form.buttons.append((name, value))
        elif tag == "option" and self._select is not None:
            self._select.options.append(value)
            if "selected" in given:
                self._select.values.append(value)
        elif name and kind not in BUTTONS and tag in ("input", "select", "textarea"):
            found = form.fields.setdefault(name, Field(name, kind, given))
            if kind in ("checkbox", "radio"):
                value = given.get("value", "on")
                found.options.append(value)
                found.values += [value] if "checked" in given else []
            elif kind == "select":
                self._select = found
            elif kind == "textarea":
                self._area, found.values = found, [""]
            elif kind != "file":
                found.values.append(value)
