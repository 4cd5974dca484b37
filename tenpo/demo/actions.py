"""The demo: a company that has used Tenpo for eleven weeks, told by the actions that everybody uses."""

from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from tenpo.access.actions.api_clients import create_api_client
from tenpo.access.models import Scope
from tenpo.books.actions.closing import close_days
from tenpo.core.business import forget_business
from tenpo.core.words import say_full_day
from tenpo.demo import cast
from tenpo.demo.clock import Clock
from tenpo.demo.plot import finish, happen, working_days
from tenpo.demo.post import mails_kept, quickly
from tenpo.demo.story import Story
from tenpo.people.models import User
from tenpo.runtime import database

type Progress = Callable[[int, int, str], None]

_accounts: list[dict[str, str]] = []


def load_demo(*, progress: Progress | None = None, owner: str | None = None) -> list[dict[str, str]]:
    """Fill an empty installation; returns the accounts to sign in with, as `accounts` does from then on.

    `progress` hears (days done, of how many, what happens). `owner` is the connection string of the role that owns the
    tables, the installation's own by default: only it may set the times of what has happened back.
    """
    assert not User.objects.exists(), "the demo is for an installation without people"
    tell = progress or _say_nothing
    days = working_days(timezone.now())
    with (
        psycopg.connect(owner or database.conninfo(settings.DATA_DIR, "owner"), autocommit=True) as connection,
        mails_kept(),
        quickly(),
    ):
        clock = Clock(connection, starts_back=timezone.now() - days[0] + timedelta(minutes=1))
        try:
            story = _tell(Story(clock, connection), days, tell)
        except BaseException:
            # Nobody can go on with half a demo, and nobody else was here.
            clock.undo()
            forget_business()
            raise
    _accounts[:] = [_account(story, role, user) for role, user in story.leads()]
    tell(len(days) + 1, len(days) + 1, _("ready"))
    return accounts()


def _tell(story: Story, days: list[datetime], tell: Progress) -> Story:
    for number, day in enumerate(days):
        tell(number, len(days) + 1, say_full_day(day))
        story.clock.go_to(day)
        happen(story, number, left=len(days) - number)
    tell(len(days), len(days) + 1, _("today"))
    story.clock.go_to(timezone.now())
    finish(story)
    story.clock.settle()
    # Only now does everything that moved bear the time at which it did.
    close_days(by=story.admin)
    return story


def accounts() -> list[dict[str, str]]:
    """Who can sign in to the demo: role, name, e-mail, password and API key; empty where this process loaded none."""
    return list(_accounts)


def _account(story: Story, role: str, user: User) -> dict[str, str]:
    _client, key = create_api_client(user, name=_("Demo"), scopes=list(Scope.values), expires_at=None, by=user)
    return {"role": role, "name": user.name, "email": user.email, "password": cast.PASSWORD, "api_key": key}


def _say_nothing(done: int, total: int, what: str) -> None:
    pass
