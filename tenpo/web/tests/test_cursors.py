"""A page after a cursor that we did not make: the same answer everywhere."""

import pytest
from django.test import Client

from tenpo.people.tests.make import make_admin

LISTS = [
    "/audit/", "/bookings/", "/deliveries/", "/deliveries/events/", "/imports/", "/invites/", "/me/keys/", "/me/money/",
    "/me/money/credit/", "/money/", "/money/ledger/transfers/", "/money/waiting/", "/notifications/", "/people/",
    "/sessions/", "/teaching/",
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("address", LISTS)
def test_a_cursor_that_is_none_of_ours_is_not_found(address):
    client = Client()
    client.force_login(make_admin())

    assert client.get(address).status_code == 200
    for cursor in ("rubbish", "WyJhIl0", "bm8"):
        assert client.get(address, {"cursor": cursor}).status_code == 404
