"""What employers pay a part of, as source L knows it."""

import pytest

from tenpo.checkout.tests.make import make_booking
from tenpo.orders.tests.make import make_sponsorship
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.people.tests.make import make_member
from tenpo.reporting.tests.read import view_rows
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


def test_each_thing_that_an_employer_pays_a_part_of_is_a_row():
    employer, student = make_member(), make_member()
    make_sponsorship(student, sponsor=employer, percent=50)
    booked = make_booking(make_session(price=8_000), student)
    held = make_booking(make_session(price=8_000), student, card=DECLINED)
    cancel_booking(make_booking(make_session(price=8_000), student, card=DECLINED), by=student)
    make_booking(make_session(price=8_000), make_member())
    make_booking(make_session(price=0), student)

    rows = view_rows("peer_learning", "employer_sponsorships")

    assert booked.line is not None
    assert held.line is not None
    assert rows == [
        {
            "id": one.line.pk,
            "employer_id": employer.pk,
            "student_id": student.pk,
            "enrollment_id": one.pk,
            "created_at": one.line.order.created_at,
        }
        for one in (booked, held)
        if one.line
    ]
