"""Files of sessions, as page and endpoint hand them out."""

from pathlib import PurePath

from django.http import FileResponse, Http404, HttpRequest
from django.utils.http import content_disposition_header
from whitenoise.responders import MissingFileError, StaticFile

from tenpo.core.files import path_of
from tenpo.schedule.resource_models import SessionResource

ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}
ENDINGS["application/pdf"] = ".pdf"


def file_answer_of(request: HttpRequest, resource: SessionResource) -> FileResponse:
    """A file as an attachment under the name that its coach gave it."""
    headers = [
        ("Content-Type", "application/octet-stream"),
        ("Content-Disposition", content_disposition_header(True, file_name(resource)) or "attachment"),
        ("Cache-Control", "private, no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    try:
        found = StaticFile(str(path_of(resource.file_key)), headers).get_response(request.method or "GET", request.META)
    except (MissingFileError, OSError):
        # A backup was brought back from a moment at which it was about to go.
        raise Http404 from None
    response = FileResponse(found.file or (), status=found.status, content_type="application/octet-stream")
    for name, value in found.headers:
        response.headers[name] = value
    response.headers["Accept-Ranges"] = "bytes"
    return response


def file_name(resource: SessionResource) -> str:
    """What a browser calls the file; its ending says what it is by its content where we know."""
    ending = ENDINGS.get(resource.mime_type, "")
    plain = "".join(c for c in resource.name if c.isprintable() and c not in '/\\:"').strip(". ") or "file"
    return plain if not ending or PurePath(plain).suffix.lower() in (ending, ".jpeg") else f"{plain}{ending}"
