import pytest
from django.test import Client

from tenpo.core.business import current_business
from tenpo.web.views.errors import broken

pytestmark = pytest.mark.django_db


def test_everybody_may_read_the_reference(client: Client):
    page = client.get("/api/v1/docs")

    assert page.status_code == 200
    assert "API reference" in page.content.decode()
    assert "/api/v1/openapi.json" in page.content.decode()


def test_words_that_nothing_has_find_nothing(client: Client):
    page = client.get("/api/v1/docs", {"q": "zebra <script>"})

    assert page.context["found"] == 0
    assert "zebra &lt;script&gt;" in page.content.decode()
    assert "No operation has these words" in page.content.decode()


def test_the_page_asks_the_database_nothing(client: Client, django_assert_num_queries):
    current_business()

    with django_assert_num_queries(0):
        client.get("/api/v1/docs")


def test_an_error_of_ours_is_a_problem_too(rf):
    answer = broken(rf.get("/api/v1/sessions"))

    assert answer.status_code == 500
    assert answer["Content-Type"] == "application/problem+json"
