"""Who comes to the company's coaches without an account: a first talk, now and then."""

from datetime import timedelta

from django.utils import timezone

from tenpo.core.errors import RuleError
from tenpo.demo.story import Story
from tenpo.schedule.actions.embeds import make_embed
from tenpo.schedule.actions.intros import Visitor, ask_intro, confirm_intro, mark_intro
from tenpo.schedule.models import Intro, Service
from tenpo.schedule.slot_queries import SlotSearch, find_slots

TALK = "A first talk"
VISITORS = (
    ("Ruth Adler", "Europe/Berlin"), ("Tomás Vidal", "Europe/Madrid"), ("Iris Okoro", "Europe/London"),
    ("Piet de Boer", "Europe/Amsterdam"), ("Hanna Lindqvist", "Europe/Stockholm"), ("Samuel Frey", "Europe/Zurich"),
)  # fmt: skip
# Somebody asks on every so many of the company's days.
EVERY = 9


def visitors_of_the_day(story: Story, number: int) -> None:
    """Now and then somebody books a first talk; their coach notes who came."""
    mark_visitors()
    if number % EVERY == EVERY // 2:
        book_visitor(number // EVERY)


def book_visitor(number: int, *, days: int = 4) -> Intro | None:
    """The next one who asks for a talk in the coming days, and confirms it."""
    service = Service.objects.filter(name=TALK, is_offered=True).first()
    if service is None:
        return None
    name, zone = VISITORS[number % len(VISITORS)]
    local = name.split()[0].lower().replace("á", "a")
    visitor = Visitor(name, f"{local}@visitors.example.com", zone, "en")
    now = timezone.now()
    free = find_slots(service, SlotSearch(now, now + timedelta(days=days), minutes=15))
    if not free:
        return None
    try:
        return confirm_intro(ask_intro(service, starts_at=free[0].starts_at, minutes=15, visitor=visitor))
    except RuleError:
        # They were here before.
        return None


def mark_visitors() -> None:
    """The coaches say which of the visitors came to what has begun: nearly all."""
    begun = Intro.objects.filter(state=Intro.State.CONFIRMED, session__starts_at__lt=timezone.now())
    for place, intro in enumerate(begun.select_related("coach", "session").order_by("id")):
        mark_intro(intro, state="no_show" if place % 5 == 4 else "attended", by=intro.coach)


def visitors_of_today() -> None:
    """One who is to come, and one who has yet to answer the mail."""
    mark_visitors()
    book_visitor(4, days=14)
    service = Service.objects.filter(name=TALK, is_offered=True).first()
    now = timezone.now()
    free = find_slots(service, SlotSearch(now, now + timedelta(days=14), minutes=15)) if service else []
    if service and free:
        visitor = Visitor(*VISITORS[5][:1], "samuel@visitors.example.com", VISITORS[5][1], "de")
        ask_intro(service, starts_at=free[-1].starts_at, minutes=15, visitor=visitor)


def embeds_of_the_first_day(story: Story) -> None:
    """Where else the company's times can be booked: on one coach's own site, and on the company's."""
    service = Service.objects.get(name=TALK)
    given = service.given_by.select_related("coach").get()
    make_embed(
        by=given.coach, coach=given.coach, service=service, name="My own site", theme="auto", accent_hue=None,
        origins=["https://amara.example.com"],
    )  # fmt: skip
    make_embed(
        by=story.admin, coach=None, service=None, name="The company's careers page", theme="light", accent_hue=260,
        origins=["https://careers.example.com", "https://www.example.com"],
    )  # fmt: skip
