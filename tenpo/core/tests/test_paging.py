import base64
import json

import pytest
from django.core.exceptions import ValidationError

from tenpo.core.models import RateCount
from tenpo.core.paging import MAX_PAGE_SIZE, keyset_page
from tenpo.people.models import User
from tenpo.people.tests.make import make_member

pytestmark = pytest.mark.django_db


def pages(order: tuple[str, ...], limit: int) -> list[list[User]]:
    found, cursor = [], None
    while True:
        page = keyset_page(User.objects.all(), order=order, cursor=cursor, limit=limit)
        found.append(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("order", [("-id",), ("name", "id"), ("-name", "-id"), ("name", "-id")])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_together_are_the_list(order, limit):
    for name in ["B", "A", "C", "A", "B", "A", "C"]:
        make_member(name)

    found = pages(order, limit)

    assert [user.pk for page in found for user in page] == [user.pk for user in User.objects.order_by(*order)]
    assert all(len(page) == limit for page in found[:-1])


def test_a_page_is_one_statement_and_never_more_than_the_most(django_assert_num_queries):
    with django_assert_num_queries(1):
        page = keyset_page(User.objects.all(), order=("-id",), limit=10**9)

    assert (page.items, page.next_cursor) == ([], None)
    assert MAX_PAGE_SIZE == 100


def cursor_of(values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    ["x", "é", "=", "AAAA", cursor_of({}), cursor_of([]), cursor_of(["a", "b"]), cursor_of([None]), cursor_of(["\0"]),
     cursor_of([[1]]), cursor_of([10**400]), cursor_of("not-a-uuid"), "W" * 5000],
)  # fmt: skip
def test_a_cursor_that_we_did_not_make_is_refused(cursor):
    with pytest.raises(ValidationError):
        keyset_page(User.objects.all(), order=("-id",), cursor=cursor)


def test_a_number_beyond_the_column_is_refused_or_empty():
    assert keyset_page(RateCount.objects.all(), order=("-id",), cursor=cursor_of([5])).items == []
