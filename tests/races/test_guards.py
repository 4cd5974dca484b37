"""Each guard of `tests/unguarded.py` can be taken out: a control that cannot start shows nothing."""

import subprocess
import sys

import pytest

from tenpo.runtime import env
from tests.unguarded import GUARDS

# A name that a module did not have before replaced nothing: what it stood for is called something else by now.
TAKE_OUT = """
import sys
from django.urls import get_resolver
from tests.unguarded import GUARDS, part

part("config.rsgi")
assert get_resolver().url_patterns
modules = {name: module for name, module in sys.modules.items() if name.startswith("tenpo.")}
known = {name: set(vars(module)) for name, module in modules.items()}
GUARDS[sys.argv[1]]()
packages = {name.rpartition(".")[2] for name in sys.modules}
new = {f"{name}.{word}" for name, module in modules.items() for word in set(vars(module)) - known[name] - packages}
assert not new, new
"""


@pytest.mark.parametrize("guard", GUARDS)
def test_a_guard_can_be_taken_out(guard):
    done = subprocess.run(
        [sys.executable, "-c", TAKE_OUT, guard], cwd=env.ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
