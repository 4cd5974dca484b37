"""Intros in every state, for tests; and what breaks each of their invariants."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from tenpo.audit.actions import record
from tenpo.core.limits import INTRO_KEPT_DAYS
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach
from tenpo.schedule.actions.hours import set_weekly_hours
from tenpo.schedule.actions.intro_memory import forget_visitors
from tenpo.schedule.actions.intros import Visitor, ask_intro, cancel_intro, confirm_intro, mark_intro
from tenpo.schedule.actions.sessions import complete_session
from tenpo.schedule.models import Intro, Service, Session
from tenpo.schedule.tests.make import set_times
from tenpo.schedule.tests.time_make import make_hours, make_service

VERA = Visitor("Vera Voss", "vera@example.com", "Europe/Berlin", "en")


def make_intro_service(*coaches: User, **terms: Any) -> Service:
    """A free quarter of an hour for visitors, at any hour of any day."""
    for coach in coaches or (make_coach("Lena Ott"),):
        make_hours(coach, opens=0, closes=24 * 60)
        coaches = coaches or (coach,)
    values: dict[str, Any] = {
        "name": "First talk", "format": "intro", "open_to": "visitors", "durations": [15], "price": 0,
        "step_minutes": 15, "locations": [], "join_link": "https://meet.example.com/first",
    }  # fmt: skip
    return make_service(*coaches, **{**values, **terms})


def some_start(hours: int = 24) -> datetime:
    """A whole hour, so many hours ahead."""
    return timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=hours)


def ask(service: Service, *, visitor: Visitor = VERA, hours: int = 24, **wanted: Any) -> Intro:
    """A time that somebody asked for."""
    wanted = {"starts_at": some_start(hours), "minutes": 15, **wanted}
    return ask_intro(service, visitor=visitor, **wanted)


def make_intro(service: Service | None = None, **wanted: Any) -> Intro:
    """A time that somebody asked for and confirmed."""
    return confirm_intro(ask(service or make_intro_service(), **wanted))


def begin(intro: Intro, *, ago: timedelta = timedelta(hours=1)) -> Intro:
    """As if its session had begun then; what is over for long was completed."""
    was, at = Session.objects.get(pk=intro.session_id), timezone.now() - ago
    times = {"starts_at": at, "ends_at": at + timedelta(minutes=15), "busy_from": at}
    set_times(Session.objects.filter(pk=intro.session_id), **times, busy_until=times["ends_at"])
    intro = Intro.objects.select_related("session", "participant").get(pk=intro.pk)
    names = ("starts_at", "ends_at")
    before, after = {name: getattr(was, name) for name in names}, {name: times[name] for name in names}
    record("session.changed", by=None, on=intro.session, before=before, after=after)
    if ago > timedelta(days=1):
        complete_session(intro.session, by=None)
    return intro


def make_intros() -> None:
    """Held, booked, come, gone, forgotten."""
    coach = make_coach("Irma")
    service = make_intro_service(coach, repeats_intro=False)
    ask(service, visitor=Visitor("Held", "held@example.com", "UTC", "en"), hours=30)
    for number, name in enumerate(("came", "booked", "gone", "old")):
        intro = make_intro(service, visitor=Visitor(name, f"{name}@example.com", "UTC", "en"), hours=40 + number)
        if name == "came":
            mark_intro(begin(intro), state="attended", by=coach)
        elif name == "gone":
            cancel_intro(intro)
        elif name == "old":
            begin(intro, ago=timedelta(days=INTRO_KEPT_DAYS + 5))
    forget_visitors()
    set_weekly_hours(coach, [], by=None)


_OF = "SELECT id FROM schedule_intro WHERE {} ORDER BY id LIMIT 1"
_OLD = _OF.format("forgotten_at IS NOT NULL")
INTRO_PLANTS: dict[str, str | list[str]] = {
    "intro-is-a-session-of-its-coach": f"""
        UPDATE schedule_intro SET coach_id = uuidv7() WHERE id = ({_OF.format("state = 'confirmed'")})""",
    "visitor-has-one-intro-with-a-coach": """
        UPDATE schedule_intro SET email = 'twice@example.com'
        WHERE state IN ('confirmed', 'attended') AND email <> ''""",
    "intro-is-as-last-recorded": f"""
        UPDATE schedule_intro SET state = 'no_show' WHERE id = ({_OF.format("state = 'attended'")})""",
    "unanswered-intro-is-let-go": """
        UPDATE schedule_intro SET held_until = now() - interval '1 hour' WHERE state = 'held'""",
    "forgotten-visitor-has-no-name": f"""
        UPDATE people_participant SET name = 'Somebody' WHERE id = (
            SELECT participant_id FROM schedule_intro WHERE id = ({_OLD}))""",
    "visitor-is-forgotten-in-time": f"UPDATE schedule_intro SET forgotten_at = NULL WHERE id = ({_OLD})",
}
