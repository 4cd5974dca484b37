"""The nightly check: silent when all is well, told to every admin when it is not."""

import pytest

from tenpo.core.invariants import report_faults
from tenpo.core.models import OutboxMessage
from tenpo.core.outbox import drain
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.people.models import Participant
from tenpo.people.tests.make import make_admin, make_member

pytestmark = pytest.mark.django_db


@pytest.mark.invariants
def test_a_healthy_night_is_nobodys_news():
    make_admin()

    assert report_faults() == 0
    assert not OutboxMessage.objects.exists()


@pytest.mark.invariants(but={"everybody-takes-part-under-their-name"})
def test_what_does_not_hold_is_told_to_every_admin():
    admins = {make_admin().pk, make_admin().pk}
    Participant.objects.filter(user=make_member()).update(name="Somebody else")

    broken = report_faults()
    drain()

    assert broken == 1
    told = Notification.objects.filter(kind="admin.invariants_broken")
    assert {one.user_id for one in told} == admins
    words = say(told[0].kind, told[0].payload)
    assert words.facts == (("Found", "everybody-takes-part-under-their-name"),)
