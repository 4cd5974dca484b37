import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from tenpo.runtime import logs

TOKEN = "q7Zr3n0_kP-2vXw9sLbT4uYc8dEfGh1J"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged by an installation's own settings; afterwards logging is as it was."""
    monkeypatch.setenv("TENPO_LOG_FORMAT", "json")
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure()
    found = io.StringIO()
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(found)
    yield found
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "path",
    [
        f"/invite/{TOKEN}/",
        f"/invite/{TOKEN}/decline/",
        f"/api/v1/invites/{TOKEN}/acceptance",
        f"/calendar/feed/{TOKEN}.ics",
        f"/account/password/reset/key/1a-{TOKEN}/",
    ],
)
def test_secrets_in_addresses_do_not_reach_the_log(written: io.StringIO, path: str):
    log = logging.getLogger("django.request")

    log.warning("Not Found: %s", path, extra={"status_code": 404, "path": path})
    try:
        raise ValueError(path)
    except ValueError:
        log.exception("Internal Server Error: %s", path)

    text = written.getvalue()
    assert "Not Found: " in text
    assert "ValueError" in text
    assert TOKEN not in text


def test_the_values_of_variables_do_not_reach_the_log(written: io.StringIO):
    password = "".join(["four words ", "put together"])

    try:
        raise ValueError(len(password))
    except ValueError:
        logging.getLogger("django.request").exception("Internal Server Error")

    assert "test_the_values_of_variables" in written.getvalue()
    assert password not in written.getvalue()


def test_ids_in_addresses_stay(written: io.StringIO):
    path = "/api/v1/invites/01a1fd9d-8f52-7697-8025-97d5dff301d5/mailing"

    logging.getLogger("django.request").warning("Conflict: %s", path)

    assert path in written.getvalue()
