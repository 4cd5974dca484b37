"""What a service must be: whoever gives it, where, for how much, and what is asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tenpo.core.limits import CHOICES_OF_A_QUESTION, COACHES_OF_A_SERVICE
from tenpo.core.models import check_fields
from tenpo.core.money import MAX_AMOUNT
from tenpo.people.models import User
from tenpo.people.permissions import is_active_coach
from tenpo.schedule.models import Location, Room, Service
from tenpo.schedule.service_models import MAX_DURATIONS, MAX_QUESTIONS, MAX_SERVICE_MINUTES

MIN_SERVICE_MINUTES = 5
MAX_LABEL = 120
MAX_CHOICE = 80
QUESTION_KINDS = ("text", "choice", "yes")
CHECKED = (
    "name", "description", "format", "price_basis", "capacity", "buffer_before", "buffer_after", "notice_minutes",
    "window_days", "step_minutes", "most_per_day", "most_per_week", "most_in_series", "coaches_rule",
    "open_to", "join_link",
)  # fmt: skip


@dataclass(frozen=True)
class Offer:
    """What stands beside a service's own row. `prices` by group size, in minor units."""

    coaches: tuple[User, ...]
    locations: tuple[Location, ...]
    rooms: tuple[Room, ...]
    prices: dict[int, int]

    def said(self) -> dict[str, Any]:
        """The same as plain values, as the audit keeps them; coaches in their order, places in none."""
        return {
            "coaches": [str(coach.pk) for coach in self.coaches],
            "locations": _ids(self.locations),
            "rooms": _ids(self.rooms),
            "prices": {str(people): amount for people, amount in sorted(self.prices.items())},
        }

    def differing(self, other: "Offer") -> dict[str, Any]:
        """What of this is not so in `other`."""
        theirs = other.said()
        return {name: value for name, value in self.said().items() if value != theirs[name]}


def check_offer(service: Service, offer: Offer) -> None:
    """Raise ValidationError by field for what a service cannot be."""
    check_fields(service, *CHECKED)
    problems = {
        "durations": _problem_of_durations(service.durations),
        "prices": _problem_of_prices(offer.prices, service.capacity),
        "coaches": _problem_of_coaches(offer.coaches),
        "locations": _problem_of_locations(service, offer),
        "rooms": _problem_of_rooms(offer),
        "questions": _problem_of_questions(service.questions),
        **_problems_of_limits(service),
        "most_in_series": _problem_of_series(service),
    }
    policy = service.cancellation_policy
    if policy is not None and policy.retired_at is not None:
        problems["cancellation_policy"] = _("This policy is retired.")
    if found := {name: words for name, words in problems.items() if words}:
        raise ValidationError(found)


def numbered(
    questions: Sequence[Mapping[str, Any]], *, there: Iterable[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Questions as they are kept: each with a key of its own, which it keeps when the others change."""
    known = {str(question.get("key")) for question in there}
    used = {str(question["key"]) for question in questions if question.get("key")}
    numbers = iter(f"q{number}" for number in range(1, 10_000) if f"q{number}" not in used | known)
    return [
        {
            "key": str(question.get("key") or next(numbers)),
            "label": str(question.get("label", "")).strip(),
            "kind": question.get("kind", "text"),
            "required": bool(question.get("required", False)),
            "options": [str(option).strip() for option in question.get("options", ()) if str(option).strip()],
        }
        for question in questions
    ]


def _problem_of_durations(durations: Sequence[int]) -> str:
    if not durations:
        return _("Say how long it lasts.")
    if len(durations) > MAX_DURATIONS:
        return _("At most %(n)s lengths.") % {"n": MAX_DURATIONS}
    if not all(MIN_SERVICE_MINUTES <= minutes <= MAX_SERVICE_MINUTES for minutes in durations):
        return _("It lasts from 5 minutes to 12 hours.")
    return ""


def _problem_of_prices(prices: Mapping[int, int], capacity: int) -> str:
    if 1 not in prices:
        return _("Say what it costs one person.")
    if not all(1 <= people <= capacity for people in prices):
        return _("There is a price for more people than can come.")
    if not all(0 <= amount <= MAX_AMOUNT for amount in prices.values()):
        return _("This is more than anything here costs.")
    return ""


def _problem_of_coaches(coaches: Sequence[User]) -> str:
    if not coaches:
        return _("Say who gives it.")
    if len(coaches) > COACHES_OF_A_SERVICE:
        return _("At most %(n)s coaches give one service.") % {"n": COACHES_OF_A_SERVICE}
    if not all(is_active_coach(coach) for coach in coaches):
        return _("Only coaches give a service.")
    return ""


def _problem_of_locations(service: Service, offer: Offer) -> str:
    if any(location.closed_at is not None for location in offer.locations):
        return _("One of these places is closed.")
    if not offer.locations and not service.join_link:
        return _("Say where it takes place, or give a link to join.")
    return ""


def _problem_of_rooms(offer: Offer) -> str:
    if any(room.closed_at is not None for room in offer.rooms):
        return _("One of these rooms is closed.")
    places = {location.pk for location in offer.locations}
    if not all(room.location_id in places for room in offer.rooms):
        return _("Choose rooms of the places where it takes place.")
    return ""


def _problem_of_questions(questions: Sequence[Mapping[str, Any]]) -> str:
    if len(questions) > MAX_QUESTIONS:
        return _("At most %(n)s questions.") % {"n": MAX_QUESTIONS}
    if len({question["key"] for question in questions}) != len(questions):
        return _("Two questions have the same key.")
    for question in questions:
        label, options = question["label"], question["options"]
        if not 0 < len(label) <= MAX_LABEL or "\0" in label:
            return _("Each question has at most %(n)s characters, and at least one.") % {"n": MAX_LABEL}
        if question["kind"] not in QUESTION_KINDS or len(question["key"]) > MAX_CHOICE or "\0" in question["key"]:
            return _("We do not know this kind of question.")
        if (question["kind"] == "choice") != bool(options) or len(options) == 1:
            return _("A choice has at least two answers to choose from, and nothing else has any.")
        if len(options) > CHOICES_OF_A_QUESTION or any(len(o) > MAX_CHOICE or "\0" in o for o in options):
            return _("At most %(n)s answers of at most %(most)s characters each.") % {
                "n": CHOICES_OF_A_QUESTION, "most": MAX_CHOICE,
            }  # fmt: skip
        if len(set(options)) != len(options):
            return _("Two answers are the same.")
    return ""


def _problems_of_limits(service: Service) -> dict[str, str]:
    too_few = _("At least one, or leave it empty.")
    limits = {"most_per_day": service.most_per_day, "most_per_week": service.most_per_week}
    return {name: too_few for name, most in limits.items() if most is not None and most < 1}


def _problem_of_series(service: Service) -> str:
    if service.most_in_series > 1 and not service.comes_in_series:
        return _("What its coach is asked for first, or all coaches give together, is booked one by one: say 1.")
    return ""


def _ids(rows: Iterable[Location] | Iterable[Room]) -> list[str]:
    return sorted(str(row.pk) for row in rows)
