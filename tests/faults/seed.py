"""Fill an installation with people who may book and sessions that they book; prints both as JSON.

Run as a program on an installation's data folder: `python -m tests.faults.seed MEMBERS SESSIONS`.
"""

import json
import sys
from datetime import timedelta

from tenpo.runtime import installation

PRICE = 2_000


def seed(members: int, sessions: int) -> dict[str, list[str]]:
    from django.test import override_settings

    from tenpo.access.actions.api_clients import create_api_client
    from tenpo.people.tests.make import make_coach, make_member
    from tenpo.schedule.tests.make import make_session

    # Nobody signs in by password here, and good hashes take their time.
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        coach = make_coach()
        people = [make_member() for _ in range(members)]
    keys = [create_api_client(one, name="x", scopes=["read", "write"], expires_at=None, by=one)[1] for one in people]
    offered = [
        make_session(coach, starts_in=timedelta(days=7, hours=2 * n), capacity=500, price=PRICE * (n % 2))
        for n in range(sessions)
    ]
    return {"keys": keys, "sessions": [str(session.pk) for session in offered]}


if __name__ == "__main__":
    with installation.django():
        print(json.dumps(seed(int(sys.argv[1]), int(sys.argv[2]))))  # noqa: T201 (this is its result)
