"""What comes about too seldom by chance, as steps of the money machine.

All of them are told before its runs, and each of these begins with one.
"""

from datetime import timedelta
from typing import Any

from tests.machines import money_nouns as nouns
from tests.machines.booking_nouns import Windows

UNTIL_A_DAY_BEFORE: Windows = ((48, 100), (24, 50), (0, 0))
A_THIRD: Windows = ((1, 33), (0, 10))
NO_WALLETS = nouns.Terms(minimum=100, fee=0, second=None, pays_wallets=False, has_bank=False)
SPONSORED: dict[str, Any] = {"sponsor": 3, "terms": (30, None, None), "pot": 5_000, "most": None}
FILLS = nouns.Wish(True, 9_000, "fixed", 2_500, 5_000, None, "succeeds")
FILLS_MORE = nouns.Wish(True, 20_000, "fixed", 5_000, 5_000, 9_000, "succeeds")
TELLS = nouns.Wish(False, 9_000, "fixed", 2_500, 5_000, 1_000, "succeeds")
MADE: dict[str, Any] = {"price": 10_001, "card": "succeeds", "has_own_rules": True, "buyer": None, "took_place": True}
SOLD: dict[str, Any] = {
    "coach": 5, "card": "succeeds", "before": "nothing", "to": "method", "amount": "all", "after": "nothing"
}  # fmt: skip
BACK = ["lost, gone, back"]
TOPPED_UP: dict[str, Any] = {"spends": False, "part": "third", "amount": "all", "then": "all"}
# Each step as the machine's rule, and what it is given.
STORIES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "none": [],
    "a file that is sent": [
        ("pay_out_by_file", {"people": [0], "acts": ["reject", "send", "drop", "finish"]}),
    ],
    "a file that is dropped, and a full wallet": [
        ("pay_out_by_file", {"people": [2, 1], "acts": ["drop", "reject", "make"]}),
        ("top_up", {"owner": 3, "amount": 20000, "way": ("sandbox", "succeeds")}),
        ("top_up", {"owner": 3, "amount": 20000, "way": ("sandbox", "succeeds")}),
    ],
    "more than there may be, or than there is": [
        ("pay_out", {"who": 1, "method": "manual", "part": "half", "times": 3, "ends": "done"}),
        ("add_accounts", {"owner": 1, "times": 3, "by": None}),
        ("pay_out", {"who": 1, "method": "sepa", "part": "half", "times": 1, "ends": "done"}),
        ("pay_out", {"who": 0, "method": "manual", "part": "more", "times": 1, "ends": "done"}),
    ],
    "in haste, thought better of, come back": [
        ("pay_out", {"who": 0, "method": "manual", "part": "all", "times": 1, "ends": "hasty"}),
        ("remove_account", {"which": 0, "by": None}),
        ("think_better_of_it", {"who": 4, "times": 3, "by": None}),
        ("remove_account", {"which": 0, "by": None}),
        ("pay_out", {"who": 5, "method": "manual", "part": "all", "times": 1, "ends": "failed"}),
    ],
    "spent, and not paid out here": [
        ("take_back_what_may_be_spent", {"owner": 0, "amount": 700, "price": 3000}),
        ("give_money", {"owner": 1, "amount": 1, "by": 2}),
        ("give_money", {"owner": 2, "amount": 1, "by": 2}),
        ("take_back_grant", {"which": 0, "by": 3}),
        ("add_account", {"owner": 0, "method": "manual", "by": None}),
        ("change_terms", {"terms": NO_WALLETS, "by": 2}),
        ("pay_out", {"who": 0, "method": "manual", "part": "all", "times": 1, "ends": "done"}),
        ("add_account", {"owner": 1, "method": "sepa", "by": None}),
    ],
    "transfers": [
        ("top_up", {"owner": 3, "amount": 500, "way": ("", "")}),
        ("run_job", {"job": "reconcile"}),
        ("run_job", {"job": "complete"}),
        ("mark_paid", {"which": 0, "by": 2}),
        ("top_up", {"owner": 3, "amount": 500, "way": ("transfer", "")}),
        ("mark_paid", {"which": 0, "by": 3}),
        ("top_up", {"owner": 4, "amount": 500, "way": ("sandbox", "succeeds")}),
        ("mark_paid", {"which": 5, "by": 2}),
    ],
    "given up, and called off": [
        (
            "buy_and_give_up",
            {
                "coach": 5,
                "price": 10001,
                "windows": UNTIL_A_DAY_BEFORE,
                "card": "succeeds",
                "again": True,
                "hours": 25,
                "by": "buyer",
            },
        ),
        (
            "buy_and_give_up",
            {"coach": 4, "price": 3000, "windows": A_THIRD, "card": "late", "again": False, "hours": 1, "by": "all"},
        ),
        ("close_session", {"which": 5, "by": None, "took_place": True}),
    ],
    "called off, and left alone": [
        (
            "buy_and_give_up",
            {"coach": 5, "price": 999, "windows": A_THIRD, "card": "asks", "again": False, "hours": 25, "by": "all"},
        ),
        ("book", {"which": 0, "by": 0, "way": ("sandbox", "succeeds"), "more": 0, "uses_wallet": True}),
        ("close_session", {"which": 0, "by": None, "took_place": True}),
        ("plan_session", {"coach": 4, "price": 10_001, "starts_in": 2, "windows": UNTIL_A_DAY_BEFORE}),
        ("book", {"which": 0, "by": 0, "way": ("sandbox", "asks"), "more": 0, "uses_wallet": True}),
        ("wait", {"by": timedelta(minutes=16)}),
        ("run_job", {"job": "reconcile"}),
        ("book", {"which": 0, "by": 0, "way": ("sandbox", "succeeds"), "more": 0, "uses_wallet": False}),
        ("wait", {"by": timedelta(hours=50)}),
        ("run_job", {"job": "complete"}),
    ],
    "sent back late, by hand, or not at all": [
        (
            "refund_what_took_place",
            {
                "coach": 4,
                "price": 10001,
                "card": "not back",
                "part": "half",
                "to": "method",
                "is_asked_for": True,
                "acts": ["send", "told", "method", "again", "send", "arrive", "wallet", "wallet"],
            },
        ),
        (
            "refund_what_took_place",
            {
                "coach": 5,
                "price": 10001,
                "card": "back late",
                "part": "third",
                "to": "method",
                "is_asked_for": False,
                "acts": ["again", "done", "send", "arrive", "credit", "done"],
            },
        ),
        ("top_up", {"owner": 4, "amount": 9999, "way": ("transfer", "")}),
        ("mark_paid", {"which": 0, "by": 2}),
        ("refund_top_up", {"which": 0, "part": "half", "to": "wallet", "by": 3}),
        ("refund_top_up", {"which": 0, "part": "half", "to": "method", "by": 3}),
        ("work_on_refund", {"which": 0, "act": "done", "by": None}),
    ],
    "asked for, and decided": [
        ("decide_refund_terms", {"to": "method", "automatic": 400, "by": 2}),
        ("teach", {"coach": 5, "price": 10001, "card": "succeeds", "is_late": False}),
        ("ask_for_refund", {"which": 0, "part": "1", "to": "credit", "by": None}),
        ("ask_for_refund", {"which": 0, "part": "half", "to": "method", "by": None}),
        ("ask_for_refund", {"which": 0, "part": "half", "to": "method", "by": None}),
        ("decide_refund", {"which": 0, "act": "grant", "amount": "more", "to": None, "by": None}),
        ("decide_refund", {"which": 0, "act": "withdraw", "amount": "all", "to": None, "by": None}),
        ("ask_for_refund", {"which": 0, "part": "all", "to": "method", "by": None}),
        ("decide_refund", {"which": 0, "act": "reject", "amount": "all", "to": None, "by": None}),
        ("ask_for_refund", {"which": 0, "part": "all", "to": "method", "by": None}),
        ("give_refund", {"which": 0, "part": "half", "to": "credit", "by": 2}),
        ("decide_refund", {"which": 0, "act": "grant", "amount": "all", "to": None, "by": None}),
        ("wait", {"by": timedelta(hours=50)}),
        ("ask_for_refund", {"which": 0, "part": "1", "to": "credit", "by": None}),
    ],
    "a budget that is used up, and what comes back to it": [
        ("buy_by_a_budget", SPONSORED | {"coach": 5, "card": "asks", "then": "lapses"}),
        ("give_refund", {"which": 0, "part": "third", "to": "method", "by": 3}),
        ("give_refund", {"which": 0, "part": "third", "to": "method", "by": 2}),
        ("cancel", {"which": 0, "by": None}),
        ("work_on_sponsorship", {"which": 0, "act": "pay", "who": 0, "amount": 10_000, "by": 2}),
        ("work_on_sponsorship", {"which": 0, "act": "pay", "who": 0, "amount": 700, "by": 3}),
        ("work_on_sponsorship", {"which": 0, "act": "pay", "who": 0, "amount": 700, "by": 2}),
        ("buy_by_a_budget", SPONSORED | {"sponsor": 4, "pot": 1_000, "coach": 4, "card": "late", "then": "called off"}),
        ("work_on_sponsorship", {"which": 0, "act": "pay", "who": 0, "amount": 0, "by": 2}),
        ("work_on_sponsorship", {"which": 0, "act": "pay", "who": 0, "amount": 1, "by": 0}),
        ("work_on_sponsorship", {"which": 0, "act": "raise", "who": 0, "amount": 700, "by": 4}),
        ("work_on_sponsorship", {"which": 0, "act": "remove", "who": 0, "amount": 1, "by": 1}),
        ("work_on_sponsorship", {"which": 0, "act": "raise", "who": 0, "amount": 0, "by": 2}),
        ("work_on_sponsorship", {"which": 0, "act": "raise", "who": 0, "amount": 700, "by": 2}),
        ("work_on_sponsorship", {"which": 0, "act": "remove", "who": 0, "amount": 1, "by": 3}),
        ("work_on_sponsorship", {"which": 0, "act": "add", "who": 0, "amount": 1, "by": 3}),
        *[("work_on_sponsorship", {"which": 0, "act": "end", "who": 0, "amount": 1, "by": 3})] * 3,
    ],
    "of two budgets, the one that ends; and a coach who sponsors": [
        ("buy_by_a_budget", SPONSORED | {"sponsor": 1, "coach": 5, "card": "succeeds", "then": "given up"}),
        (
            "create_sponsorship",
            {"sponsor": 4, "terms": (None, 700, None), "pot": None, "most": 1_000, "starts": 0, "lasts": 48, "by": 2},
        ),
        (
            "create_sponsorship",
            {"sponsor": 4, "terms": (None, 700, None), "pot": None, "most": None, "starts": 0, "lasts": 0, "by": 2},
        ),
        ("work_on_sponsorship", {"which": 0, "act": "add", "who": 0, "amount": 0, "by": 2}),
        ("teach", {"coach": 4, "price": 3000, "card": "succeeds", "is_late": False}),
        ("teach", {"coach": 5, "price": 999, "card": "succeeds", "is_late": False}),
        ("refund_what_was_paid_out", {"coach": 5, "part": "all", "ends": "done", "back": "half", "to": "credit"}),
    ],
    "filled by itself as far as the day allows, until some of it goes back": [
        (
            "fill_by_itself",
            {"owner": 0, "wish": FILLS, "card": "succeeds", "times": 4, "spends": False, "succeeds": True},
        ),
        ("wait", {"by": timedelta(hours=50)}),
        ("look_after_wallets", {"dies": False}),
        ("decide_auto_top_up", {"owner": 0, "wish": FILLS_MORE, "is_fresh": False, "by": None}),
        ("refund_top_up", {"which": 0, "part": "all", "to": "method", "by": 2}),
        ("fill_by_itself", {"owner": 1, "wish": FILLS, "card": "late", "times": 2, "spends": False, "succeeds": False}),
        ("fill_by_itself", {"owner": 1, "wish": FILLS, "card": "silent", "times": 1, "spends": True, "succeeds": True}),
    ],
    "in two places at once, and told once that little is left": [
        *[("plan_session", {"coach": each, "price": 999, "starts_in": 2, "windows": A_THIRD}) for each in (4, 5)],
        *[
            ("book", {"which": n, "by": 1, "way": ("sandbox", "succeeds"), "more": 0, "uses_wallet": True})
            for n in (0, 1)
        ],
        ("decide_auto_top_up", {"owner": 0, "wish": TELLS, "is_fresh": True, "by": None}),
        ("teach", {"coach": 4, "price": 10_001, "card": "succeeds", "is_late": False}),
        ("look_after_wallets", {"dies": False}),
        ("look_after_wallets", {"dies": False}),
        ("top_up", {"owner": 0, "amount": 9_999, "way": ("sandbox", "succeeds")}),
        ("look_after_wallets", {"dies": False}),
    ],
    "a card that does not pay until it is left alone, one that nobody asked, one that is removed": [
        (
            "fill_by_itself",
            {"owner": 1, "wish": FILLS_MORE, "card": "blocked", "times": 4, "spends": False, "succeeds": True},
        ),
        ("decide_auto_top_up", {"owner": 1, "wish": FILLS, "is_fresh": True, "by": None}),
        ("look_after_wallets", {"dies": True}),
        ("wait", {"by": timedelta(minutes=2)}),
        ("run_job", {"job": "reconcile"}),
        ("wait", {"by": timedelta(hours=5)}),
        ("look_after_wallets", {"dies": False}),
        ("remove_card", {"owner": 1, "card": "succeeds"}),
        ("decide_auto_top_up", {"owner": 1, "wish": FILLS._replace(card="late"), "is_fresh": True, "by": None}),
        ("look_after_wallets", {"dies": False}),
        ("drop_auto_top_up", {"owner": 1, "by": 0}),
        ("drop_auto_top_up", {"owner": 1, "by": None}),
        ("bank_decides", {"which": 0, "succeeds": False}),
        ("look_after_wallets", {"dies": False}),
    ],
    "a part before, a part after it was given up": [
        (
            "refund_and_give_up",
            {"coach": 5, "card": "silent", "part": "third", "to": "method", "back_to": "method", "acts": ["send"]},
        ),
        ("run_job", {"job": "reconcile"}),
        (
            "refund_and_give_up",
            {
                "coach": 4,
                "card": "succeeds",
                "part": "third",
                "to": "wallet",
                "back_to": "method",
                "acts": ["credit", "wallet"],
            },
        ),
        ("refund_what_is_partly_spent", {"card": "succeeds", "spends": True, "part": "half", "acts": ["arrive"]}),
        ("refund_what_is_partly_spent", {"card": "asks", "spends": False, "part": "1", "acts": []}),
    ],
    "a rule that is over, and a refund": [
        (
            "decide_split_rule",
            {"by": 3, "coach": None, "taught_by": "", "place": 1, "percents": (0, 100, 0), "starts": -1, "lasts": None},
        ),
        (
            "decide_split_rule",
            {"by": 3, "coach": None, "taught_by": "", "place": 1, "percents": (0, 100, 0), "starts": 0, "lasts": 0},
        ),
        (
            "decide_split_rule",
            {"by": 3, "coach": None, "taught_by": "", "place": 1, "percents": (0, 100, 0), "starts": 0, "lasts": None},
        ),
        ("end_split_rule", {"which": 0, "by": 2}),
        ("end_split_rule", {"which": 0, "by": 2}),
        ("refund_what_was_paid_out", {"coach": 4, "part": "all", "ends": "done", "back": "all", "to": "method"}),
    ],
    "made by one and taught by another, handed over, and some of it back": [
        ("sell_what_somebody_made", MADE | {"coach": 4, "creator": 5, "service": 0, "acts": ["back", "stands in"]}),
        ("sell_what_somebody_made", MADE | {"coach": 4, "creator": 5, "service": None, "acts": ["joins", "leaves"]}),
        ("sell_what_somebody_made", MADE | {"coach": 5, "creator": None, "service": 1, "acts": ["other", "ends"]}),
        ("name_creator", {"which": 0, "creator": None, "by": 4}),
        ("name_creator", {"which": 0, "creator": None, "by": 2}),
    ],
    "who may not stand in": [
        *[("plan_session", {"coach": each, "price": 999, "starts_in": 2, "windows": A_THIRD}) for each in (4, 5)],
        ("hand_over", {"which": 0, "act": "joins", "by": None}),
        ("hand_over", {"which": 0, "act": "joins", "by": 4}),
        ("plan_session", {"coach": 4, "price": 3_000, "starts_in": 25, "windows": A_THIRD}),
        ("book", {"which": 0, "by": 5, "way": ("sandbox", "succeeds"), "more": 0, "uses_wallet": True}),
        ("hand_over", {"which": 0, "act": "stands in", "by": None}),
        ("sell_what_somebody_made", MADE | {"coach": 5, "creator": 5, "service": 0, "acts": ["joins"], "buyer": 4}),
    ],
    "a bank takes back what was sold": [
        ("dispute_what_was_sold", SOLD | {"before": "paid out", "says": ["open, gone", "lost, gone", "open, gone"]}),
        ("dispute_what_was_sold", SOLD | {"before": "part back", "says": ["lost", "lost, gone"], "after": "given up"}),
        ("dispute_what_was_sold", SOLD | {"before": "spent", "to": "wallet", "says": ["lost, gone"]}),
        ("dispute_what_was_sold", SOLD | {"before": "given up", "to": "credit", "says": ["lost, gone, back", "won"]}),
        ("dispute_what_was_sold", SOLD | {"to": "credit", "says": ["open", "won, gone, back"], "after": "all back"}),
    ],
    "a bank takes back what waits to go back": [
        ("dispute_what_was_sold", SOLD | {"before": "all back", "says": ["open, gone", "lost, gone, back"]}),
        ("dispute_what_was_sold", SOLD | {"before": "part back", "amount": "half", "says": ["lost, gone"]}),
        ("dispute_a_top_up", TOPPED_UP | {"says": ["lost, gone"], "acts": ["again", "told"]}),
        ("dispute_a_top_up", TOPPED_UP | {"part": "half", "amount": "half", "says": ["lost, gone"], "acts": []}),
        (
            "dispute_a_top_up",
            TOPPED_UP | {"spends": True, "says": ["lost, gone", "lost, gone, back"], "acts": ["fill"]},
        ),
    ],
    "a card whose bank takes back what it pays": [
        ("teach", {"coach": 5, "price": 10_001, "card": "taken back", "is_late": False}),
        ("top_up", {"owner": 3, "amount": 9_999, "way": ("sandbox", "taken back")}),
        ("refund_top_up", {"which": 0, "part": "half", "to": "method", "by": 2}),
        ("send_refunds", {"waits": False}),
        ("bank_takes_back", {"which": 0, "by": timedelta(0)}),
        ("bank_takes_back", {"which": 0, "by": timedelta(minutes=2)}),
        ("bank_takes_back", {"which": 1, "by": timedelta(0)}),
        ("give_refund", {"which": 0, "part": "half", "to": "method", "by": 2}),
        ("work_on_refund", {"which": 0, "act": "send", "by": None}),
        ("bank_takes_back", {"which": 0, "by": timedelta(days=8)}),
        ("ask_about_disputes", {}),
    ],
}
