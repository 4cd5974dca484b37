"""What the money machine compares: Tenpo's rows and the model, both in the same words."""

from collections.abc import Sequence
from typing import Any

from tenpo.core.compiled import Compiled, Param
from tenpo.orders.sponsor_models import Sponsorship
from tenpo.payments.models import Grant, Payment, Payout, PayoutAccount, PayoutBatch, Refund
from tenpo.people.models import User
from tenpo.schedule.models import Booking, Session
from tests.machines.payout_model import Business
from tests.machines.rows import Reading, at

_ROWS: dict[str, Compiled[Any]] = {
    "sessions": Compiled(lambda: Session.objects.filter(pk=Param("pk"))),
    "bookings": Compiled(lambda: Booking.objects.filter(pk=Param("pk")).select_related("line__order")),
    "payments": Compiled(lambda: Payment.objects.filter(pk=Param("pk"))),
    "refunds": Compiled(lambda: Refund.objects.filter(pk=Param("pk"))),
    "sponsorships": Compiled(lambda: Sponsorship.objects.filter(pk=Param("pk"))),
    "grants": Compiled(lambda: Grant.objects.filter(pk=Param("pk"))),
    "accounts": Compiled(lambda: PayoutAccount.objects.filter(pk=Param("pk")).select_related("owner")),
    "payouts": Compiled(lambda: Payout.objects.filter(pk=Param("pk"))),
    "batches": Compiled(lambda: PayoutBatch.objects.filter(pk=Param("pk"))),
}
READING = Reading(
    sessions=(
        "status, creator_id, service_id,"
        " (SELECT json_agg(coach_id ORDER BY place) FROM schedule_sessioncoach c WHERE c.session_id = s.id)",
        "schedule_session s",
    ),
    bookings=(
        "session_id, booked_by_id, state, held_until, line_id, order_id, sponsorship_id, company_share, credit_spent,"
        " wallet_spent, own_share, sponsor_share, refunded_percent, company_back, credit_back, wallet_back, own_back,"
        " sponsor_back, back_to, split_rule_id",
        "(SELECT b.id, session_id, booked_by_id, b.state, held_until, line_id, order_id, sponsorship_id,"
        "   company_share, credit_spent, wallet_spent, own_share, sponsor_share, refunded_percent, company_back,"
        "   credit_back, wallet_back, own_back, sponsor_back, back_to, split_rule_id"
        "   FROM schedule_booking b JOIN orders_line l ON l.id = line_id) b",
    ),
    splits=("line_id, recipient_id, part, amount, reversed, earned_at IS NOT NULL", "orders_split"),
    payments=(
        "payer_id, purpose, is_automatic, provider, amount, fee, state, refunded, disputed_at IS NOT NULL, order_id",
        "payments_payment",
    ),
    disputes=("payment_id, state, amount, taken, fee, lost", "payments_dispute"),
    refunds=(
        'user_id, line_id, payment_id, origin, asked, "to", state, amount, company, credit, wallet, own, sponsor,'
        " by_policy, reviewed_by_id, marked_by_id, attempt",
        "payments_refund",
    ),
    sponsorships=(
        "sponsor_id, percent, amount, cap, pot, per_person, spent, active_from, active_until",
        "orders_sponsorship",
    ),
    sponsored=("sponsorship_id, user_id, most, spent, removed_at IS NOT NULL", "orders_sponsoredperson"),
    sponsor_payments=("sponsorship_id, amount, recorded_by_id", "orders_sponsorpayment"),
    auto_top_ups=(
        "user_id, is_on, threshold, kind, amount, daily_cap, low_below, method_id IS NOT NULL, failed_times,"
        " failure_code, paused_until, low_since",
        "payments_autotopup",
    ),
    grants=("owner_id, amount, taken_back_by_id IS NOT NULL", "payments_grant"),
    split_rules=("active_from, active_until", "orders_splitrule"),
    accounts=("owner_id, method, usable_from, disabled_at IS NOT NULL", "payments_payoutaccount"),
    payouts=(
        "payee_id, account_id, source, amount, fee, settled, state, approved_by_id, seconded_by_id, batch_id",
        "payments_payout",
    ),
    batches=("count, total, state", "payments_payoutbatch"),
    # What the ledger says of each account: its balance, where it keeps one, and the sum of its transfers.
    pots=(
        "kind, owner_id, source_id, name, balance, moved",
        "(SELECT a.*,"
        "   (SELECT coalesce(sum(amount), 0) FROM ledger_transfer t WHERE t.credit_id = a.id)"
        "   - (SELECT coalesce(sum(amount), 0) FROM ledger_transfer t WHERE t.debit_id = a.id) AS moved"
        "  FROM ledger_account a) a",
    ),
)


class Rows:
    """What was read after a step, each kind in the order of the model's numbers."""

    def __init__(self, seen: dict[str, int]) -> None:
        """Rows come in the order in which they were `seen` first: not all ids tell it while the clock stands still."""
        self.read = READING()
        for kind, rows in self.read.items():
            if kind == "refunds":
                # Those of one cancelled session come in no order of their own.
                lines = [row[5] for row in self.read["bookings"]]
                rows.sort(key=lambda row: lines.index(row[2]) if row[2] else -1)
            for row in rows:
                seen.setdefault(row[0], len(seen))
            rows.sort(key=lambda row: seen[row[0]])

    def row(self, kind: str, number: int) -> Any:
        """The row that the model knows by a number."""
        (row,) = _ROWS[kind](pk=self.read[kind][number][0])
        return row

    def found(self, users: Sequence[User], services: dict[str | None, int | None]) -> dict[str, Any]:
        """How Tenpo is."""
        people: dict[str | None, int | None] = {str(person.pk): number for number, person in enumerate(users)}
        people[None] = None
        numbers = {kind: {row[0]: number for number, row in enumerate(rows)} for kind, rows in self.read.items()}
        lines: dict[str | None, int | None] = {row[5]: number for number, row in enumerate(self.read["bookings"])}
        orders: dict[str | None, int | None] = {row[6]: number for number, row in enumerate(self.read["bookings"])}
        orders[None] = lines[None] = None
        paid: dict[str | None, int | None] = {None: None, **numbers["payments"]}
        budgets: dict[str | None, int | None] = {None: None, **numbers["sponsorships"]}
        rules: dict[str | None, int | None] = {None: None, **numbers["split_rules"]}
        return {
            "sessions": [
                (status, people[creator], services[service], [people[who] for who in coaches])
                for _id, status, creator, service, coaches in self.read["sessions"]
            ],
            "bookings": [
                (
                    numbers["sessions"][session], people[buyer], state, at(held_until), budgets[sponsorship], *parts,
                    rules[rule],
                )
                for _id, session, buyer, state, held_until, _line, _order, sponsorship, *parts, rule
                in self.read["bookings"]
            ],
            # What is divided anew has new parts.
            "splits": sorted(
                ((lines[line], people[who], *rest) for _id, line, who, *rest in self.read["splits"]),
                key=lambda split: split[0],
            ),
            "payments": [
                (people[payer], *said, orders[order]) for _id, payer, *said, order in self.read["payments"]
            ],
            "disputes": [(paid[payment], *said) for _id, payment, *said in self.read["disputes"]],
            "refunds": [
                (people[user], lines[line], paid[payment], *said, people[reviewer], people[marker], attempt)
                for _id, user, line, payment, *said, reviewer, marker, attempt in self.read["refunds"]
            ],
            "sponsorships": [
                (people[sponsor], *said, at(starts), at(ends))
                for _id, sponsor, *said, starts, ends in self.read["sponsorships"]
            ],
            # Those who are named at once are named in no order.
            "sponsored": sorted(
                (budgets[one], people[who], *said[1:], said[0]) for _id, one, who, *said in self.read["sponsored"]
            ),
            "sponsor payments": [
                (budgets[one], amount, people[admin]) for _id, one, amount, admin in self.read["sponsor_payments"]
            ],
            "auto top-ups": sorted(
                (people[owner], *said, at(paused), at(low))
                for _id, owner, *said, paused, low in self.read["auto_top_ups"]
            ),
            "grants": [(people[owner], *rest) for _id, owner, *rest in self.read["grants"]],
            "split rules": [(at(starts), at(ends)) for _id, starts, ends in self.read["split_rules"]],
            "accounts": [
                (people[owner], method, at(usable), gone) for _id, owner, method, usable, gone in self.read["accounts"]
            ],
            "payouts": [
                (
                    people[payee], numbers["accounts"][account], *said, [people[who] for who in (first, second) if who],
                    None if batch is None else numbers["batches"][batch],
                )
                for _id, payee, account, *said, first, second, batch in self.read["payouts"]
            ],
            "batches": [tuple(said) for _id, *said in self.read["batches"]],
            **self._pots(people, numbers["payments"], budgets),
        }  # fmt: skip

    def _pots(
        self, people: dict[str | None, int | None], payments: dict[str, int], budgets: dict[str | None, int | None]
    ) -> dict[str, Any]:
        """Whose money is where, by the sums of all transfers; what an account keeps as its balance is the same."""
        ours = ("credit", "sponsor")
        pots = [row for row in self.read["pots"] if row[6]]
        return {
            "credits": sorted(
                (people[owner], payments[source], m) for _id, k, owner, source, _n, _b, m in pots if k == "credit"
            ),
            "owed": sorted(
                (people[owner], budgets[one], -m) for _id, k, owner, one, _n, _b, m in pots if k == "sponsor"
            ),
            "money": sorted((kind, people[o], m) for _id, kind, o, _s, _n, _b, m in pots if o and kind not in ours),
            "sides": sorted((name or kind, moved) for _id, kind, o, _s, name, _b, moved in pots if not o),
            "kept": [row for row in self.read["pots"] if row[5] not in (None, row[6])],
        }


def expected_of(of: Business) -> dict[str, Any]:
    """How it should be."""
    numbers = {
        id(thing): n
        for things in (
            of.sessions,
            of.bookings,
            of.payments,
            of.sponsorships,
            of.split_rules,
            of.accounts,
            of.batches,
        )
        for n, thing in enumerate(things)
    }
    return {
        "sessions": [(one.status, one.creator, one.service, one.coaches) for one in of.sessions],
        "bookings": [
            (
                numbers[id(b.session)], b.buyer, b.state, b.held_until,
                None if b.sponsorship is None else numbers[id(b.sponsorship)], b.company,
                sum(amount for _purse, amount in b.of_credits()), sum(amount for _purse, amount in b.of_money()), b.own,
                b.sponsor, b.percent_back, b.company_back,
                *(sum(b.back[purse] for purse, _amount in spent) for spent in b.of_purses()), b.own_back,
                b.sponsor_back, b.back_to, None if b.rule is None else numbers[id(b.rule)],
            )
            for b in of.bookings
        ],
        "splits": [
            (number, split.who, split.part, split.amount, split.back, split.is_earned)
            for number, booking in enumerate(of.bookings)
            for split in booking.splits
        ],
        "payments": [
            (
                p.payer, "top_up" if p.is_top_up else "order", p.is_automatic, p.provider, p.amount, p.fee, p.state,
                p.refunded, p.is_disputed, None if p.booking is None else numbers[id(p.booking)],
            )
            for p in of.payments
        ],
        "disputes": [(numbers[id(d.payment)], d.state, d.amount, d.taken, d.fee, d.lost) for d in of.disputes],
        "refunds": [
            (
                r.user, None if r.booking is None else numbers[id(r.booking)],
                None if r.payment is None else numbers[id(r.payment)], r.origin, r.asked, r.to, r.state, sum(r.parts),
                *r.parts, r.by_policy, r.reviewed_by, r.marked_by, r.attempt,
            )
            for r in of.refunds
        ],
        "sponsorships": [
            (one.sponsor, one.percent, one.amount, one.cap, one.pot, one.most, one.spent, one.starts, one.ends)
            for one in of.sponsorships
        ],
        "sponsored": sorted(
            (number, who, spent, who in one.removed, one.most)
            for number, one in enumerate(of.sponsorships)
            for who, spent in one.spent_for.items()
        ),
        "sponsor payments": [(numbers[id(one)], amount, admin) for one, amount, admin in of.sponsor_payments],
        "auto top-ups": sorted(
            (
                owner, one.is_on, *one.wish[1:-1], bool(one.wish.card), one.failed_times, one.failure,
                one.paused_until, one.low_since,
            )
            for owner, one in of.auto_top_ups.items()
        ),
        "grants": [(grant.owner, grant.amount, grant.is_back) for grant in of.grants],
        "split rules": [(rule.starts, rule.ends) for rule in of.split_rules],
        "accounts": [(a.owner, a.method, a.usable_from, a.is_removed) for a in of.accounts],
        "payouts": [
            (
                p.payee, numbers[id(p.account)], p.source, p.amount, p.fee, p.settled, p.state, p.approved_by,
                None if p.batch is None else numbers[id(p.batch)],
            )
            for p in of.payouts
        ],
        "batches": [(batch.count, batch.total, batch.state) for batch in of.batches],
        "credits": sorted((credit.owner, credit.source, credit.balance) for credit in of.credits if credit.balance),
        "owed": sorted((one.sponsor, number, one.owed) for number, one in enumerate(of.sponsorships) if one.owed),
        "money": sorted((kind, who, amount) for (kind, who), amount in of.of.items() if amount),
        "sides": sorted((side, amount) for side, amount in of.sides.items() if amount),
        "kept": [],
    }  # fmt: skip
