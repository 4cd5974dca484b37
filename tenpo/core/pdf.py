"""Paper: a document of a title, facts and one table as PDF, set by Typst."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from django.http import HttpResponse

TEMPLATE = Path(__file__).parent / "templates" / "pdf" / "document.typ"


@dataclass(frozen=True)
class Document:
    """What stands on the paper; every text is shown as it is, and none is read as Typst's markup."""

    title: str
    sender: str
    reader: str
    facts: Sequence[tuple[str, str]]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def pdf_of(document: Document) -> bytes:
    """The document as PDF. Texts come in as data, and the compiler sees one empty folder, so nothing else is read."""
    import typst  # noqa: PLC0415 (a compiler that most processes never need)

    with tempfile.TemporaryDirectory() as empty:
        compiler = typst.Compiler(
            root=empty, ignore_system_fonts=True, sys_inputs={"document": json.dumps(asdict(document))}
        )
        paper = compiler.compile(TEMPLATE.read_bytes(), format="pdf")
    assert isinstance(paper, bytes)
    return paper


def pdf_answer(file_name: str, document: Document) -> HttpResponse:
    """An answer that carries the document; `file_name` is of our own making."""
    return HttpResponse(
        pdf_of(document),
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{file_name}"'},
    )
