import base64
import json

import pytest
from django.core.exceptions import ValidationError

from tenpo.core.models import RateCount
from tenpo.core.paging import MAX_PAGE_SIZE, keyset_page
from tenpo.people.models import User
from tenpo.people.tests.make import make_member

pytestmark = pytest.mark.django_db

ID = "01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42"


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
     cursor_of([[1]]), cursor_of([10**400]), cursor_of("not-a-uuid"), "W" * 5000, cursor_of([1]), cursor_of([True]),
     cursor_of([1.5]), cursor_of(["\ud800"]),
     cursor_of(["01920F3A-7C1E-7B3A-9D55-2F6F0C1B8A42"]), "\ud800", "W" + "1b" * 20_000],
)  # fmt: skip
def test_a_cursor_that_we_did_not_make_is_refused(cursor):
    with pytest.raises(ValidationError):
        keyset_page(User.objects.all(), order=("-id",), cursor=cursor)


@pytest.mark.parametrize("values", [
    ["\ud800", ID], [1, ID], [True, ID], ["a\0b", ID], [{"$ne": 1}, ID], ["a", 1], ["a", f"{{{ID}}}"], ["a", None],
])  # fmt: skip
def test_a_name_that_nobody_can_have_is_refused(values):
    with pytest.raises(ValidationError):
        keyset_page(User.objects.all(), order=("name", "id"), cursor=cursor_of(values))


@pytest.mark.parametrize("at", [1, "\ud800", "2031-01-01", "2031-01-01T10:00:00", "2031-01-01 10:00:00+00:00", ""])
def test_a_time_that_we_did_not_write_is_refused(at):
    with pytest.raises(ValidationError):
        keyset_page(User.objects.all(), order=("created_at", "id"), cursor=cursor_of([at, ID]))


def test_times_make_pages_too():
    members = [make_member() for _ in range(3)]

    assert pages(("-created_at", "id"), 1) == [[member] for member in reversed(members)]


def test_a_number_beyond_the_column_is_refused_or_empty():
    assert keyset_page(RateCount.objects.all(), order=("-id",), cursor=cursor_of([5])).items == []
