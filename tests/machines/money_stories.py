"""What comes about too seldom by chance, as steps of the money machine: each of its runs begins with one of these."""

from datetime import timedelta
from typing import Any

from tests.machines import money_nouns as nouns
from tests.machines.booking_nouns import Windows

UNTIL_A_DAY_BEFORE: Windows = ((48, 100), (24, 50), (0, 0))
A_THIRD: Windows = ((1, 33), (0, 10))
NO_WALLETS = nouns.Terms(minimum=100, fee=0, second=None, pays_wallets=False, has_bank=False)
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
        ("take_back_grant", {"which": 0, "by": 3}),
        ("add_account", {"owner": 0, "method": "manual", "by": None}),
        ("change_terms", {"terms": NO_WALLETS, "by": 2}),
        ("pay_out", {"who": 0, "method": "manual", "part": "all", "times": 1, "ends": "done"}),
        ("add_account", {"owner": 1, "method": "sepa", "by": None}),
    ],
    "transfers": [
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
                "acts": ["send", "method", "arrive", "again", "arrive", "arrive", "wallet", "wallet"],
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
}
