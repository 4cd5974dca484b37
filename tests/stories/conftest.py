"""A program that uses Tenpo: it knows an address and a key, and nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from django.core.wsgi import get_wsgi_application

from tenpo.access.actions.api_clients import create_api_client
from tenpo.people.models import User

type Answer = httpx2.Response


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.django_db(transaction=True))


class Api:
    """Calls the API with one person's key."""

    def __init__(self, key: str = "") -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        transport = httpx2.WSGITransport(app=get_wsgi_application())
        self.client = httpx2.Client(base_url="http://localhost/api/v1", transport=transport, headers=headers)

    def get(self, path: str, **query: Any) -> Any:
        """What the API answers; any refusal fails."""
        return self._good(self.client.get(path, params=query))

    def post(self, path: str, body: dict[str, Any] | None = None, **options: Any) -> Any:
        """What the API answers to a call that counts once; any refusal fails."""
        return self._good(self.ask("POST", path, body, **options))

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        return self._good(self.ask("PATCH", path, body))

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return self._good(self.ask("PUT", path, body))

    def delete(self, path: str) -> None:
        self._good(self.ask("DELETE", path))

    def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, key: str = "", **options: Any
    ) -> Answer:
        """The answer as it is, refusals too."""
        headers = {"Idempotency-Key": key or uuid4().hex} if method == "POST" else {}
        content: dict[str, Any] = (
            {} if body is None and ("files" in options or method == "DELETE") else {"json": body or {}}
        )
        return self.client.request(method, path, headers=headers, **content, **options)

    def refusal(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        """The status and the code with which a call is refused."""
        answer = self.client.get(path) if method == "GET" else self.ask(method, path, body)
        assert answer.status_code >= 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        return answer.status_code, problem["code"]

    def all(self, path: str, **query: Any) -> list[Any]:
        """Every row of a list, page by page."""
        rows: list[Any] = []
        cursor = None
        while True:
            page = self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            rows += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return rows

    def _good(self, answer: Answer) -> Any:
        assert answer.status_code < 300, f"{answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


@pytest.fixture
def api() -> Iterator[Callable[[User | None], Api]]:
    """`api(user)`: the API with a key of this person; `api(None)` without one."""
    made: list[Api] = []

    def make(user: User | None) -> Api:
        key = ""
        if user is not None:
            _, key = create_api_client(user, name="A story", scopes=["read", "write"], expires_at=None, by=user)
        made.append(Api(key))
        return made[-1]

    yield make

    for one in made:
        one.client.close()
