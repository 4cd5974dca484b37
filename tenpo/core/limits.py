"""How often something may be tried, and how much of it is kept. Every limit of Tenpo is a number here."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from tenpo.core.errors import TooManyRequests


@dataclass(frozen=True)
class Limit:
    """At most `count` tries in each window of `seconds`."""

    count: int
    seconds: int


# A `-site` is the same, by the larger network of IPv6 that an office is given (`core.networks`): a looser number, so
# that who has thousands of the smaller ones cannot use up alone what all may.
LIMITS = {
    # Whatever is tried or sent at the addresses of signing in: from one network, or by one person who is signed in.
    # Whoever gets in by it takes nothing from the others behind the same address.
    "account-network": Limit(100, 300),
    "account-network-site": Limit(500, 300),
    "account-user": Limit(30, 300),
    # Wrong passwords: from one network; of one account from one network, so that nobody keeps its owner out; and of
    # one account from everywhere. Who has many networks can reach the last one: its owner gets in by a mailed code,
    # while those are not used up as well, or by a passkey.
    "sign-in-network": Limit(30, 300),
    "sign-in-network-site": Limit(150, 300),
    "sign-in-account": Limit(5, 300),
    "sign-in-account-site": Limit(50, 3600),
    "sign-in-everywhere": Limit(100, 3600),
    # Right passwords of one account, which are not counted as wrong ones: each costs a hash and leaves a record.
    "sign-in-right": Limit(30, 300),
    # Tries of an app's code or a recovery code, by somebody who knows the password.
    "second-factor": Limit(5, 300),
    # Codes, password links: whatever a stranger can have mailed: by one network to whomever, so that nobody makes us
    # write to a list of strangers; to one address, where one network cannot use up what all may.
    "account-mail-network": Limit(60, 3600),
    "account-mail-network-site": Limit(180, 3600),
    "account-mail": Limit(5, 900),
    "account-mail-site": Limit(15, 3600),
    "account-mail-everywhere": Limit(30, 3600),
    # Tries of one mailed code. The window is longer than any code lives, so it bounds the code's whole life.
    "mailed-code": Limit(5, 86_400),
    # Links that are none. One that is right is given back, so that a whole office can accept on the same morning.
    "invite-open": Limit(30, 300),
    "invite-open-site": Limit(150, 300),
    "invite-accept": Limit(20, 300),
    "invite-accept-site": Limit(100, 300),
    "invite-send": Limit(600, 3600),
    # What visitors look at without an account: each look asks for the slots of weeks.
    "visitor-look": Limit(120, 300),
    "visitor-look-site": Limit(600, 300),
    # What visitors typed, kept in a visit while they sign in.
    "visitor-keep": Limit(20, 300),
    "visitor-keep-site": Limit(100, 300),
    # Times that visitors ask for: each is held until the mail is answered. By whoever asks, and by the address that is
    # written to, so that nobody empties a calendar or fills a mailbox.
    "intro-hold": Limit(6, 3600),
    "intro-hold-site": Limit(18, 3600),
    "intro-mail": Limit(3, 3600),
    "intro-open": Limit(60, 300),
    "intro-open-site": Limit(300, 300),
    "intro-join": Limit(30, 300),
    "intro-join-site": Limit(150, 300),
    "pay-user": Limit(20, 300),
    "book-user": Limit(60, 300),
    # Looks at the dates of a time that comes back: each asks for the slots of months, of several coaches and people.
    "dates-look": Limit(60, 300),
    "payout-user": Limit(30, 300),
    "refund-user": Limit(30, 300),
    "payout-account-user": Limit(10, 3600),
    # Papers, each of which takes a processor for a second.
    "paper-user": Limit(20, 300),
    "join-user": Limit(30, 300),
    # Calendars that somebody connects or has asked again: each is an address that our server knocks at.
    "calendar-user": Limit(30, 3600),
    # Sessions that go to somebody else, and back: everybody who comes is told each time.
    "hand-over-user": Limit(30, 3600),
    # Embeds that somebody makes: those that ended stay, so what comes and goes would fill the table.
    "embed-user": Limit(30, 3600),
    "upload-user": Limit(60, 3600),
    # What was taken away lies there for a day or two, so that a file that comes and goes fills a disk as well.
    "upload-user-day": Limit(150, 86_400),
    "feed-address": Limit(120, 300),
    "feed-address-site": Limit(600, 300),
}

# No rates: how much stays before the oldest goes.
# New ways to be paid wait, unless they are the first: their owner was told, and can say that it was not them.
PAYOUT_ACCOUNT_WAITS_HOURS = 48
# Ways to be paid, and payouts under way, of each person (`payments.actions`).
PAYOUT_ACCOUNTS_KEPT = 10
PAYOUTS_UNDER_WAY = 20
# What one admin alone approved for somebody in so many days is one amount, where large ones need two.
PAYOUTS_TOGETHER_DAYS = 7
# Files that were read, of each person, up to 1 MB each (`people.actions.imports`).
IMPORTS_KEPT = 100

# Rows of a statement on paper; who has more takes some days of it, or the CSV (`checkout.views.wallet`).
ROWS_ON_PAPER = 1_000

# Ways to pay, of each person, ready or being added (`payments.actions.methods`); no further one is taken.
METHODS_KEPT = 20

# A bank transfer is offered for what begins in so many hours or more: one that is sent now would not be there before
# (`payments.providers`).
TRANSFER_TAKES_HOURS = 24

# Guests whom one person may bring, and places that one books at once (`people.actions.guests`, `checkout.actions`).
GUESTS_KEPT = 30
PLACES_AT_ONCE = 10
# Places of a series in one order: the dates times who comes (`checkout.actions.buying`).
SERIES_PLACES = 60
# Dates of one time that comes back, the most weeks from one to the next, and those where some between are left out
# (`checkout.actions.slot_series`).
SLOT_SERIES_DATES = 26
SLOT_SERIES_WEEKS = 2
SLOT_SERIES_GAP_WEEKS = 8
# Of so many coaches who could give one each is asked on which dates they are free.
SLOT_SERIES_COACHES = 8

# Parties that wait for several seats together (`schedule.waiting`): so often seats that came free go to others because
# they were too few, before they are kept; and so long before the start they are kept at most.
PASSED_OVER_AT_MOST = 2
SEATS_KEPT_UNTIL_HOURS = 6

# People who are named in a sponsorship at once (`orders.actions.sponsorships`).
SPONSORED_AT_ONCE = 200

# What two say of each other after a session (`schedule.actions.reviews`): so long after its end each is blind, unless
# both wrote before; and so long either may be written.
REVIEW_BLIND_DAYS = 7
REVIEWS_TAKEN_DAYS = 30
# Calendars elsewhere that one person has connected, and how long one may give no answer before its owner is told
# (`schedule.actions`).
CALENDARS_KEPT = 10
CALENDAR_SILENT_HOURS = 3
# Rooms at one location, coaches of one service, answers to choose from in a question (`schedule.actions`).
ROOMS_KEPT = 50
COACHES_OF_A_SERVICE = 50
# In so many sessions to come a coach puts each other coach, beside or in the place of themselves; an admin in as many
# as there are.
SESSIONS_BESIDE = 20
CHOICES_OF_A_QUESTION = 20
# Intros (`schedule.actions.intros`): so long a time is held for the mail to be answered; so many of one coach at once,
# whoever asks; and so long after it is over, or was given up, a visitor's name, address and answers are kept.
INTRO_HELD_MINUTES = 20
INTROS_HELD_AT_ONCE = 5
INTRO_KEPT_DAYS = 90
INTRO_UNANSWERED_DAYS = 2
# Pieces of other sites that show what is bookable (`schedule.actions.embeds`): of each coach, and the sites of each.
EMBEDS_KEPT = 20
# How long the form of a framed page can be open before it is sent.
EMBED_FORM_SECONDS = 2 * 3600
ORIGINS_OF_AN_EMBED = 10
# Times off, and travels, of each coach that are not over yet, and the days that each lasts.
AWAY_KEPT = 100
AWAY_DAYS = 400
# Sessions that are handed over at once to whoever stands in; what is left of a longer time is handed over after them.
HANDED_OVER_AT_ONCE = 100

# Times that one person holds at once and has neither paid nor been answered (`checkout.actions.slots`): nobody empties
# a coach's weeks for nothing.
SLOTS_UNPAID = 12

# Files that people bring (`core.files`): of each, below what `runtime.front` takes at all; and of each session.
FILE_BYTES_MAX = 24_000_000
RESOURCES_KEPT = 50
# All files that one person keeps with sessions (`schedule.actions.resources`): a full disk stops everybody.
RESOURCE_BYTES_KEPT = 5_000_000_000

# Counts one try for each row of `{source}`.
_HIT = """
    INSERT INTO core_ratecount (key, window_starts_at, count)
    SELECT %(limit_key)s, to_timestamp(floor(extract(epoch FROM now()) / %(seconds)s) * %(seconds)s), 1 {source}
    ON CONFLICT (key, window_starts_at) DO UPDATE SET count = core_ratecount.count + 1
    RETURNING count, ceil(extract(epoch FROM window_starts_at) + %(seconds)s - extract(epoch FROM now()))::int
        AS retry_after, window_starts_at
"""


@dataclass(frozen=True)
class Try:
    """One try that was counted."""

    key: str
    window_starts_at: datetime


def hit(name: str, *parts: object) -> Try:
    """Count one try of `name` by whoever `parts` say; raise TooManyRequests beyond the limit.

    One statement, so it holds when a hundred come at once. Call it outside the action's transaction: a try that
    failed must stay counted.
    """
    sql, parameters = counting(name, *parts)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    assert row is not None
    count, retry_after, window_starts_at = row
    check_count(name, count, retry_after)
    return Try(parameters["limit_key"], window_starts_at)


def give_back(*tries: Try) -> None:
    """Count tries no more: they were right. Those that others made meanwhile stay counted."""
    with connection.cursor() as cursor:
        for one in tries:
            cursor.execute(
                "UPDATE core_ratecount SET count = count - 1 WHERE key = %s AND window_starts_at = %s",
                [one.key, one.window_starts_at],
            )


def counting(name: str, *parts: object, of: str = "") -> tuple[str, dict[str, Any]]:
    """The statement behind `hit`, to stand in a larger one: it counts one try for each row of the table `of`.

    Returns the number of tries and the seconds to wait, for `check_count`, and when they began to be counted.
    """
    # Hashed: an address or an e-mail has no business in a counter.
    key = hashlib.sha256("\0".join([name, *map(str, parts)]).encode("utf-8", "surrogatepass")).hexdigest()
    source = f"FROM {of}" if of else ""
    return _HIT.format(source=source), {"limit_key": key, "seconds": LIMITS[name].seconds}


def check_count(name: str, count: int, retry_after: int) -> None:
    """Raise TooManyRequests when there were more tries than the limit has."""
    if count > LIMITS[name].count:
        raise TooManyRequests(max(1, retry_after))


def forget_old_counts() -> int:
    """Drop what was counted in windows that are over, of every limit; returns how many."""
    longest = max(limit.seconds for limit in LIMITS.values())
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM core_ratecount WHERE window_starts_at < now() - make_interval(secs => %s)", [longest]
        )
        return int(cursor.rowcount)
