"""What the coaches offer by time: places, services, working hours, and when one of them is elsewhere or away."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from tenpo.demo.story import Story
from tenpo.people.models import User
from tenpo.schedule.actions.hours import set_day, set_weekly_hours, set_working_terms
from tenpo.schedule.actions.places import open_location, open_room
from tenpo.schedule.actions.services import create_service
from tenpo.schedule.actions.time_off import add_time_off, add_travel
from tenpo.schedule.availability_queries import zone_of
from tenpo.schedule.models import Location
from tenpo.schedule.weekly_hours import Hours, minutes_of

MAYA, JONAS, AMARA, ELENA, KENJI, SOFIA = range(6)
# Who works when: weekdays (Monday is 0), from, until.
WEEKS: dict[int, tuple[tuple[str, str, str], ...]] = {
    MAYA: (("0134", "09:00", "12:30"), ("01", "14:00", "17:00")),
    JONAS: (("13", "09:00", "12:00"), ("24", "10:00", "15:30")),
    AMARA: (("012", "09:30", "13:00"), ("12", "14:00", "18:30"), ("4", "10:00", "16:00")),
    ELENA: (("024", "16:00", "20:00"),),
    KENJI: (("0123", "16:00", "19:00"),),
    SOFIA: (("13", "08:00", "12:00"), ("5", "10:00", "13:00")),
}
# Germany's holidays where they are at home there.
HOLIDAYS = {MAYA: "DE-BE", JONAS: "DE-HH", AMARA: "DE-BE", ELENA: "IT", KENJI: "JP", SOFIA: "PT"}


def offers_of_the_first_day(story: Story) -> None:
    """What there is to book by time, and when."""
    admin = story.admin
    house = open_location(
        by=admin, name="Head office", address="Am Sandtorkai 12, 20457 Hamburg", latitude=53.5436, longitude=9.9873,
        directions="Ask at the desk for the second floor; the lift is on the left.",
    )  # fmt: skip
    studio = open_location(
        by=admin, name="Studio Ottensen", address="Bahrenfelder Straße 98, 22765 Hamburg", latitude=53.5546,
        longitude=9.9279, directions="Through the yard, the green door. Ring at “Berg”.",
    )  # fmt: skip
    for name in ("Room Elbe", "Room Alster", "Quiet room"):
        open_room(house, name=name, by=admin)
    open_room(studio, name="Hall", by=admin)
    for coach, week in WEEKS.items():
        who = story.coaches[coach]
        hours = [Hours(int(day), minutes_of(opens), minutes_of(closes)) for days, opens, closes in week for day in days]
        set_weekly_hours(who, hours, by=who)
        most = 6 if coach == AMARA else None
        set_working_terms(who, by=who, holidays_of=HOLIDAYS[coach], most_per_day=most)
    _services(story, house, studio)


def _services(story: Story, house: Location, studio: Location) -> None:
    coach = story.coaches

    def offer(*givers: User, name: str, prices: dict[int, int], **terms: Any) -> None:
        by = givers[0] if len(givers) == 1 and "creator" not in terms else story.admin
        create_service(by=by, coaches=givers, name=name, prices=prices, **terms)

    offer(
        coach[AMARA], name="Career coaching", durations=[60, 90], prices={1: 9_000}, locations=[house],
        rooms=list(house.rooms.exclude(name="Room Elbe")), buffer_after=15, notice_minutes=24 * 60,
        join_link="https://meet.example.com/amara", format="hybrid", price_basis="hour",
        description="One hour for whatever you have been putting off: a step up, a step aside, or a letter to write.",
        questions=[
            {"label": "What would you like to talk about?", "required": True},
            {"label": "Where are you now?", "kind": "choice",
             "options": ["In my first years", "Leading people", "Thinking of leaving"]},
        ],
    )  # fmt: skip
    offer(
        coach[AMARA], name="A first talk", durations=[15], prices={1: 0}, format="intro", open_to="visitors",
        join_link="https://meet.example.com/amara-intro", most_per_week=1, step_minutes=15, notice_minutes=120,
        description="Fifteen minutes to see whether we fit. It costs nothing and binds nobody.",
    )  # fmt: skip
    offer(
        coach[MAYA], name="Calm, alone or for two", durations=[45], capacity=2, prices={1: 7_500, 2: 11_000},
        locations=[studio], rooms=list(studio.rooms.all()), buffer_before=10, buffer_after=10, most_in_series=8,
        description="Breathing and rest for one, or for two who want to learn it together.",
    )  # fmt: skip
    offer(
        coach[MAYA], name="An hour after a hard week", durations=[60], prices={1: 8_500}, locations=[studio],
        buffer_after=10, needs_approval=True, notice_minutes=12 * 60,
        description="No exercises and no plan: an hour to put it down. Maya looks at each wish herself.",
        questions=[{"label": "What happened?"}],
    )  # fmt: skip
    offer(
        coach[KENJI], name="Focus, online", durations=[50], prices={1: 6_500}, format="virtual",
        join_link="https://meet.example.com/kenji", notice_minutes=12 * 60, window_days=42, most_in_series=12,
        creator=coach[ELENA],
        description="One habit, two weeks, and a talk about what became of it.",
    )  # fmt: skip
    offer(
        coach[ELENA], name="Rehearse your talk", durations=[60], capacity=4,
        prices={1: 9_500, 2: 15_000, 3: 19_500, 4: 24_000}, join_link="https://meet.example.com/elena",
        description="Bring the talk that you will give. You leave with a first sentence and a last one.",
        needs_approval=True, notice_minutes=2 * 24 * 60,
    )  # fmt: skip
    offer(
        coach[JONAS], coach[SOFIA], name="A case of yours", durations=[45], prices={1: 8_000}, locations=[house],
        coaches_rule="any", join_link="https://meet.example.com/case", most_per_day=1,
        description="Something between you and somebody else that will not move. Whoever is free first takes it.",
    )  # fmt: skip
    offer(
        coach[AMARA], coach[JONAS], name="A new role, from both sides", durations=[60], prices={1: 15_000},
        locations=[house], coaches_rule="all", buffer_after=15, join_link="https://meet.example.com/both-sides",
        description="One of us has hired for such roles, the other has held them. You ask both at once.",
    )  # fmt: skip


def away_of_today(story: Story) -> None:
    """Who is elsewhere or away in the weeks to come."""
    now = timezone.now()
    today = now.date()
    kenji, sofia, jonas, maya = (story.coaches[one] for one in (KENJI, SOFIA, JONAS, MAYA))
    add_travel(
        kenji, starts_on=today + timedelta(days=9), ends_on=today + timedelta(days=20), time_zone="Europe/Berlin",
        by=kenji,
    )  # fmt: skip
    # Whole days by her own clock, which is not that of the house.
    first = datetime.combine(today + timedelta(days=16), time(), ZoneInfo(zone_of(User.objects.get(pk=sofia.pk))))
    after = first + timedelta(days=7)
    add_time_off(sofia, starts_at=first, ends_at=after, reason="A week by the sea", stand_in=jonas, by=sofia)
    set_day(maya, today + timedelta(days=11), [Hours(0, minutes_of("13:00"), minutes_of("18:00"))], by=maya)
    set_day(maya, today + timedelta(days=24), [], by=maya)
