"""How many people a page says are told, and who is."""

import pytest

from tenpo.checkout.actions.buying import book_places, book_session
from tenpo.checkout.tests.make import make_booking
from tenpo.core.outbox import drain
from tenpo.notify.models import Notification
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.intros import confirm_intro
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.queries import cancellation_effect
from tenpo.schedule.tests.intro_make import ask, make_intro_service
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


def test_as_many_are_told_as_was_said():
    admin, session = make_admin(), make_session(capacity=5, price=4_000)
    make_booking(session, make_member())
    host = make_member()
    party = [host.participant, *add_guests(["Mia"], by=host)]
    book_places(session, participants=party, by=host, provider="sandbox", source=SUCCEEDS)
    # Another pays, and both are told; of the two for whom they pay each, and they once.
    for _ in range(2):
        book_session(session, participant=make_member().participant, by=admin, provider="sandbox", source=SUCCEEDS)
    waits = make_member()
    join_waitlist(session, participant=waits.participant, by=waits)
    page = signed_in(session.coach).get(f"/teaching/{session.pk}/cancel/").content.decode()
    said = cancellation_effect([session]).people

    cancel_session(session, reason="", by=session.coach)

    drain(1_000)
    told = Notification.objects.filter(kind="session.cancelled")
    assert told.values("user").distinct().count() == said == 6
    assert "6 people will be told" in page


def test_a_visitor_who_confirmed_is_told_as_well():
    service = make_intro_service()
    intro = ask(service)
    assert cancellation_effect([intro.session]).people == 0

    confirm_intro(intro)

    assert cancellation_effect([intro.session]).people == 1
