"""The walk in docs/api.md is true: its lines run in a shell, one after the other."""

import os
import re
import shutil
import subprocess

import pytest
from pytest_django.live_server_helper import LiveServer

from tenpo.access.actions.api_clients import create_api_client
from tenpo.orders.tests.make import make_share_policy
from tenpo.people.tests.make import make_coach, make_member
from tenpo.runtime.env import ROOT
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session

CHAPTER = "## A booking, step by step"


def lines_of_the_walk() -> str:
    text = (ROOT / "docs" / "api.md").read_text().split(CHAPTER)[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.django_db(transaction=True)
def test_the_walk_books_once_and_cancels(live_server: LiveServer, tmp_path):
    make_share_policy(percent=75)
    make_session(make_coach(), title="Breathing at work", price=8_000)
    member = make_member()
    _, key = create_api_client(member, name="A walk", scopes=["read", "write"], expires_at=None, by=member)
    env = {"PATH": os.environ["PATH"], "TENPO_URL": live_server.url, "TENPO_KEY": key, "LC_ALL": "C.UTF-8"}

    walk = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines_of_the_walk()],
        env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert walk.returncode == 0, walk.stdout + walk.stderr
    assert walk.stdout.endswith("cancelled\n")
    assert "BEGIN:VCALENDAR" in (tmp_path / "booking.ics").read_text()
    booking = Booking.objects.get()
    assert (booking.state, booking.booked_by) == (Booking.State.CANCELLED, member)
