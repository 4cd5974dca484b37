"""Who is in the demo, and what they offer. Invented, all of it; addresses end in `.example`, so nobody gets mail."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from icalendar import Calendar, Event

COMPANY = "Northlight Works"
DOMAIN = "northlight.example"
ZONE = "Europe/Berlin"
PASSWORD = "seven quiet lamps"  # noqa: S105 - for a demo; it is printed at every start


@dataclass(frozen=True)
class Coach:
    """Somebody who teaches: how they introduce themselves, and where they live."""

    name: str
    headline: str
    bio: str
    zone: str = ZONE


@dataclass(frozen=True)
class Offer:
    """A session that a coach gives every week, at a weekday (Monday is 0) and time of the company's zone.

    `wanted` says how full it gets, from 0 to 1 and above: what is wanted more than it has seats gets a waitlist.
    """

    coach: int
    weekday: int
    hour: int
    minute: int
    minutes: int
    title: str
    text: str
    seats: int
    price: int
    place: str = ""
    link: str = ""
    wanted: float = 0.6
    every: int = 1
    # Who made it, where that is somebody else.
    creator: int | None = None


ADMINS = ("Helen Marsh", "Priya Nair")

COACHES = (
    Coach(
        "Maya Berg",
        "Breathing, stress and rest",
        "Fifteen years in a hospital taught Maya what stress does to people, and ten years of teaching what they can"
        " do about it. Her sessions are short, practical and quiet.",
    ),
    Coach(
        "Jonas Feld",
        "First-time leaders and the talks they dread",
        "Jonas led engineering teams until he noticed that he liked the leading more than the engineering. He works"
        " with your real cases, never with slides.",
    ),
    Coach(
        "Amara Okafor",
        "Career questions, one to one",
        "Amara has hired for four companies and knows how decisions about people are made. One hour with her is for"
        " whatever you have been putting off.",
    ),
    Coach(
        "Elena Rossi",
        "Voice and presence",
        "An opera singer first, Elena teaches people to be heard without being loud. Bring a talk of yours.",
        "Europe/Rome",
    ),
    Coach(
        "Kenji Watanabe",
        "Focus, habits, deep work",
        "Kenji joins from Kyoto. He studies how attention works, and has tried every method on himself so that you need"
        " not.",
        "Asia/Tokyo",
    ),
    Coach(
        "Sofia Almeida",
        "Sleep, energy and teams that talk",
        "Sofia trained as a physiotherapist and as a mediator, which she says is one job: finding out where it hurts.",
        "Europe/Lisbon",
    ),
)

OFFERS = (
    Offer(
        0, 1, 8, 30, 45, "Breathing at work",
        "Three ways of breathing that calm you within two minutes, at your desk and unseen. No mat needed.",
        10, 3_500, "Studio, 2nd floor", wanted=0.75,
    ),
    Offer(
        0, 3, 17, 30, 60, "Calm under pressure",
        "What your body does before a hard meeting, and how to come in with a clear head.",
        6, 6_000, "Studio, 2nd floor", wanted=1.1,
    ),
    Offer(
        1, 2, 16, 0, 90, "First steps in leading",
        "You lead people since lately, or soon. We look at one case from each of you and what to do on Monday.",
        8, 9_500, "Room Elbe", wanted=0.7,
    ),
    Offer(
        1, 0, 15, 0, 90, "Hard conversations",
        "Saying no, giving notice, asking for more. We practise the first three sentences, because they decide.",
        6, 9_500, "Room Elbe", wanted=0.65, every=2,
    ),
    Offer(
        2, 1, 14, 0, 60, "Career hour",
        "One hour, one person, your question. What is said stays in the room.",
        1, 12_000, "Garden room", wanted=1.4,
    ),
    Offer(
        2, 3, 10, 0, 60, "Career hour",
        "One hour, one person, your question. What is said stays in the room.",
        1, 12_000, link="https://meet.northlight.example/career-hour", wanted=1.2,
    ),
    Offer(
        3, 4, 10, 0, 75, "Speak so that people listen",
        "Breath, stance, pauses. Everybody speaks for two minutes and goes home with one thing to change.",
        8, 7_000, "Library", wanted=0.6,
    ),
    Offer(
        4, 2, 9, 0, 60, "Deep work, week by week",
        "Two hours a day without interruption change what you can do. A small experiment for each week.",
        12, 4_000, link="https://meet.northlight.example/deep-work", wanted=0.5, creator=3,
    ),
    Offer(
        5, 0, 18, 30, 45, "Sleep better",
        "What keeps you awake and what of it you can change tonight. From your sofa, camera off if you like.",
        10, 3_000, link="https://meet.northlight.example/sleep", wanted=0.7,
    ),
    Offer(
        5, 3, 13, 0, 60, "Retrospectives that help",
        "For teams who talk a lot and change little: how to find the one thing, and who does it by when.",
        5, 8_000, "Room Spree", wanted=0.55, every=2,
    ),
)  # fmt: skip

# The first three are the demo's accounts.
_NAMES = """
    Lena Fischer; Tomás Herrera; Ifeoma Eze; Noah Lindqvist; Zeynep Arslan; Mateusz Kowalski; Chloé Martin; Rahul Menon;
    Sara Haddad; Oliver Grant; Mei Tanaka; Pedro Carvalho; Anouk de Vries; Kwame Mensah; Julia Novák; Ahmed Saleh;
    Freya Olsen; Daniel Weiss; Lucía Romero; Thabo Nkosi; Hannah Braun; Viktor Petrov; Nadia Rahman; Emil Johansson;
    Grace Kimani; Paolo Conti; Yuki Sato; Miriam Cohen; Jakub Dvořák; Aisha Bello; Marc Dubois; Ingrid Solheim;
    Samuel Osei; Laura Schmitt; Minh Tran; Katarina Horvat; Ben Adler; Fatima Zahra; Leo Marchetti; Annika Berglund;
    Ravi Shah; Clara Hoffmann; Diego Álvarez; Sinead Byrne; Omar Farouk; Petra Vogel; Aaron Blum; Lin Zhao;
    Matilda Frost; Ivan Markov; Ruth Adeyemi; Felix Krämer; Camille Laurent; Hugo Silva; Esra Yıldız; Tess Jansen;
    Moritz Lange; Neha Kapoor; Alex Doyle; Wanjiru Njoroge
"""
MEMBERS = tuple(" ".join(name.split()) for name in _NAMES.split(";"))
FIRST_IMPORT = 38

# Who has been invited and has not come yet, by what became of the invite.
WAITING = ("Carla Mendes", "Jens Okonkwo", "Rosa Valdés", "Timo Lehtonen")
ENDING = ("Nils Aagaard", "Oona Kelly")
EXPIRED = ("Piotr Zieliński", "Gemma Fox")
DECLINED = "Dario Greco"
REVOKED = "Sandra Kim"


def address(name: str) -> str:
    """Somebody's e-mail address: `lena.fischer@northlight.example`."""
    plain = name.lower().translate(_PLAIN)
    return f"{'.'.join(plain.split())}@{DOMAIN}"


def people_file(names: Sequence[str], *, spoiled: bool = False) -> bytes:
    """A list of people as a personnel system exports it; a spoiled one has rows that will be skipped."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["email", "name", "role"])
    rows.writerows([address(name), name, "member"] for name in names)
    if spoiled:
        rows.writerow(["nobody at northlight", "Nobody Knows", "member"])
        rows.writerow([address(names[0]), names[0], "member"])
        rows.writerow([address(COACHES[0].name), COACHES[0].name, "member"])
    return text.getvalue().encode()


def calendar_file(title: str, text: str, place: str, times: Sequence[tuple[datetime, datetime]]) -> bytes:
    """Events as a calendar program exports them."""
    calendar = Calendar()
    calendar.add("prodid", "-//Northlight//Calendar//EN")
    calendar.add("version", "2.0")
    for number, (start, end) in enumerate(times):
        event = Event()
        event.add("uid", f"walk-{number}@{DOMAIN}")
        event.add("dtstamp", start.astimezone(UTC))
        event.add("summary", title)
        event.add("description", text)
        event.add("location", place)
        event.add("dtstart", start.astimezone(UTC))
        event.add("dtend", end.astimezone(UTC))
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


_PLAIN = str.maketrans(
    {
        "á": "a", "ä": "ae", "à": "a", "â": "a", "å": "a", "é": "e", "è": "e", "í": "i", "ı": "i", "ł": "l", "ñ": "n",
        "ń": "n", "ó": "o", "ö": "oe", "ø": "o", "ř": "r", "š": "s", "ş": "s", "ú": "u", "ü": "ue", "ž": "z",
    }
)  # fmt: skip
