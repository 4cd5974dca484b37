"""What a reviewer would say twice: the shape of the code, held by tests. Import-linter holds the imports."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.db.models import Model

from tenpo.core.invariants import all_invariants

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tenpo"
FILE_LINES_MAX, FUNCTION_LINES_MAX = 600, 70

# Where a row is new, or was an offer that this transaction has locked, and is written whole.
WHOLE_ROWS = {"checkout/actions/buying.py"}

# What says when it was printed or made, or is the clock itself.
BY_ITS_OWN_CLOCK = {
    "checkout/views/wallet.py", "core/backup.py", "core/clock.py", "core/words.py", "orders/sponsor_views.py",
    "people/mails.py", "web/views/design.py",
}  # fmt: skip

CONTRACT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
# App → depth, the deepest being what everybody may know.
LEVEL = {app: depth for depth, app in enumerate(CONTRACT["layers"])}


def own_models() -> list[type[Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("tenpo.")]


def sources(*patterns: str) -> Iterator[Path]:
    for pattern in patterns:
        for path in PACKAGE.glob(pattern):
            if not {"tests", "migrations"} & set(path.parts):
                yield path


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Every call of a file, and its name with dots (`Session.objects.create`)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def test_foreign_keys_point_down():
    """import-linter cannot see a relation named by a string; this can."""
    wrong = [
        f"{field} -> {target}"
        for model in own_models()
        for field in model._meta.get_fields()
        if isinstance(field.related_model, type) and not field.auto_created
        for app, target in [(model._meta.app_label, field.related_model._meta.app_label)]
        if app in LEVEL and target in LEVEL and app != target and LEVEL[target] <= LEVEL[app]
    ]

    assert wrong == []


def test_every_app_has_its_place_in_the_layers():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}

    assert folders == set(LEVEL)


def test_every_model_says_who_may_see_it():
    wrong = [
        model._meta.label
        for model in own_models()
        if not model._meta.proxy and not hasattr(model._default_manager.all(), "visible_to")
    ]

    assert wrong == []


def test_every_app_with_tables_states_what_always_holds():
    stated = {app for app, _invariant in all_invariants()}

    assert {model._meta.app_label for model in own_models()} - stated == set()


def test_every_model_says_what_it_is():
    wrong = [model._meta.label for model in own_models() if (model.__doc__ or "").startswith(f"{model.__name__}(")]

    assert wrong == []


def test_files_fit_in_a_head():
    wrong = [
        f"{path.relative_to(ROOT)}: {lines} lines"
        for path in PACKAGE.rglob("*.py")
        if "migrations" not in path.parts and (lines := len(path.read_text().splitlines())) > FILE_LINES_MAX
    ]

    assert wrong == []


def test_functions_fit_on_a_screen():
    wrong = [
        f"{place(path, node)} {node.name}: {length} lines"
        for path in sources("**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]

    assert wrong == []


def test_actions_save_only_what_they_changed():
    """`save()` of a whole row writes back what another transaction changed meanwhile; a new row has none."""
    wrong = []
    for path in sources("*/actions.py", "*/actions/**/*.py"):
        if path.relative_to(PACKAGE).as_posix() in WHOLE_ROWS:
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            made = {
                ast.unparse(node.targets[0])
                for node in ast.walk(function)
                if isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and ast.unparse(node.value.func)[:1].isupper()
            }
            for node in ast.walk(function):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                if node.func.attr != "save" or ast.unparse(node.func.value) in made:
                    continue
                if not {"update_fields", "force_insert"} & {keyword.arg for keyword in node.keywords}:
                    wrong.append(place(path, node))

    assert sorted(set(wrong)) == []


def test_what_decides_asks_the_databases_clock():
    """A machine's own clock may be wrong (`core.clock`); it only says when something was printed or made."""
    asks = re.compile(r"timezone\.now\(\)|datetime\.now\(|date\.today\(\)")
    found = {str(path.relative_to(PACKAGE)) for path in sources("**/*.py") if asks.search(path.read_text())}
    assert {name for name in found if not name.startswith(("demo/", "bench/", "runtime/", "cli/"))} == BY_ITS_OWN_CLOCK


def test_only_actions_write():
    writes = (".create", ".bulk_create", ".bulk_update", ".update", ".delete", ".get_or_create", ".update_or_create")
    wrong = [
        f"{place(path, node)} {name}"
        for path in sources("*/views.py", "*/views/**/*.py", "*/api.py", "*/api/**/*.py", "*/queries.py", "*/forms.py")
        for node, name in calls(path)
        if ".objects" in name and name.endswith(writes)
    ]

    assert wrong == []
