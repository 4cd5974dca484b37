"""When what happens: the weeks that were, and how things stand today."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from tenpo.access.actions.api_clients import create_api_client, revoke_api_client
from tenpo.access.models import Scope
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.topping_up import top_up
from tenpo.core.errors import RuleError
from tenpo.core.models import Business
from tenpo.demo import cast
from tenpo.demo.afterwards import open_doors, say_and_keep
from tenpo.demo.calendars import calendars_as_fetched, calendars_of_today
from tenpo.demo.desk import desk_of_today
from tenpo.demo.disputes import banks_take_back, disputes_of_the_weeks
from tenpo.demo.guests import book_whole_series, bring_guests, times_of_today, wait_with_guests
from tenpo.demo.offers import away_of_today, offers_of_the_first_day
from tenpo.demo.payouts import from_outside, payouts_of_the_weeks
from tenpo.demo.post import invite_token, tick
from tenpo.demo.refunds import refunds_of_the_weeks, refunds_of_today, set_terms
from tenpo.demo.story import Story
from tenpo.demo.together import given_together, stood_in
from tenpo.demo.visitors import embeds_of_the_first_day, visitors_of_the_day, visitors_of_today
from tenpo.orders.actions.business import update_business
from tenpo.orders.actions.policies import ShareTerms, create_cancellation_policy, create_share_policy
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.actions.sponsorships import (
    Budget,
    add_sponsored_people,
    create_sponsorship,
    record_sponsor_payment,
)
from tenpo.orders.cancelling import Policy, Window
from tenpo.orders.models import Line
from tenpo.orders.queries import spendable_pots
from tenpo.orders.sponsor_models import Sponsorship
from tenpo.orders.sponsor_queries import owed_by
from tenpo.payments.actions.auto_top_ups import TopUpWish, set_auto_top_up
from tenpo.payments.actions.methods import add_payment_method
from tenpo.payments.actions.payout_accounts import update_payout_terms
from tenpo.payments.actions.wallets import give_money
from tenpo.payments.providers.sandbox import (
    DECLINED,
    KEPT_DECLINED,
    NEEDS_CONFIRMATION,
    NEVER_ANSWERS,
    SUCCEEDS,
    TAKEN_BACK,
)
from tenpo.people.actions.imports import preview_people_import
from tenpo.people.actions.invites import create_invite_link, decline_invite, invite_person, revoke_invite
from tenpo.people.models import Invite, User
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.imports import confirm_sessions_import, preview_sessions_import
from tenpo.schedule.actions.series import create_series
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.occurrences import WeeklyRule

WEEKS_BACK = 11
AHEAD = timedelta(weeks=5)
DAY = timedelta(days=1)
# When something happens on the working days, Monday first: hour and minute at the company's place.
HOURS = ((8, 50), (13, 10), (11, 35), (9, 20), (16, 5))
# One of the coaches has not got round to it this week.
UNMARKED = ("Breathing at work", "Calm under pressure")
LEAVES = "Ahmed Saleh"
# Who keeps money in a wallet.
SAVERS = cast.MEMBERS[3:7]
# For whom a card does it: one that works, and one that was blocked soon after.
FILLED_BY_THEMSELVES = {SAVERS[1]: SUCCEEDS, SAVERS[2]: KEPT_DECLINED}
# Who pays a part for whom; one of the demo's accounts looks after the budget, another one is paid for.
EMPLOYER, SPONSOR = "Elbe Printworks", cast.MEMBERS[1]
SPONSORED = (cast.MEMBERS[0], *cast.MEMBERS[7:12])
NEW_STARTERS = ("Joost Bakker", "Amina Yusuf", "Ellen Strand")


def working_days(now: datetime) -> list[datetime]:
    """The working days of the past weeks at their hours, up to now."""
    zone = ZoneInfo(cast.ZONE)
    today = now.astimezone(zone).date()
    monday = today - today.weekday() * DAY - timedelta(weeks=WEEKS_BACK)
    days = (monday + number * DAY for number in range(7 * (WEEKS_BACK + 1)))
    times = (datetime.combine(day, time(*HOURS[day.weekday()]), zone) for day in days if day.weekday() < len(HOURS))
    return [moment for moment in times if moment < now - timedelta(hours=1)]


def happen(story: Story, number: int, *, left: int) -> None:
    """The working day of that number, with `left` more to come before today."""
    if number == 0:
        _set_up(story)
    if number % len(HOURS) == 0:
        story.plan(story.clock.now() + AHEAD)
    story.arrive(10 if number < 3 else 3)
    _special(story, number)
    _wallets(story, number)
    payouts_of_the_weeks(story, number)
    refunds_of_the_weeks(story, number)
    disputes_of_the_weeks(story, number)
    _sponsors(story, number)
    _invites(story, left)
    story.day(unmarked=UNMARKED if left <= 5 else ())
    say_and_keep(story, number)
    open_doors(story, number)
    visitors_of_the_day(story, number)
    _special_lately(story, left)
    story.work()


def finish(story: Story) -> None:
    """How things stand now: something to do for each of the accounts, and something on every page."""
    tick()
    story.work()
    lena, tomas, ifeoma = (story.member(name) for name in cast.MEMBERS[:3])
    others = _others(story)
    # What an admin has to mark, and those she brings along; then credit, partly spent.
    _book_next(story, lena, "First steps in leading", provider="payroll")
    bring_guests(lena)
    given_up = _book_next(story, lena, "Speak so that people listen", after=4 * DAY)
    if given_up is not None:
        cancel_booking(given_up, by=lena)
    _book_next(story, lena, "Sleep better")
    _fill_wallet(lena, 5_000)
    _have_filled(lena, SUCCEEDS)
    give_money(lena, amount=1_000, reason="For the morning without heating", by=story.admin)
    _offer_seat(story, lena, others)
    _stand_in_line(story, [tomas, ifeoma], others)
    wait_with_guests(lena, others)
    for member in (tomas, ifeoma):
        card = add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)
        _book_next(story, member, "Deep work, week by week", card=str(card.pk))
    # Seats held: to be paid, to be confirmed, and one of which nobody knows yet.
    _book_next(story, tomas, "Hard conversations", card=DECLINED)
    _book_next(story, ifeoma, "Hard conversations", card=NEEDS_CONFIRMATION)
    _book_next(story, next(_without_money(others)), "Deep work, week by week", card=NEVER_ANSWERS)
    _start_series(story)
    times_of_today(ifeoma, others[5])
    visitors_of_today()
    calendars_of_today(story)
    away_of_today(story)
    desk_of_today(story)
    given_together(story)
    stood_in(story)
    preview_people_import("new-starters.csv", cast.people_file(NEW_STARTERS, spoiled=True), by=story.admin)
    story.work()
    banks_take_back()
    # Last, so that what is on its way still is.
    refunds_of_today(story)
    story.work()
    calendars_as_fetched(story)


def _set_up(story: Story) -> None:
    """What the business chose before anybody came."""
    story.first_admin()
    update_business(
        by=story.admin, name=cast.COMPANY, currency="EUR", time_zone=cast.ZONE, hold_minutes=120, offer_hours=36,
        credit_months=3,
        # The IBAN that every book takes as its example: it belongs to nobody.
        offers_bank_transfer=True, bank_holder=cast.COMPANY, bank_iban="DE89370400440532013000", bank_bic="COBADEFFXXX",
        bank_name="Commerzbank",
        # Whoever tries the demo signs in with the passwords that it prints.
        second_factor_for=Business.SecondFactorFor.NOBODY,
    )  # fmt: skip
    story.begin()
    create_share_policy(name="The company pays 60%", terms=ShareTerms(percent=60), by=story.admin)
    create_cancellation_policy(
        name="Free until two days before", is_default=True, by=story.admin,
        policy=Policy((Window(48, 100), Window(24, 50, "credit"), Window(0, 0)), grace_count=1, grace_days=90,
            reschedules=2, reschedule_hours=24,
        ),
    )  # fmt: skip
    update_payout_terms(by=story.admin, bank_iban="DE89370400440532013000", bank_bic="COBADEFFXXX")
    set_terms(story)
    offers_of_the_first_day(story)
    embeds_of_the_first_day(story)
    for coach, business in zip(from_outside(story), (20, 30), strict=True):
        create_split_rule(
            name=f"{coach.name}, from outside", business_percent=business, creator_percent=100 - business,
            teacher_percent=0, coach=coach, by=story.admin,
        )  # fmt: skip
    # Elena made it, and Kenji gives it: each week, and by time.
    create_split_rule(
        name="Made by one, given by another", business_percent=15, creator_percent=15, teacher_percent=70,
        kind="session", taught_by="other", by=story.admin,
    )  # fmt: skip
    create_split_rule(
        name="Focus, as Elena made it", business_percent=15, creator_percent=15, teacher_percent=70, kind="session",
        offered_id=Service.objects.get(name="Focus, online").pk, taught_by="other", by=story.admin,
    )  # fmt: skip
    story.policies["Career hour"] = create_cancellation_policy(
        name="One to one: three days' notice",
        policy=Policy((Window(72, 100), Window(24, 25), Window(0, 0))),
        by=story.admin,
    )


def _special(story: Story, number: int) -> None:
    """What does not happen every week."""
    admin = story.admin
    if number == 9:
        create_share_policy(
            name="Career hours: €80 each", terms=ShareTerms(amount=8_000), coach=story.coaches[2], by=admin
        )
    elif number == 14:
        story.call_off("First steps in leading", "Jonas is ill. We are sorry, and we see you next week.")
    elif number == 22:
        client, _key = create_api_client(admin, name="Old spreadsheet", scopes=[Scope.READ], expires_at=None, by=admin)
        revoke_api_client(client, by=admin)
    elif number == 40:
        story.import_people(cast.MEMBERS[cast.FIRST_IMPORT :], "people-november.csv", spoiled=True)
    elif number == 30:
        terms = ShareTerms(percent=70, cap=5_000)
        create_share_policy(name="70%, at most €50", terms=terms, by=admin)
    elif number == 36:
        story.leave(LEAVES)
    elif number == 43:
        story.call_off("Speak so that people listen", "Elena has lost her voice, of all things.")


def _wallets(story: Story, number: int) -> None:
    """Some keep money here, and some were given a little."""
    if number in (12, 26, 38):
        for name in SAVERS:
            if number == 12 or name not in FILLED_BY_THEMSELVES:
                _fill_wallet(story.member(name), 5_000 if number == 12 else 2_500)
    elif number == 13:
        for name, card in FILLED_BY_THEMSELVES.items():
            _have_filled(story.member(name), card)
    elif number == 18:
        for name in SAVERS[:2]:
            give_money(story.member(name), amount=2_000, reason="Thank you for trying us first", by=story.admin)


def _have_filled(member: User, card: str) -> None:
    """Somebody has their wallet filled by itself, by 25 when less than 20 is left."""
    method = add_payment_method(member, provider="sandbox", source=card, by=member)
    set_auto_top_up(member, TopUpWish(True, 2_000, "fixed", 2_500, 5_000, low_below=500, method=method), by=member)


def _sponsors(story: Story, number: int) -> None:
    """An employer of the town pays a fifth for those of its people who come here, and has paid a part of it."""
    if number == 10:
        sponsorship = create_sponsorship(
            sponsor=story.member(SPONSOR), name=EMPLOYER, terms=ShareTerms(percent=20),
            budget=Budget(pot=60_000, per_person=15_000), kinds=[Line.Kind.SESSION], by=story.admin,
        )  # fmt: skip
        add_sponsored_people(sponsorship, [story.member(name).email for name in SPONSORED], by=story.admin)
    elif number == 35:
        sponsorship = Sponsorship.objects.get(name=EMPLOYER)
        owed = owed_by([sponsorship])[sponsorship.pk]
        record_sponsor_payment(
            sponsorship, amount=owed - owed % 1_000 or owed, received_on=story.clock.now().date(),
            reference=sponsorship.transfer_reference, by=story.admin,
        )  # fmt: skip


def _fill_wallet(member: User, amount: int) -> None:
    top_up(member, amount=amount, provider="sandbox", source=SUCCEEDS, by=member)


def _special_lately(story: Story, left: int) -> None:
    """What happened in the last days, with `left` working days before today."""
    if left == 8:
        _import_calendar(story)
    elif left == 4:
        next_year = story.at(timezone.now() + timedelta(weeks=4), 0)
        terms = ShareTerms(percent=75, cap=6_000)
        create_share_policy(
            name="75%, at most €60", terms=terms, active_from=story.clock.real(next_year), by=story.admin
        )
    elif left == 3:
        _plan_today(story)
    elif left == 1:
        _plan_evening(story)
        _pay_what_is_taken_back(story)


def _pay_what_is_taken_back(story: Story) -> None:
    """Somebody pays all of a seat by a card whose bank wants the money back by today."""
    for member in _without_money(_others(story)):
        if _book_next(story, member, "Sleep better", card=TAKEN_BACK, after=3 * DAY):
            return


def _others(story: Story) -> list[User]:
    """The members but those whose accounts the demo is looked at with."""
    return [member for member in story.members if member.name not in cast.MEMBERS[:3]]


def _without_money(members: Iterable[User]) -> Iterator[User]:
    """Those who pay all by card, because they have neither credit nor a filled wallet."""
    return (member for member in members if not spendable_pots(member, "EUR", timezone.now()))


def _import_calendar(story: Story) -> None:
    """A coach brings three dates from their own calendar program."""
    sofia = story.coaches[5]
    days = [story.at(timezone.now() + timedelta(weeks=2, days=n), 12, 15) for n in (1, 2, 3)]
    content = cast.calendar_file("Walk and talk", "Once around the park, two by two.", "Front door", [
        (story.clock.real(day), story.clock.real(day) + timedelta(minutes=40)) for day in days
    ])  # fmt: skip
    import_ = preview_sessions_import("walks.ics", content, coach=sofia, by=sofia)
    confirm_sessions_import(import_, capacity=12, price=1_500, by=sofia)
    story.work()


def _invites(story: Story, left: int) -> None:
    """Invites that nobody has followed, in every state that they can be in; `left` working days before today."""
    admin = story.admin
    if left == 20:
        for name in cast.EXPIRED:
            invite_person(cast.address(name), name=name, days=7, by=admin)
        invite_person(cast.address(cast.DECLINED), name=cast.DECLINED, by=admin)
        revoke_invite(invite_person(cast.address(cast.REVOKED), name=cast.REVOKED, by=admin), by=admin)
    elif left == 18:
        decline_invite(invite_token(cast.address(cast.DECLINED)))
    elif left == 9:
        days = story.clock.ahead.days + 2
        for name in cast.ENDING:
            invite_person(cast.address(name), name=name, days=days, by=admin)
    elif left == 2:
        for name in cast.WAITING:
            role = Invite.Grant.COACH if name == cast.WAITING[0] else Invite.Grant.MEMBER
            invite_person(cast.address(name), name=name, role=role, by=admin)
        create_invite_link(name="Somebody from the Lisbon office", by=admin)


def _plan_today(story: Story) -> None:
    """A session of today, so that the coach and some of the members have one."""
    offer = replace(
        cast.OFFERS[0], title="A quiet quarter of an hour", seats=8, price=2_000, minutes=30,
        text="Fifteen minutes of breathing and fifteen of silence, in the middle of the day.",
    )  # fmt: skip
    now = timezone.now().astimezone(story.zone)
    soon = (now + timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    if soon.hour < 8 or soon.hour > 20:
        soon = story.at(now + DAY, 9, 30)
    session = _offer_when_free(story, offer, soon)
    come = 0
    for member in story.members:
        try:
            book_session(session, participant=member.participant, by=member, provider="sandbox", source=SUCCEEDS)
        except RuleError as refusal:
            # Somebody is elsewhere at this hour of whatever day it is.
            if refusal.code != "participant_elsewhere":
                raise
            continue
        come += 1
        if come == 6:
            return


def _plan_evening(story: Story) -> None:
    """A session of tomorrow evening that nobody has booked yet."""
    offer = replace(cast.OFFERS[8], title="Stretch and go home", text="Half an hour for backs that sat all day.")
    _offer_when_free(story, offer, story.at(timezone.now() + DAY, 20, 30))


def _start_series(story: Story) -> None:
    """A coach has a new weekly series from next week on."""
    kenji = story.coaches[4]
    day = story.at(timezone.now() + timedelta(days=8), 12).date()
    rule = WeeklyRule(
        weekdays=(day.weekday(),), first_day=day, last_day=day + timedelta(weeks=5), at=time(17, 15),
        time_zone=kenji.time_zone,
    )  # fmt: skip
    series = create_series(
        kenji, rule=rule, by=kenji, title="Morning pages", minutes=25, capacity=15, price=1_000,
        description="Twenty minutes of writing by hand, together and in silence, before the day begins.",
        join_link="https://meet.northlight.example/morning-pages",
    )  # fmt: skip
    # Lena keeps her credit.
    book_whole_series(series, story.members[1:])


def _offer_when_free(story: Story, offer: cast.Offer, starts_at: datetime) -> Session:
    """The offer at that time, or as soon after it as its coach is free."""
    while True:
        try:
            return story.offer(offer, starts_at)
        except RuleError:
            starts_at += timedelta(hours=1)


def _book_next(
    story: Story, member: User, title: str, *, provider: str = "sandbox", card: str = SUCCEEDS,
    after: timedelta = DAY,
) -> Booking | None:  # fmt: skip
    """Book the next session of that title with a free seat that the member does not have."""
    later = Session.objects.upcoming(timezone.now() + after).filter(title=title)
    for session in later.order_by("starts_at", "id"):
        try:
            return book_session(session, participant=member.participant, by=member, provider=provider, source=card)
        except RuleError:
            continue
    return None


def _offer_seat(story: Story, member: User, others: list[User]) -> None:
    """Somebody gives up the one seat of a session for which the member stands in line."""
    session, holder = _taken_hour(story, others, after=5 * DAY)
    if story.wait(session, member):
        cancel_booking(holder, by=holder.booked_by)


def _stand_in_line(story: Story, waiting: list[User], others: list[User]) -> None:
    session, _holder = _taken_hour(story, others, after=8 * DAY)
    for member in waiting:
        story.wait(session, member)


def _taken_hour(story: Story, others: list[User], *, after: timedelta) -> tuple[Session, Booking]:
    """A session of one seat, booked by one of the others, with nobody in line."""
    hours = Session.objects.upcoming(timezone.now() + after).filter(capacity=1)
    session = hours.exclude(bookings__state=Booking.State.WAITLISTED).order_by("starts_at", "id")[0]
    if not session.is_full:
        one = next(other for other in others if not session.bookings.filter(booked_by=other).exists())
        book_session(session, participant=one.participant, by=one, provider="sandbox", source=SUCCEEDS)
    return session, session.bookings.seated().select_related("booked_by").get()
