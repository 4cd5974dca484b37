"""The pages on which a coach says yes or no to times that were asked for."""

import re

import pytest
from django.urls import reverse

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.requests import MAX_WORD, approve_request
from tenpo.checkout.tests.make import told
from tenpo.checkout.tests.slot_make import HOUR, NINE, QUESTIONS, book, everything, lapse, make_client_of, working_coach
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.orders.tests.make import make_credit, make_share_policy, make_sponsorship
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.models import Booking, Service
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
LIST = "/teaching/requests/"


@pytest.fixture
def coach() -> User:
    return working_coach()


@pytest.fixture
def service(coach: User) -> Service:
    return make_service(coach, needs_approval=True, name="On demand")


def ask(service: Service, member: User | None = None, at=NINE, **wanted) -> Booking:
    return book(service, member or make_member("Mina Ray"), at, provider="", source="", **wanted)


def url(booking: Booking) -> str:
    return reverse("checkout:request-answer", args=[booking.pk])


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_what_waits_is_listed_with_its_count_where_a_coach_looks(service, coach):
    booking = ask(service)

    listed, teaching, today = (signed_in(coach).get(path) for path in (LIST, "/teaching/", "/"))

    assert "Mina Ray" in text_of(listed)
    assert url(booking) in listed.content.decode()
    assert 'Asked for<span class="n">1</span>' in teaching.content.decode()
    assert url(booking) in today.content.decode()


def test_only_what_still_waits_is_listed(service, coach):
    lapse(ask(service, make_member("Lea Late")))
    approve_request(ask(service, make_member("Ann Answered"), NINE + HOUR), by=coach)
    ask(make_service(working_coach(), needs_approval=True), make_member("Eve Elsewhere"))

    answer = signed_in(coach).get(LIST)

    assert "Nobody waits for an answer." in text_of(answer)
    assert "Eve Elsewhere" in text_of(signed_in(make_admin()).get(LIST))


def test_the_page_says_who_when_what_and_until_when(coach):
    make_share_policy(percent=50)
    service = make_service(coach, needs_approval=True, questions=QUESTIONS)
    make_session(coach, title="Breathing", starts_at=NINE + 4 * HOUR)
    member = make_client_of(coach)
    booking = ask(service, member, answers={"goal": "To sleep", "rules": True})

    said = text_of(signed_in(coach).get(url(booking)))

    assert f"{member.email} was here 1 time" in said
    assert "€60" in said
    assert "To sleep" in said
    assert "Breathing" in said
    assert "who pays for it until" in said
    assert "Without an answer it ends" in said


@pytest.mark.parametrize("percent", [None, 50, 100])
def test_how_somebody_pays_is_not_told(service, coach, percent):
    member = make_member()
    if percent:
        make_share_policy(percent=percent)
    booking = ask(service, member)
    before = text_of(signed_in(coach).get(url(booking)))
    assert ("there is nothing for them to pay" in before) is (percent == 100)

    make_sponsorship(member)
    assert text_of(signed_in(coach).get(url(booking))) == before
    make_credit(member, 6_000)
    assert text_of(signed_in(coach).get(url(booking))) == before


def asking(service: Service, at=NINE) -> str:
    return reverse("checkout:slot-book", args=[service.pk, start_name(at)])


def test_whoever_asks_is_asked_for_no_payment(service, coach):
    member = make_member()
    page = signed_in(member).get(asking(service))

    answer = signed_in(member).post(asking(service), {"csrfmiddlewaretoken": "any"})

    assert f"{coach} says yes or no first. Then you pay €60." in text_of(page)
    assert "Ask for this time" in text_of(page)
    assert 'name="provider"' not in page.content.decode()
    assert 'name="agreed"' not in page.content.decode()
    booking = Booking.objects.get(booked_by=member)
    assert (answer.status_code, booking.awaits_approval, booking.line) == (302, True, None)


def test_whose_credit_pays_for_it_is_not_asked_before_the_yes(service):
    member = make_member()
    make_credit(member, 6_000)

    said = text_of(signed_in(member).get(asking(service)))

    assert "says yes or no first. " in said
    assert "Then you pay" not in said


def test_its_coach_and_admins_book_as_ever(service, coach):
    for user in (coach, make_admin()):
        page = signed_in(user).get(asking(service))

        assert "Ask for this time" not in text_of(page)
        assert 'name="agreed"' in page.content.decode()


def test_any_of_several_is_not_named(coach):
    service = make_service(coach, working_coach(), needs_approval=True, coaches_rule="any")

    assert "Your coach says yes or no first." in text_of(signed_in(make_member()).get(asking(service)))


def test_a_yes_offers_it_and_leads_back_to_what_waits(service, coach):
    member = make_member("Mina Ray")
    booking = ask(service, member)

    answer = signed_in(coach).post(url(booking), {"answer": "yes"}, follow=True)

    assert answer.redirect_chain == [(LIST, 302)]
    assert "You said yes. Mina Ray is told, and can book it now." in text_of(answer)
    booking.refresh_from_db()
    assert (booking.state, told(member)) == ("offered", ["booking.approved"])


def test_a_yes_to_what_costs_nothing_books_it(coach):
    booking = ask(make_service(coach, needs_approval=True, price=0))
    said = text_of(signed_in(coach).get(url(booking)))

    answer = signed_in(coach).post(url(booking), {"answer": "yes"}, follow=True)

    assert "is booked at once; there is nothing for them to pay" in said
    assert "You said yes: Mina Ray is booked." in text_of(answer)


def test_a_no_takes_a_word_with_it(service, coach):
    member = make_member()
    booking = ask(service, member)

    signed_in(coach).post(url(booking), {"answer": "no", "word": "I am away."})

    booking.refresh_from_db()
    assert (booking.state, booking.ending, told(member)) == ("cancelled", "host", ["booking.declined"])
    assert AuditLog.objects.filter(action="booking.cancelled", after__word="I am away.").exists()
    assert "You said no." in text_of(signed_in(coach).get(url(booking)))


@pytest.mark.parametrize(("sent", "status"), [
    ({"answer": "no", "word": "x" * (MAX_WORD + 1)}, 422), ({"answer": "perhaps"}, 409), ({}, 409),
])  # fmt: skip
def test_what_is_no_answer_changes_nothing(service, coach, sent, status):
    booking = ask(service)
    before = everything()

    answer = signed_in(coach).post(url(booking), sent)

    assert answer.status_code == status
    assert everything() == before
    if "word" in sent:
        assert sent["word"] in answer.content.decode()


def test_what_is_over_says_how_it_ended(service, coach):
    lapsed, withdrawn = ask(service, make_member()), ask(service, make_member(), NINE + HOUR)
    lapse(lapsed)
    cancel_booking(withdrawn, by=withdrawn.booked_by)

    assert "Nobody answered in time" in text_of(signed_in(coach).get(url(lapsed)))
    assert "They do not ask for it any more." in text_of(signed_in(coach).get(url(withdrawn)))
    answer = signed_in(coach).post(url(lapsed), {"answer": "yes"})
    assert (answer.status_code, "Nobody waits for an answer here any more." in text_of(answer)) == (409, True)


def test_what_has_its_yes_is_read_with_who_comes(service, coach):
    booking = approve_request(ask(service), by=coach)

    answer = signed_in(coach).get(url(booking))

    assert answer.headers["Location"] == f"/teaching/{booking.session_id}/"


def test_only_its_coach_and_admins_may(service):
    member = make_member()
    booking = ask(service, member)

    assert signed_in(make_coach()).post(url(booking), {"answer": "yes"}).status_code == 404
    assert signed_in(member).post(url(booking), {"answer": "yes"}).status_code == 404
    assert signed_in(member).get(LIST).status_code == 404
    assert signed_in(make_admin()).post(url(booking), {"answer": "yes"}).status_code == 302


def test_what_the_coach_is_told_leads_to_the_answer(service, coach):
    booking = ask(service)
    assert told(coach) == ["coach.requested"]

    news = Notification.objects.get(user=coach)

    assert say(news.kind, news.payload).path == url(booking)
