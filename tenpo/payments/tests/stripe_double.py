"""A stateful double of Stripe behind a local address: what it is asked and what it answers is held to the contract.

What people do on Stripe's pages is done by `enter_card` and `settle`; what goes wrong on the line by `faults`.
"""

import hmac
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tenpo.payments.tests.stripe_contract import answer_faults, read_form, read_query, sample

SECRET = "whsec_of_the_double"
LOOKED_AT = 50
FEE_PERCENT_TENTHS, FEE_FIXED, DISPUTE_FEE = 14, 25, 2_000
PAYS, DECLINED, POOR, ASKS, LATE = "4242", "0002", "9995", "3155", "0077"
# What goes back to this one waits for its bank; all others say at once that it arrived.
BACK_LATE = "7726"
DECLINES = {DECLINED: ("card_declined", "generic_decline"), POOR: ("card_declined", "insufficient_funds")}


class Refusal(Exception):
    """An answer that is an error, as Stripe says it."""

    def __init__(self, status: int, kind: str, code: str, **more: Any) -> None:
        self.status, self.error = status, {"type": kind, "code": code, "message": code, **more}


class StripeDouble:
    """Stripe's memory, and what it does when it is asked."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.broken_contract: list[str] = []
        self.asked: list[str] = []
        # What each page was opened for.
        self.wanted: dict[str, dict[str, Any]] = {}
        # What happens to the next requests: "lost" (done, but not answered), "dead" (neither), or a status.
        self.faults: list[str] = []
        # What each person's account has, and whether that can go to their bank yet.
        self.balances: Counter[str] = Counter()
        self.is_available = True
        self._account = ""
        self._kept: dict[str, tuple[str, int, dict[str, Any]]] = {}
        self._ids = count(1)
        self._looked_at: Counter[str] = Counter()
        self._lock = threading.RLock()
        self.address = ""

    # What is asked

    def answer(
        self, method: str, path: str, pairs: list[tuple[str, str]], key: str, account: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """One request, on behalf of an `account` if it names one; the same key again gives the same answer."""
        with self._lock:
            self._account = account
            self.asked.append(f"{method} {path}")
            said = json.dumps([path, pairs, account])
            if key and key in self._kept:
                before, status, kept = self._kept[key]
                if before != said:
                    return 400, {"error": {"type": "idempotency_error", "message": "another request under this key"}}
                return status, kept
            try:
                status, found = 200, self._route(method, path, pairs)
            except Refusal as refusal:
                status, found = refusal.status, {"error": refusal.error}
            if key:
                self._kept[key] = (said, status, found)
            return status, found

    def _route(self, method: str, path: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
        fits = ((re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", one[0]), path), one) for one in ROUTES if one[1] == method)
        match, (pattern, _verb, name) = next((found for found in fits if found[0]), (None, ("", "", "")))
        if match is None:
            self.broken_contract.append(f"{method} {path}: no such address")
            raise Refusal(404, "invalid_request_error", "no_such_address")
        expand = [value for key, value in pairs if key.startswith("expand[")]
        if method == "POST":
            asked, wrong = read_form(pattern, pairs)
        else:
            asked, wrong = dict(pairs), read_query(pattern, {key.split("[")[0] for key, _value in pairs})
        self.broken_contract += [f"{method} {pattern} {one}" for one in wrong]
        found = getattr(self, name)(*match.groups(), asked=asked)
        answered: dict[str, Any] = json.loads(json.dumps(found))
        for one in answered["data"] if answered.get("object") == "list" else [answered]:
            kind = one["object"] if one["object"] != "list" else ""
            # It takes a while, and the hundredth of a kind tells nothing new.
            self._looked_at[kind] += 1
            if self._looked_at[kind] <= LOOKED_AT:
                self.broken_contract += [f"{kind} {fault}" for fault in answer_faults(kind, one)]
        for place in expand:
            self._expand(answered, place.split("."))
        return answered

    def _expand(self, thing: Any, places: list[str]) -> None:
        if isinstance(thing, list):
            for one in thing:
                self._expand(one, places)
            return
        if not isinstance(thing, dict) or not places or places[0] not in thing:
            return
        value = thing[places[0]]
        if isinstance(value, str) and value in self.things:
            thing[places[0]] = value = json.loads(json.dumps(self.things[value]))
        self._expand(value, places[1:])

    def _make(self, kind: str, prefix: str, **values: Any) -> dict[str, Any]:
        made = sample(kind) | {"id": f"{prefix}_{next(self._ids):06}", "created": int(time.time())} | values
        self.things[made["id"]] = made
        return made

    def _get(self, thing_id: str) -> dict[str, Any]:
        if thing_id not in self.things:
            raise Refusal(404, "invalid_request_error", "resource_missing")
        return self.things[thing_id]

    def show(self, thing_id: str, asked: dict[str, Any]) -> dict[str, Any]:
        return self._get(thing_id)

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [thing for thing in self.things.values() if thing["object"] == kind]

    def _list(self, kind: str, asked: dict[str, Any], *names: str) -> dict[str, Any]:
        rows = [one for one in self.of_kind(kind) if all(one.get(n) == asked[n] for n in names if n in asked)]
        since, until = int(asked.get("created[gte]", 0)), int(asked.get("created[lt]", 1 << 40))
        rows = [one for one in reversed(rows) if since <= one["created"] < until]
        if "starting_after" in asked:
            ids = [one["id"] for one in rows]
            rows = rows[ids.index(asked["starting_after"]) + 1 :]
        limit = int(asked.get("limit", 10))
        return {"object": "list", "data": rows[:limit], "has_more": len(rows) > limit, "url": f"/v1/{kind}s"}

    def make_customer(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._make("customer", "cus", email=asked.get("email"), metadata=asked.get("metadata", {}))

    def delete_customer(self, customer_id: Any) -> None:
        """Somebody deletes a customer at Stripe's own pages; what they kept is nobody's then."""
        with self._lock:
            for method in self.of_kind("payment_method"):
                if method.get("customer") == customer_id:
                    self._update(method, customer=None)
            self.things[customer_id] = {"id": customer_id, "object": "customer", "deleted": True}

    def _check_customer(self, customer_id: str) -> None:
        if self.things.get(customer_id, {"deleted": True}).get("deleted"):
            raise Refusal(400, "invalid_request_error", "resource_missing", param="customer")

    def open_page(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._check_customer(asked["customer"])
        found = self._make(
            "checkout.session", "cs_test", mode=asked["mode"], status="open", payment_status="unpaid",
            customer=asked["customer"], metadata=asked["metadata"], success_url=asked["success_url"],
            cancel_url=asked["cancel_url"], client_reference_id=asked.get("client_reference_id"), payment_intent=None,
            setup_intent=None, shipping_options=[], payment_method_types=["card"],
        )  # fmt: skip
        self.wanted[found["id"]] = asked
        return self._update(found, url=f"{self.address}/pay/{found['id']}")

    def expire_page(self, page_id: str, asked: dict[str, Any]) -> dict[str, Any]:
        page = self._get(page_id)
        if page["status"] != "open":
            raise Refusal(400, "invalid_request_error", "not_open")
        self._update(page, status="expired", url=None)
        self._tell("checkout.session.expired", page)
        return page

    def make_intent(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._check_customer(asked["customer"])
        method = self._get(asked["payment_method"])
        if method.get("customer") != asked["customer"]:
            raise Refusal(400, "invalid_request_error", "payment_method_unexpected_state")
        intent = self._intent(asked["amount"], asked["currency"], asked)
        self._charge(intent, method, is_there=not asked["off_session"], return_url=asked["return_url"])
        if intent["status"] == "requires_payment_method":
            error = intent["last_payment_error"]
            raise Refusal(402, "card_error", error["code"], decline_code=error["decline_code"], payment_intent=intent)
        return intent

    def cancel_intent(self, intent_id: str, asked: dict[str, Any]) -> dict[str, Any]:
        intent = self._get(intent_id)
        if intent["status"] in ("succeeded", "processing", "canceled"):
            raise Refusal(400, "invalid_request_error", "payment_intent_unexpected_state")
        self._update(intent, status="canceled", next_action=None)
        self._tell("payment_intent.canceled", intent)
        return intent

    def list_intents(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "customer" in asked:
            self._check_customer(asked["customer"])
        return self._list("payment_intent", asked, "customer")

    def make_refund(self, asked: dict[str, Any]) -> dict[str, Any]:
        intent = self._get(asked["payment_intent"])
        charge = self.things[intent["latest_charge"]]
        if charge["disputed"]:
            raise Refusal(400, "invalid_request_error", "charge_disputed")
        left = charge["amount"] - charge["amount_refunded"]
        if asked["amount"] > left:
            code = "charge_already_refunded" if not left else "amount_too_large"
            raise Refusal(400, "invalid_request_error", code)
        self._update(charge, amount_refunded=charge["amount_refunded"] + asked["amount"])
        found = self._make(
            "refund", "re", amount=asked["amount"], currency=intent["currency"], charge=charge["id"],
            payment_intent=intent["id"], metadata=asked["metadata"],
            status="pending" if charge["payment_method_details"]["card"]["last4"] == BACK_LATE else "succeeded",
        )  # fmt: skip
        line = self._line("refund", -asked["amount"], 0, intent["currency"], found["id"])
        self._update(found, balance_transaction=line["id"])
        self._tell("charge.refunded", charge)
        self._tell("refund.created", found)
        return found

    def list_refunds(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._list("refund", asked, "payment_intent")

    def detach(self, method_id: str, asked: dict[str, Any]) -> dict[str, Any]:
        method = self._get(method_id)
        if method["customer"] is None:
            raise Refusal(400, "invalid_request_error", "not_attached")
        self._update(method, customer=None)
        return method

    def list_disputes(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._list("dispute", asked, "payment_intent")

    def list_lines(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._list("balance_transaction", asked)

    def open_account(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._make(
            "account", "acct", metadata=asked["metadata"], email=asked["email"], details_submitted=False,
            payouts_enabled=False,
        )  # fmt: skip

    def link_account(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._get(asked["account"])
        return sample("account_link") | {"url": f"{self.address}/setup/{asked['account']}"}

    def make_transfer(self, asked: dict[str, Any]) -> dict[str, Any]:
        account = self._get(asked["destination"])
        if not account["payouts_enabled"]:
            raise Refusal(400, "invalid_request_error", "insufficient_capabilities_for_transfer")
        self.balances[account["id"]] += asked["amount"]
        return self._make(
            "transfer", "tr", amount=asked["amount"], currency=asked["currency"], destination=account["id"],
            metadata=asked["metadata"], transfer_group=asked.get("transfer_group"), amount_reversed=0,
        )  # fmt: skip

    def list_transfers(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._list("transfer", asked, "destination")

    def reverse_transfer(self, transfer_id: str, asked: dict[str, Any]) -> dict[str, Any]:
        sent = self._get(transfer_id)
        if asked["amount"] > sent["amount"] - sent["amount_reversed"]:
            raise Refusal(400, "invalid_request_error", "amount_too_large")
        self._take(sent["destination"], asked["amount"])
        self._update(sent, amount_reversed=sent["amount_reversed"] + asked["amount"])
        self._tell("transfer.reversed", sent)
        return self._make("transfer_reversal", "trr", amount=asked["amount"], transfer=sent["id"], metadata={})

    def make_payout(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._account, "a payout of ours"
        if not self.is_available:
            raise Refusal(400, "invalid_request_error", "balance_insufficient")
        self._take(self._account, asked["amount"])
        return self._make(
            "payout", "po", amount=asked["amount"], currency=asked["currency"], metadata=asked["metadata"],
            status="pending", automatic=False, description=self._account,
        )  # fmt: skip

    def list_payouts(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._list("payout", asked | {"description": self._account}, "description")

    def _take(self, account: str, amount: int) -> None:
        if self.balances[account] < amount:
            raise Refusal(400, "invalid_request_error", "balance_insufficient")
        self.balances[account] -= amount

    # What people do on its pages, and banks behind it

    def enter_card(self, page_id: Any, card: str = PAYS) -> None:
        """Somebody enters a card on a page; one that is declined leaves it open."""
        with self._lock:
            page, asked = self.things[page_id], self.wanted[page_id]
            assert page["status"] == "open", page["status"]
            # A card that only pays is nobody's afterwards.
            method = self._card(card, page["customer"] if page["mode"] == "setup" else None)
            if page["mode"] == "setup":
                setup = self._make(
                    "setup_intent", "seti", payment_method=method["id"], status="succeeded", next_action=None,
                    customer=page["customer"], metadata=asked["setup_intent_data"]["metadata"],
                )  # fmt: skip
                self._update(page, status="complete", setup_intent=setup["id"], url=None)
            else:
                price = asked["line_items"][0]["price_data"]
                data = asked["payment_intent_data"] | {"customer": page["customer"]}
                intent = self._intent(price["unit_amount"], price["currency"], data)
                self._charge(intent, method, is_there=True, return_url=page["success_url"])
                if intent["status"] == "requires_payment_method":
                    return
                paid = "paid" if intent["status"] == "succeeded" else "unpaid"
                self._update(page, status="complete", payment_status=paid, payment_intent=intent["id"], url=None)
            self._tell("checkout.session.completed", page)

    def complete_account(self, account_id: Any, *, is_approved: bool = True) -> None:
        """Somebody tells who they are; Stripe takes it, or wants to know more."""
        account = self.things[account_id]
        wanted = account["requirements"] | {
            "currently_due": [] if is_approved else ["individual.verification.document"],
            "disabled_reason": None if is_approved else "requirements.past_due",
        }
        self._update(account, details_submitted=True, payouts_enabled=is_approved, requirements=wanted)
        self._tell("account.updated", account)

    def end_payout(self, status: str, *, code: str | None = None) -> None:
        """A bank takes the newest payout, or does not."""
        payout = self.of_kind("payout")[-1]
        self._update(payout, status=status, failure_code=code)
        if status != "paid":
            self.balances[payout["description"]] += payout["amount"]
        self._tell(f"payout.{status}", payout, account=payout["description"])

    def end_refund(self, refund_id: Any, *, reason: str = "") -> None:
        """The bank takes a refund, or not, for a reason: that may be said of one that had arrived, too."""
        with self._lock:
            refund = self.things[refund_id]
            charge = self.things[refund["charge"]]
            self._update(refund, status="failed" if reason else "succeeded")
            if reason:
                line = self._line("refund_failure", refund["amount"], 0, refund["currency"], refund["id"])
                self._update(refund, failure_reason=reason, failure_balance_transaction=line["id"])
                self._update(charge, amount_refunded=charge["amount_refunded"] - refund["amount"])
            for kind in ("refund.updated", "charge.refund.updated", *(["refund.failed"] if reason else [])):
                self._tell(kind, refund)

    def dispute(self, intent_id: Any, amount: int | None = None) -> None:
        """The payer's bank wants a payment back, or a part, and takes it until that is decided."""
        with self._lock:
            intent = self.things[intent_id]
            charge = self._update(self.things[intent["latest_charge"]], disputed=True)
            amount = charge["amount"] if amount is None else amount
            dispute = self._make(
                "dispute", "dp", amount=amount, currency=charge["currency"], charge=charge["id"],
                payment_intent=intent["id"], status="needs_response", reason="fraudulent", metadata={},
            )  # fmt: skip
            line = self._line("adjustment", -amount, DISPUTE_FEE, charge["currency"], dispute["id"])
            self._update(dispute, balance_transactions=[line])
            self._tell("charge.dispute.created", dispute)
            self._tell("charge.dispute.funds_withdrawn", dispute)

    def close_dispute(self, status: str, *, fee: int = 0) -> None:
        """The newest dispute is decided; what is won comes back, with `fee` of what was kept for it."""
        with self._lock:
            dispute = self.of_kind("dispute")[-1]
            self._update(dispute, status=status)
            self._tell("charge.dispute.closed", dispute)
            if status == "won":
                self.reinstate(fee=fee)

    def reinstate(self, *, fee: int = 0) -> None:
        """What the bank took comes back, as it may after it was lost, too."""
        with self._lock:
            dispute = self.of_kind("dispute")[-1]
            line = self._line("adjustment", dispute["amount"], -fee, dispute["currency"], dispute["id"])
            self._update(dispute, balance_transactions=[*dispute["balance_transactions"], line])
            self._tell("charge.dispute.funds_reinstated", dispute)

    def settle(self, intent_id: Any, *, succeeds: bool = True) -> None:
        """The bank decides about a payment that waits for it."""
        with self._lock:
            intent = self.things[intent_id]
            assert intent["status"] in ("processing", "requires_action")
            if succeeds:
                self._succeed(intent)
            else:
                self._fail(intent, ("card_declined", "generic_decline"))

    def _card(self, card: str, customer: str | None) -> dict[str, Any]:
        method = self._make("payment_method", "pm", customer=customer)
        method["card"] |= {"last4": card, "brand": "visa", "exp_month": 12, "exp_year": 2045}
        return method

    def _intent(self, amount: int, currency: str, asked: dict[str, Any]) -> dict[str, Any]:
        return self._make(
            "payment_intent", "pi", amount=amount, currency=currency, customer=asked["customer"], next_action=None,
            metadata=asked["metadata"], last_payment_error=None, transfer_group=asked.get("transfer_group"),
            setup_future_usage=asked.get("setup_future_usage"),
        )  # fmt: skip

    def _charge(self, intent: dict[str, Any], method: dict[str, Any], *, is_there: bool, return_url: str) -> None:
        card = method["card"]["last4"]
        self._update(intent, payment_method=method["id"])
        if card in DECLINES:
            self._fail(intent, DECLINES[card])
        elif card == ASKS and not is_there:
            self._fail(intent, ("authentication_required", "authentication_required"))
        elif card == ASKS:
            url = {"url": f"{self.address}/bank/{intent['id']}", "return_url": return_url}
            action = {"type": "redirect_to_url", "redirect_to_url": url}
            self._update(intent, status="requires_action", next_action=action)
            self._tell("payment_intent.requires_action", intent)
        elif card == LATE:
            self._update(intent, status="processing")
            self._tell("payment_intent.processing", intent)
        else:
            self._succeed(intent)

    def _succeed(self, intent: dict[str, Any]) -> None:
        amount = intent["amount"]
        fee = amount * FEE_PERCENT_TENTHS // 1000 + FEE_FIXED
        charge = self._make(
            "charge", "ch", amount=amount, amount_refunded=0, currency=intent["currency"], payment_intent=intent["id"],
            status="succeeded", paid=True, customer=intent["customer"], metadata=intent["metadata"],
        )  # fmt: skip
        charge["payment_method_details"]["card"] |= {"last4": self.things[intent["payment_method"]]["card"]["last4"]}
        line = self._line("charge", amount, fee, intent["currency"], charge["id"])
        self._update(charge, balance_transaction=line["id"])
        self._update(intent, status="succeeded", latest_charge=charge["id"], next_action=None, amount_received=amount)
        if intent["setup_future_usage"]:
            self._update(self.things[intent["payment_method"]], customer=intent["customer"])
        self._tell("payment_intent.succeeded", intent)
        self._tell("charge.succeeded", charge)

    def _fail(self, intent: dict[str, Any], why: tuple[str, str]) -> None:
        error = {"type": "card_error", "code": why[0], "decline_code": why[1], "message": why[0]}
        self._update(intent, status="requires_payment_method", last_payment_error=error, next_action=None)
        self._tell("payment_intent.payment_failed", intent)

    def _line(self, kind: str, amount: int, fee: int, currency: str, source: str) -> dict[str, Any]:
        return self._make(
            "balance_transaction", "txn", type=kind, amount=amount, fee=fee, net=amount - fee, currency=currency,
            source=source,
        )  # fmt: skip

    def _update(self, thing: dict[str, Any], **values: Any) -> dict[str, Any]:
        thing.update(values)
        return thing

    def _tell(self, kind: str, thing: dict[str, Any], **more: Any) -> None:
        event = sample("event") | {"id": f"evt_{next(self._ids):06}", "type": kind, "created": int(time.time())} | more
        self.events.append(event | {"data": {"object": json.loads(json.dumps(thing))}})


def signed(event: dict[str, Any], *, secret: str = SECRET, at: float | None = None) -> tuple[dict[str, str], bytes]:
    """An event as Stripe sends it: headers and body."""
    body, moment = json.dumps(event).encode(), int(time.time() if at is None else at)
    signature = hmac.new(secret.encode(), f"{moment}.".encode() + body, sha256).hexdigest()
    return {"stripe-signature": f"t={moment},v1={signature},v0=ignored"}, body


ROUTES = [
    ("/v1/customers", "POST", "make_customer"),
    ("/v1/checkout/sessions", "POST", "open_page"),
    ("/v1/checkout/sessions/{session}", "GET", "show"),
    ("/v1/checkout/sessions/{session}/expire", "POST", "expire_page"),
    ("/v1/payment_intents", "POST", "make_intent"),
    ("/v1/payment_intents", "GET", "list_intents"),
    ("/v1/payment_intents/{intent}", "GET", "show"),
    ("/v1/payment_intents/{intent}/cancel", "POST", "cancel_intent"),
    ("/v1/payment_methods/{payment_method}/detach", "POST", "detach"),
    ("/v1/refunds", "POST", "make_refund"),
    ("/v1/refunds", "GET", "list_refunds"),
    ("/v1/balance_transactions", "GET", "list_lines"),
    ("/v1/disputes", "GET", "list_disputes"),
    ("/v1/accounts", "POST", "open_account"),
    ("/v1/accounts/{account}", "GET", "show"),
    ("/v1/account_links", "POST", "link_account"),
    ("/v1/transfers", "POST", "make_transfer"),
    ("/v1/transfers", "GET", "list_transfers"),
    ("/v1/transfers/{id}/reversals", "POST", "reverse_transfer"),
    ("/v1/payouts", "GET", "list_payouts"),
    ("/v1/payouts", "POST", "make_payout"),
]


@contextmanager
def stripe_double() -> Iterator[StripeDouble]:
    """A double that answers at an address of this machine."""
    double = StripeDouble()

    class Caller(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def respond(self) -> None:
            fault = double.faults.pop(0) if double.faults else ""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            address = urlsplit(self.path)
            if fault == "dead":
                self.connection.close()
                return
            pairs = parse_qsl(body if self.command == "POST" else address.query, keep_blank_values=True)
            key = self.headers.get("Idempotency-Key") or "" if self.command == "POST" else ""
            if fault.isdigit():
                status, found = int(fault), {"error": {"type": "api_error", "message": "not now"}}
            else:
                account = self.headers.get("Stripe-Account") or ""
                status, found = double.answer(self.command, address.path, pairs, key, account)
            if fault == "lost":
                self.connection.close()
                return
            said = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = respond  # noqa: N815 (as the library calls them)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing: what was asked is in `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Caller)
    server.daemon_threads = True
    double.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def stripe_by_double(settings: Any) -> Iterator[StripeDouble]:
    """A double that is what Stripe is here; in the end every request and answer was as Stripe describes them."""
    with stripe_double() as one:
        settings.STRIPE_KEY, settings.STRIPE_API = "sk_test_double", one.address
        settings.STRIPE_WEBHOOK_SECRETS = [SECRET]
        yield one
        assert one.broken_contract == []
