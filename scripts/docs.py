"""Write the pages that are made from the code: docs/settings.md and docs/rules.md.

python scripts/docs.py           write them
python scripts/docs.py --check   fail when one of them is out of date
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tenpo.runtime.env import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def settings_page() -> str:
    """Every setting, from `tenpo.runtime.env`."""
    rows = "".join(
        f"| `{setting.name}` | {f'`{setting.default}`' if setting.default else ''} | {setting.help}"
        f"{' Secret.' if setting.secret else ''} |\n"
        for setting in SETTINGS
    )
    return (
        "# Settings\n\n"
        "Every setting is an environment variable, and every default is safe. `tenpo settings` lists them with their\n"
        "values on this machine; `tenpo doctor` says which of them are wrong.\n\n"
        f"| Setting | Default | Meaning |\n| --- | --- | --- |\n{rows}"
    )


def rules_page() -> str:
    """Every action, app by app: its signature and the first line of its docstring."""
    page = "# Rules\n\nEvery rule that writes, by app. A rule is a function; its name is the verb.\n"
    for app in sorted({path.parent for path in (ROOT / "tenpo").glob("*/actions*")}):
        actions = [line for file in _action_files(app) for line in _actions(file)]
        if actions:
            page += f"\n## {app.name}\n\n" + "".join(actions)
    return page


def _action_files(app: Path) -> list[Path]:
    return sorted([*app.glob("actions.py"), *app.glob("actions/*.py")])


def _actions(file: Path) -> Iterator[str]:
    for node in ast.parse(file.read_text()).body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        summary = (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ")
        returns = f" → {ast.unparse(node.returns)}" if node.returns and ast.unparse(node.returns) != "None" else ""
        place = file.relative_to(ROOT)
        yield f"- [`{node.name}`](../{place})`({ast.unparse(node.args)}){returns}`  \n  {summary}\n"


def main() -> None:
    stale = []
    for name, text in {"settings.md": settings_page(), "rules.md": rules_page()}.items():
        file = DOCS / name
        if file.exists() and file.read_text() == text:
            continue
        if "--check" in sys.argv:
            stale.append(name)
        else:
            file.write_text(text)
    if stale:
        sys.exit(f"Out of date: {', '.join(stale)}. Run: make docs")


if __name__ == "__main__":
    main()
