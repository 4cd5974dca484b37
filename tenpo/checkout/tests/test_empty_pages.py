"""Pages of a business in which nothing has happened yet: what will stand there, what one can do, nothing to filter."""

import pytest

from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.tests.intro_make import make_intro_service
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_location

pytestmark = pytest.mark.django_db


def page(user: User, path: str) -> str:
    return signed_in(user).get(path).text


@pytest.mark.parametrize("path", ["/teaching/", "/teaching/?when=past", "/teaching/services/", "/teaching/clients/"])
def test_where_nothing_stands_there_is_nothing_to_filter(path):
    admin = make_admin()
    coach = make_coach()

    assert 'class="filters' not in page(admin, path)
    # Whoever asked for something sees what they asked for, and the way back.
    assert 'class="filters' in page(admin, f"{path}{'&' if '?' in path else '?'}coach={coach.pk}")


@pytest.mark.parametrize("path", ["/money/", "/money/wallets/"])
def test_money_that_nobody_paid_is_neither_filtered_nor_exported(path):
    bare = page(make_admin(), path)

    assert 'class="filters' not in bare
    assert "/money/payments.csv" not in bare
    assert 'class="filters' in page(make_admin(), f"{path}?q=nobody")


def test_sessions_are_looked_for_where_there_are_some():
    member = make_member()

    bare = page(member, "/sessions/")
    make_session()

    assert 'class="filters' not in bare
    assert "day-strip" not in bare
    assert 'class="filters' in page(member, "/sessions/")


def test_a_bare_week_says_how_people_come_to_book():
    coach = make_coach()

    bare = page(coach, "/teaching/week/")
    make_hours(coach)

    assert "without working hours nobody can book a time in it" in bare
    assert f"/teaching/hours/{coach.pk}/" in bare
    assert "coach-week-grid" not in bare
    assert "coach-week-grid" in page(coach, "/teaching/week/")


def test_what_is_missing_for_a_service_or_an_embed_is_said():
    coach = make_coach()

    assert "people meet by a link. Admins add places." in page(coach, "/teaching/services/new/")
    assert "/places/new/" in page(make_admin(), "/teaching/services/new/")
    assert "There is nothing to show yet" in page(coach, "/teaching/embeds/new/")
    make_location()
    make_intro_service(coach)
    assert "people meet by a link" not in page(coach, "/teaching/services/new/")
    assert "There is nothing to show yet" not in page(coach, "/teaching/embeds/new/")


def test_nothing_earned_is_not_paid_out():
    assert "Ask for a payout" not in page(make_coach(), "/me/money/earnings/")
    assert ".csv" not in page(make_member(), "/me/money/credit/")
