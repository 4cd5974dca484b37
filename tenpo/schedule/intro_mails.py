"""What we write to visitors about their intro: there is no account that could be told."""

from collections.abc import Callable
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.jobs import defer
from tenpo.core.mail import Mail, absolute, compose, message_id, typed
from tenpo.core.models import OutboxMessage
from tenpo.core.words import say_full_when, say_host_time, say_time, say_with_zone
from tenpo.schedule.ical import intro_event, mailed_file
from tenpo.schedule.models import Intro

type Words = Callable[[Intro], Mail]


def intro_url(intro: Intro) -> str:
    """The whole address of an intro, as only its visitor knows it."""
    return absolute(reverse("schedule:intro", args=[intro.link]))


def _greeting(intro: Intro) -> str:
    return _("Hello %(name)s,") % {"name": typed(intro.participant.name)}


def _facts(intro: Intro) -> tuple[tuple[str, str], ...]:
    session = intro.session
    there = say_host_time(session.starts_at, session.time_zone)
    when = say_with_zone(say_full_when(session.starts_at, until=session.ends_at))
    facts = [(_("When"), f"{when} ({there})" if there else when), (_("With"), str(session.coach))]
    if session.place:
        facts.append((_("Where"), session.place))
    return tuple(facts)


def _why() -> str:
    name = current_business().name
    return _("You get this because this address was given to %(name)s for a time. There is no account.") % {
        "name": name
    }


def _asked(intro: Intro) -> Mail:
    assert intro.held_until is not None, "only what is held is asked about"
    words = {"session": intro.session.title, "until": say_with_zone(say_time(intro.held_until))}
    return Mail(
        subject=_("Is this you? Confirm your time: %(session)s") % words,
        greeting=_greeting(intro),
        paragraphs=(_("this time is held for you until %(until)s. Confirm it, and it is yours.") % words,),
        facts=_facts(intro),
        act_label=_("Confirm the time"),
        act_url=intro_url(intro),
        closing=_("If this was not you, you need not do anything: the time is free again by itself."),
        why=_why(),
    )


def _repeat(intro: Intro) -> Mail:
    theirs = Intro.objects.filter(coach=intro.coach_id, email=intro.email, is_only=True, state__in=Intro.PLACED)
    first = theirs.select_related("session__coach", "participant").first()
    return Mail(
        subject=_("You have been here before: %(session)s") % {"session": intro.session.title},
        greeting=_greeting(intro),
        paragraphs=(
            _("somebody, probably you, asked for another first talk with %(coach)s. There is one for each, so this one"
              " was not booked.") % {"coach": intro.session.coach},
        ),
        facts=_facts(first) if first else (),
        act_label=_("Look at your time") if first and first.link else "",
        act_url=intro_url(first) if first and first.link else "",
        closing=_("If this was not you, you need not do anything."),
        why=_why(),
    )  # fmt: skip


def _booked(intro: Intro) -> Mail:
    return Mail(
        subject=_("You are booked: %(session)s") % {"session": intro.session.title},
        greeting=_greeting(intro),
        paragraphs=(
            _("your time is booked. By this link you look at it, move it, give it up, and go in when it begins."),
        ),
        facts=_facts(intro),
        act_label=_("Look at your time"),
        act_url=intro_url(intro),
        closing=_("Whoever has the link can do the same, so keep it to yourself."),
        why=_why(),
    )


def _moved(intro: Intro) -> Mail:
    return Mail(
        subject=_("Changed: %(session)s") % {"session": intro.session.title},
        greeting=_greeting(intro),
        paragraphs=(_("this is how your time is now. If it does not suit you, move it or give it up."),),
        facts=_facts(intro),
        act_label=_("Look at your time"),
        act_url=intro_url(intro),
        why=_why(),
    )


def _reminder(intro: Intro) -> Mail:
    return Mail(
        subject=_("Soon: %(session)s") % {"session": intro.session.title},
        greeting=_greeting(intro),
        paragraphs=(
            _("%(coach)s looks forward to meeting you. If you cannot come, please move your time or give it up by this"
              " link, so that somebody else can have it.") % {"coach": intro.session.coach},
        ),
        facts=_facts(intro),
        act_label=_("Look at your time"),
        act_url=intro_url(intro),
        why=_why(),
    )  # fmt: skip


def _called_off(intro: Intro) -> Mail:
    reason = intro.session.cancel_reason
    return Mail(
        subject=_("Called off: %(session)s") % {"session": intro.session.title},
        greeting=_greeting(intro),
        paragraphs=(
            _("your time with %(coach)s does not take place.") % {"coach": intro.session.coach},
            *((_("The reason: %(reason)s") % {"reason": typed(reason)},) if reason else ()),
        ),
        facts=_facts(intro),
        act_label=_("Find another time"),
        act_url=absolute(reverse("schedule:offer-list")),
        why=_why(),
    )


def _given_up(intro: Intro) -> Mail:
    return Mail(
        subject=_("Cancelled: %(session)s") % {"session": intro.session.title},
        greeting=_greeting(intro),
        paragraphs=(_("you gave this time up. You can choose another one whenever you like."),),
        facts=_facts(intro),
        act_label=_("Find another time"),
        act_url=absolute(reverse("schedule:offer-list")),
        why=_why(),
    )


# What it says, and whether the calendar file comes with it.
WORDS: dict[str, tuple[Words, bool]] = {
    "asked": (_asked, False),
    "repeat": (_repeat, False),
    "booked": (_booked, True),
    "moved": (_moved, True),
    "reminder": (_reminder, True),
    "called_off": (_called_off, True),
    "given_up": (_given_up, True),
}


def send_intro_mail(intro_id: UUID, kind: str) -> bool:
    """Write to a visitor, in their language and on their clock; says whether it left. The job's work.

    What is not so any more is not told: a hold that is over, a time that was given up, an intro that is forgotten.
    """
    rows = Intro.objects.select_related("session__coach", "participant").exclude(email="")
    intro = rows.filter(pk=intro_id).first()
    if intro is None or (kind == "asked" and not _is_held(intro)) or (kind == "reminder" and not _is_ahead(intro)):
        return False
    say, has_file = WORDS[kind]
    with timezone.override(ZoneInfo(intro.time_zone)), translation.override(intro.locale):
        named = f"intro-{intro.pk}-{kind}-{intro.session.version}"
        message = compose(
            say(intro), to=intro.email, name=intro.participant.name, headers={"Message-ID": message_id(named)}
        )
        if has_file:
            content, mime_type = mailed_file([intro_event(intro)])
            message.attach("session.ics", content.decode(), mime_type)
        message.send()
    return True


def _is_held(intro: Intro) -> bool:
    return intro.state == Intro.State.HELD and intro.held_until is not None and intro.held_until > clock.now()


def _is_ahead(intro: Intro) -> bool:
    return intro.state == Intro.State.CONFIRMED and intro.session.is_planned and not intro.session.has_started()


def tell_visitor(message: OutboxMessage) -> None:
    """Queue what an event means for a visitor: their session was changed or called off, or they gave it up."""
    kind = ""
    if message.name == "session.changed":
        placed = Intro.objects.filter(session=message.subject_id, state=Intro.State.CONFIRMED)
        kind, intros = "moved", placed
    elif message.name == "intro.cancelled":
        kind = {"host": "called_off", "visitor": "given_up"}.get(str(message.payload.get("ending")), "")
        intros = Intro.objects.filter(pk=message.subject_id, confirmed_at__isnull=False)
    if kind:
        for intro in intros:
            defer("schedule.send_intro_mail", intro_id=str(intro.pk), kind=kind)
