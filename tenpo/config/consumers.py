"""Who hears of what happened. The only place that knows every side."""

from collections.abc import Callable

from tenpo.books import notifications as books
from tenpo.checkout import dispute_notifications as disputes
from tenpo.checkout import notifications as checkout
from tenpo.core.models import OutboxMessage
from tenpo.notify import notifications as notify
from tenpo.notify.actions.telling import notify_users
from tenpo.notify.kinds import Kind, Notice
from tenpo.orders import notifications as orders
from tenpo.payments import notifications as payments
from tenpo.schedule import notifications as schedule
from tenpo.schedule.actions.calendar_writing import queue_writing
from tenpo.schedule.actions.coach_time import count_told
from tenpo.schedule.intro_mails import tell_visitor

# In the order of the preferences page.
KINDS: tuple[Kind, ...] = (
    *schedule.KINDS,
    *checkout.KINDS,
    *disputes.KINDS,
    *orders.KINDS,
    *payments.KINDS,
    *books.KINDS,
    *notify.KINDS,
)

# Event → whom to tell what. An event without an entry is nobody's news.
TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    **schedule.TELLS,
    **checkout.TELLS,
    **disputes.TELLS,
    **orders.TELLS,
    **payments.TELLS,
    **books.TELLS,
    **notify.TELLS,
}


def pass_on(message: OutboxMessage) -> None:
    """Tell the people whom an event concerns, and have it written to the calendars that they keep elsewhere.

    Visitors are written to: they have no account. Of what was called off its coach's time is counted, last of all.
    """
    notify_people(message)
    tell_visitor(message)
    queue_writing(message)
    count_told(message)


def notify_people(message: OutboxMessage) -> None:
    """Tell the people whom an event concerns."""
    tell = TELLS.get(message.name)
    if tell is not None:
        notify_users(tell(message), cause=str(message.event_id))
