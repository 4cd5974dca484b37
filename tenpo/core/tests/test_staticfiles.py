import re

import pytest
from django.core.management import call_command

from tenpo.core.staticfiles import JoinedStyleStorage, join


def test_imports_are_put_into_their_layers_in_order(tmp_path):
    (tmp_path / "a.css").write_text("a {}\n")
    (tmp_path / "b.css").write_text("b {}\n")
    sheet = '@layer base, parts;\n@import url("a.css") layer(base);\n@import url("b.css") layer(parts);\n'

    assert join(sheet, tmp_path) == "@layer base, parts;\n@layer base {\na {}\n}\n@layer parts {\nb {}\n}\n"


@pytest.fixture
def collected(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": "tenpo.core.staticfiles.JoinedStyleStorage"}}
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path


def test_what_is_served_is_one_sheet_whose_files_exist(collected):
    storage = JoinedStyleStorage(location=collected)

    sheet = collected / storage.stored_name("css/app.css")
    text = sheet.read_text()

    assert "@import" not in text
    for part in (".button", "--paper", "@font-face", ".calm", 'data-hue="359"'):
        assert part in text
    fonts = re.findall(r'url\("(\.\./fonts/[^"]+)"\)', text)
    assert len(fonts) == 4
    assert all((sheet.parent / font).exists() for font in fonts)
    assert sheet.with_name(sheet.name + ".gz").exists()
