"""What a page of one time has, whoever wants it: what is free then, what was typed, and what the rules say to it."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from tenpo.checkout.slot_forms import AnswersForm, OptionForm
from tenpo.core.errors import RuleError
from tenpo.people.models import Participant
from tenpo.schedule.actions.slots import SlotWish, why_not
from tenpo.schedule.find_queries import Option, Wish, coaches_of, loaded_zone_of, start_name
from tenpo.schedule.models import Service
from tenpo.schedule.views.finding import map_address, wish_query

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class SlotPage:
    """One time that somebody wants."""

    options: OptionForm
    answers: AnswersForm

    def __init__(self, request: HttpRequest, service: Service, wish: Wish, at: datetime) -> None:
        self.request, self.service, self.wish, self.at = request, service, wish, at
        self.refusal: RuleError | None = None

    @property
    def option(self) -> Option | None:
        return self.options.chosen

    def why_nobody(self, *, participants: Sequence[Participant], by: "Viewer") -> RuleError:
        """Why nobody is free then, with the nearest starts at which somebody is."""
        wanted = SlotWish(self.service.pk, self.at, self.wish.minutes, self.wish.location, {})
        coaches = [self.wish.coach] if self.wish.coach else []
        return why_not(wanted, coaches, participants=participants, by=by)

    def shown(self, *, own_zone: ZoneInfo) -> dict[str, Any]:
        """What `checkout/slot_page.html` shows of it."""
        option, refusal = self.option, self.refusal
        place = option.location if option else None
        nearest = refusal.facts.get("nearest", ()) if refusal else ()
        return {
            "service": self.service,
            "start": start_name(self.at),
            "starts_at": self.at,
            "ends_at": self.at + self.wish.length,
            "minutes": self.wish.minutes,
            "option": option,
            "options": self.options,
            "host_zone": loaded_zone_of(option.given_by) if option else "",
            "coaches": coaches_of(self.service),
            "map": map_address(place) if place else "",
            "answers": self.answers,
            "refusal": refusal,
            "nearest": [{"at": at, "name": start_name(at)} for at in nearest],
            "query": wish_query(self.wish, self.service, own_zone=own_zone),
        }
