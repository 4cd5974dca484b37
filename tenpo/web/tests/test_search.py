"""Finding things: what each person may find, and what they may not."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenpo.checkout.tests.make import make_booking
from tenpo.payments.models import Payment
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, make_user, signed_in
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session
from tenpo.web.queries.search import find

pytestmark = pytest.mark.django_db


def test_words_count_from_their_beginning():
    session = make_session(title="Breathing at work")
    make_session(title="Leading a team")

    assert find("brea", by=make_member()).sessions == [session]
    assert find("work BREATH", by=make_member()).sessions == [session]
    assert find("reathing", by=make_member()).sessions == []


def test_a_session_is_found_by_its_coach_and_the_next_one_stands_first():
    coach = make_coach("Maya Berg")
    later = make_session(coach, starts_in=timedelta(days=9))
    over = make_session(coach, starts_in=timedelta(days=12))
    sooner = make_session(coach, starts_in=timedelta(days=2))
    Session.objects.filter(pk=over.pk).update(
        starts_at=over.starts_at - timedelta(days=40), ends_at=over.ends_at - timedelta(days=40)
    )

    assert [s.pk for s in find("maya", by=make_member()).sessions] == [sooner.pk, later.pk, over.pk]


@pytest.mark.parametrize("text", ["ada", "Lovelace ada", "ada@tower"])
def test_admins_find_everybody(text: str):
    ada = make_user("Ada Lovelace", email="ada@tower.example")

    assert find(text, by=make_admin()).people == [ada]


def test_members_find_coaches_by_name_and_nobody_else():
    coach = make_coach("Ada Berg")
    make_member("Ada Lovelace")
    member = make_member("Somebody")

    assert find("ada", by=member).people == [coach]
    assert find("some", by=member).people == [member]
    assert find(coach.email, by=member).people == []


def test_who_left_is_not_found():
    gone = make_member("Gone Person")
    User.objects.filter(pk=gone.pk).update(disabled_at="2026-01-01T00:00Z")

    assert find("gone", by=make_admin()).people == []


def test_an_order_is_found_by_its_number_by_its_buyer_and_admins():
    member = make_member()
    booking = make_booking(make_session(), member)
    assert booking.line is not None
    order = booking.line.order

    for text in (order.number, order.number[:4].lower(), f" #{order.number[:5]}-{order.number[5:]} "):
        assert find(text, by=member).orders == [order]
        assert find(text, by=make_admin()).orders == [order]
        assert find(text, by=make_member()).orders == []


def test_a_payment_is_found_by_its_reference():
    member = make_member()
    make_booking(make_session(), member)
    payment = Payment.objects.get()
    assert payment.reference is not None

    assert find(payment.reference, by=member).payments == [payment]
    assert find(payment.reference, by=make_member()).payments == []


@pytest.mark.parametrize("text", ["", "   ", "!!!", "' OR 1=1 --", "a:* & b", "x" * 5_000, "%", "_", "\\", "ñ́"])
def test_whatever_somebody_types_is_only_words(text: str):
    make_session(title="Plain")

    assert not find(text, by=make_member()).sessions


def test_the_page_and_the_palettes_list():
    make_session(title="Breathing at work")
    client = signed_in(make_member())

    page = client.get("/search", {"q": "breath"}).content.decode()
    fragment = client.get("/search", {"q": "breath"}, headers={"HX-Request": "true"}).content.decode()

    assert "Breathing at work" in page
    assert "<html" in page
    assert "Breathing at work" in fragment
    assert "<html" not in fragment
    assert "<a href=" in fragment


def test_pages_are_found_by_their_name():
    fragment = signed_in(make_member()).get("/search", {"q": "tod"}, headers={"HX-Request": "true"}).content.decode()

    assert 'href="/"' in fragment


def test_nothing_found_says_so_and_what_was_typed_is_only_text():
    page = signed_in(make_member()).get("/search", {"q": "<script>zzz"}).content.decode()

    assert "&lt;script&gt;zzz" in page
    assert "<script>zzz" not in page


def test_a_stranger_is_sent_to_sign_in():
    assert Client().get("/search", {"q": "a"}).status_code == 302


def test_statements_do_not_grow_with_what_is_found():
    member = make_member()
    client = signed_in(member)
    coach = make_coach("Breath Person")

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get("/search", {"q": "breath"})
        return len(captured)

    make_session(coach, title="Breath 1", starts_in=timedelta(days=1))
    statements()
    one = statements()
    for n in range(2, 9):
        make_session(coach, title=f"Breath {n}", starts_in=timedelta(days=n))
    assert statements() == one <= 9
