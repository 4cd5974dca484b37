import pytest

from tenpo.core.outbox import drain
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.people.actions.invites import accept_invite, decline_invite
from tenpo.people.tests import make
from tenpo.people.tests.make import make_admin

pytestmark = pytest.mark.django_db


def test_the_inviter_hears_that_somebody_came():
    admin, other = make_admin(), make_admin()
    _invite, token = make.make_invite(by=admin, email="maya@example.com")

    accept_invite(token, name="Maya Berg", password=make.PASSWORD)
    drain()

    told = Notification.objects.get(user=admin)
    assert say(told.kind, told.payload).title == "Maya Berg accepted your invite"
    assert not Notification.objects.filter(user=other).exists()


def test_the_inviter_hears_that_somebody_declined():
    admin = make_admin()
    _invite, token = make.make_invite(by=admin, email="maya@example.com")

    decline_invite(token)
    drain()

    told = Notification.objects.get(user=admin)
    assert say(told.kind, told.payload).title == "maya@example.com declined your invite"
