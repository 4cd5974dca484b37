"""Which time zones there are."""

import pytest
from django.db import connection

from tenpo.core import zones
from tenpo.core.zones import all_zones, is_zone


@pytest.mark.parametrize("name", ["localtime", "Factory", "posixrules", "", "europe/berlin", "../etc/passwd"])
def test_what_is_no_zone(name):
    assert not is_zone(name)


def test_the_clock_of_the_machine_is_no_zone_wherever_it_has_a_file(monkeypatch):
    monkeypatch.setattr(zones, "available_timezones", lambda: {"UTC", "localtime", "Factory"})

    assert all_zones.__wrapped__() == {"UTC"}


@pytest.mark.django_db
def test_the_database_knows_every_zone_that_we_know():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        known = {row[0] for row in cursor.fetchall()}

    assert all_zones() <= known
