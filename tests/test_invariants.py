"""Every invariant is silent in a healthy business, and catches the fault that is planted for it, and only that one.

A fault is planted by a superuser in a transaction that is undone, with every constraint and trigger gone: what a
constraint refuses today may come in past it tomorrow.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tenpo.access.actions.api_clients import create_api_client
from tenpo.access.actions.idempotency import Answer, run_once
from tenpo.books.actions.closing import close_days
from tenpo.books.tests.make import make_difference, post
from tenpo.checkout.actions.auto_topping_up import look_after_wallet
from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.actions.settling import decide_sandbox_charge
from tenpo.checkout.actions.topping_up import top_up
from tenpo.checkout.tests.make import make_auto_top_up, make_booking, make_manual, make_top_up
from tenpo.checkout.tests.refund_plants import REFUND_PLANTS, make_refunds
from tenpo.checkout.tests.slot_make import HOUR, NINE, working_coach
from tenpo.checkout.tests.test_request_places import ask
from tenpo.checkout.tests.test_slot_series import book as book_series
from tenpo.checkout.tests.test_slot_series import make_weekly, weekly
from tenpo.core.invariants import all_invariants, find_faults
from tenpo.core.outbox import drain
from tenpo.notify.actions.preferences import switch_off_email
from tenpo.orders.actions.policies import ShareTerms, create_cancellation_policy, create_share_policy
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.cancelling import Policy, Window
from tenpo.orders.tests.sponsor_plants import SPONSOR_PLANTS, make_sponsors
from tenpo.payments.actions.methods import add_payment_method
from tenpo.payments.actions.wallets import give_money, take_back_grant
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, NEVER_ANSWERS, SUCCEEDS
from tenpo.payments.tests.payout_plants import PAYOUT_PLANTS, make_payouts
from tenpo.people.actions.accounts import grant_role, update_profile
from tenpo.people.actions.guests import add_guests
from tenpo.people.actions.imports import confirm_import, preview_people_import, run_import
from tenpo.people.actions.invites import accept_invite
from tenpo.people.tests.make import make_admin, make_coach, make_invite, make_member
from tenpo.runtime import postgres
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.series import create_series
from tenpo.schedule.actions.sessions import create_session, edit_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.occurrences import WeeklyRule
from tenpo.schedule.tests.calendar_plants import CALENDAR_PLANTS, make_calendars
from tenpo.schedule.tests.intro_make import INTRO_PLANTS, make_intros
from tenpo.schedule.tests.meeting_plants import MEETING_ALSO, MEETING_PLANTS, make_meetings
from tenpo.schedule.tests.miss_plants import MISS_PLANTS, make_misses
from tenpo.schedule.tests.plants import MOVED, TIME_PLANTS, UNSAID, make_time
from tenpo.schedule.tests.time_make import make_service
from tenpo.schedule.tests.waiting_plants import WAITING_PLANTS, make_waiting
from tests.database import acting_as
from tests.healthy import faults_now

# Of each kind of row one, whichever.
CONFIRMED = "SELECT id FROM schedule_booking WHERE state = 'confirmed' ORDER BY id LIMIT 1"
HELD = "SELECT id FROM schedule_booking WHERE state = 'held' ORDER BY id LIMIT 1"
OFFERED = "SELECT id FROM schedule_booking WHERE state = 'offered' ORDER BY id LIMIT 1"
WAITING = "SELECT id FROM schedule_booking WHERE state = 'waitlisted' ORDER BY waitlisted_at LIMIT 1"
GIVEN_UP = "SELECT id FROM schedule_booking WHERE ending = 'member' AND line_id IS NOT NULL ORDER BY id LIMIT 1"
CALLED_OFF = "SELECT id FROM schedule_booking WHERE ending = 'host' AND line_id IS NOT NULL ORDER BY id LIMIT 1"
PAID = "SELECT id FROM payments_payment WHERE state = 'succeeded' ORDER BY id LIMIT 1"
BUSINESS_SPLIT = "SELECT id FROM orders_split WHERE part = 'business' ORDER BY id LIMIT 1"
EARNED = "SELECT id FROM orders_split WHERE earned_at IS NOT NULL ORDER BY id LIMIT 1"
TO_COME = "SELECT id FROM orders_split WHERE part <> 'business' AND earned_at IS NULL ORDER BY id LIMIT 1"
PAYER = "SELECT payer_id FROM payments_payment WHERE purpose = 'order' ORDER BY id LIMIT 1"
CREDIT = "SELECT id FROM ledger_account WHERE kind = 'credit' AND balance > 0 ORDER BY id LIMIT 1"
LAST_CLOSE = "SELECT id FROM books_dayclose ORDER BY day DESC LIMIT 1"


def again(table: str, found: str, **changed: str) -> str:
    """Write one row that is `found` once more, with another id and what is `changed`."""
    return f"SELECT pg_temp.copy_row('{table}', $${found}$$, '{json.dumps(changed)}')"


# Invariant → the statements that break it, and nothing else.
PLANTS: dict[str, str | list[str]] = {
    # core
    "event-is-passed-on-or-given-up": """
        UPDATE core_outboxmessage SET delivered_at = NULL, published_at = now() - interval '2 hours',
            next_attempt_at = now() - interval '1 hour' WHERE id = (SELECT min(id) FROM core_outboxmessage)""",
    "event-is-told-once-to-each-consumer": """
        UPDATE core_outboxmessage SET event_id = (SELECT event_id FROM core_outboxmessage ORDER BY id LIMIT 1)
        WHERE id = (SELECT max(id) FROM core_outboxmessage)""",
    "event-is-delivered-or-dead": """
        UPDATE core_outboxmessage SET dead_at = now() WHERE id = (SELECT min(id) FROM core_outboxmessage)""",
    "job-under-way-has-a-living-worker": """
        UPDATE procrastinate_jobs SET status = 'doing' WHERE id = (SELECT min(id) FROM procrastinate_jobs)""",
    "job-is-begun-within-an-hour": """
        UPDATE procrastinate_jobs SET scheduled_at = now() - interval '2 hours'
        WHERE id = (SELECT min(id) FROM procrastinate_jobs)""",
    "there-is-one-business": again("core_business", "true"),
    # audit
    "audit-values-chain": """
        UPDATE audit_auditlog SET before = '{"capacity": 77}' WHERE id = (
            SELECT id FROM audit_auditlog WHERE action = 'session.changed' ORDER BY id DESC LIMIT 1)""",
    "audit-record-says-who": """
        UPDATE audit_auditlog SET actor_name = '' WHERE action = 'session.changed'""",
    "audit-record-is-of-the-past": """
        UPDATE audit_auditlog SET created_at = now() + interval '1 day' WHERE action = 'session.changed'""",
    # people
    "address-has-one-account": """
        WITH twin AS (UPDATE account_emailaddress SET email = upper(one.email)
            FROM (SELECT email FROM people_user ORDER BY id LIMIT 1) one
            WHERE user_id = (SELECT id FROM people_user ORDER BY id DESC LIMIT 1) RETURNING user_id, one.email)
        UPDATE people_user SET email = upper(twin.email) FROM twin WHERE id = twin.user_id""",
    "account-has-one-main-address": """
        UPDATE account_emailaddress SET "primary" = false WHERE id = (SELECT min(id) FROM account_emailaddress)""",
    "everybody-takes-part-under-their-name": """
        UPDATE people_participant SET name = 'Somebody else'
        WHERE id = (SELECT id FROM people_participant ORDER BY id LIMIT 1)""",
    "participant-is-somebodys": "INSERT INTO people_participant (name) VALUES ('Nobody')",
    "guest-stands-once-on-a-list": again("people_participant", "guest_of_id IS NOT NULL"),
    "role-is-given-once": again("people_rolegrant", "role = 'coach'"),
    "role-is-as-last-recorded": """
        DELETE FROM people_rolegrant WHERE user_id = (
            SELECT object_id FROM audit_auditlog WHERE action = 'user.role_granted') AND role = 'coach'""",
    "account-is-open-or-shut-as-last-recorded": """
        UPDATE people_user SET disabled_at = now() WHERE name = 'Changed Name'""",
    "somebody-can-run-the-business": """
        WITH shut AS (UPDATE people_user SET disabled_at = now()
            WHERE id IN (SELECT user_id FROM people_rolegrant WHERE role = 'admin') RETURNING id, name)
        INSERT INTO audit_auditlog (action, object_type, object_id, object_name, actor_name, via, agent, request_id)
        SELECT 'user.disabled', 'people.User', id, name, '', 'test', '', '' FROM shut""",
    "invite-has-one-outcome": "UPDATE people_invite SET declined_at = now() WHERE accepted_at IS NOT NULL",
    "invite-makes-one-account": "UPDATE people_invite SET accepted_by_id = NULL WHERE accepted_at IS NOT NULL",
    "invite-is-accepted-in-time": """
        UPDATE people_invite SET expires_at = accepted_at - interval '1 hour' WHERE accepted_at IS NOT NULL""",
    "address-is-invited-once-at-a-time": again(
        "people_invite", "accepted_at IS NULL AND email <> ''", token_hash="another"
    ),
    "invite-is-answered-as-recorded": "UPDATE people_invite SET declined_at = now() WHERE accepted_at IS NULL",
    "import-counts-its-rows": "UPDATE people_import SET rows_done = 0",
    "import-under-way-has-its-job": """
        WITH gone AS (DELETE FROM procrastinate_jobs WHERE task_name = 'people.run_import')
        UPDATE people_import SET state = 'running', finished_at = NULL, confirmed_at = now() - interval '2 hours'""",
    # access
    "key-of-a-shut-account-is-revoked": """
        WITH shut AS (UPDATE people_user SET disabled_at = now()
            WHERE id = (SELECT owner_id FROM access_apiclient) RETURNING id, name)
        INSERT INTO audit_auditlog (action, object_type, object_id, object_name, actor_name, via, agent, request_id)
        SELECT 'user.disabled', 'people.User', id, name, '', 'test', '', '' FROM shut""",
    "key-may-something-that-we-know": "UPDATE access_apiclient SET scopes = '{read,everything}'",
    "call-has-its-effect-once": again("access_idempotencykey", "true"),
    "call-is-answered-or-running": "UPDATE access_idempotencykey SET locked_until = now()",
    "call-does-not-run-for-ever": """
        UPDATE access_idempotencykey SET status = NULL, locked_until = now() - interval '3 days'""",
    # notify
    "news-is-told-once": """
        UPDATE notify_notification n SET user_id = one.user_id, key = one.key
        FROM (SELECT * FROM notify_notification ORDER BY id LIMIT 1) one
        WHERE n.id = (SELECT id FROM notify_notification ORDER BY id DESC LIMIT 1)""",
    "news-goes-somewhere": """
        DELETE FROM notify_delivery WHERE notification_id = (SELECT id FROM notify_notification ORDER BY id LIMIT 1)""",
    "news-is-read-after-it-was-told": """
        UPDATE notify_notification SET read_at = created_at - interval '1 hour'
        WHERE id = (SELECT id FROM notify_notification ORDER BY id LIMIT 1)""",
    "delivery-is-made-once-by-each-channel": again("notify_delivery", "channel = 'email'"),
    "delivery-is-sent-at-a-time": """
        UPDATE notify_delivery SET sent_at = NULL WHERE id = (
            SELECT id FROM notify_delivery WHERE state = 'sent' ORDER BY id LIMIT 1)""",
    "mail-is-sent-or-given-up": """
        UPDATE notify_delivery SET next_attempt_at = now() - interval '2 hours' WHERE id = (
            SELECT id FROM notify_delivery WHERE state = 'queued' ORDER BY id LIMIT 1)""",
    "preference-is-chosen-once": again("notify_notificationpreference", "true"),
    # ledger
    "balance-is-the-sum-of-its-transfers": f"UPDATE ledger_account SET balance = balance - 1 WHERE id = ({CREDIT})",
    "balance-is-never-below-zero": [
        again("ledger_account", "kind = 'credit'", name="owed", balance="-5"),
        "UPDATE ledger_account SET code = code || name WHERE name = 'owed'",
        """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, currency, kind, key, subject_id)
        SELECT d.id, c.id, 5, 'EUR', 'credit_spend', 'owed', uuidv7() FROM ledger_account d, ledger_account c
        WHERE d.name = 'owed' AND c.kind = 'sales'""",
    ],
    "transfer-is-of-its-accounts-currency": """
        UPDATE ledger_transfer SET currency = 'USD' WHERE kind = 'company_share'""",
    "reversal-mirrors-what-it-undoes": """
        UPDATE ledger_transfer SET reverses_id = (
            SELECT id FROM ledger_transfer WHERE kind = 'fee' ORDER BY id LIMIT 1)
        WHERE id = (SELECT id FROM ledger_transfer WHERE kind = 'company_share' ORDER BY id LIMIT 1)""",
    "transfer-is-reversed-once": [
        again("ledger_transfer", "kind = 'credit_unreserve'", key="twice"),
        """
        UPDATE ledger_account a SET balance = balance + t.amount FROM ledger_transfer t
        WHERE t.key = 'twice' AND a.id = t.credit_id""",
        # The other way round under another line, so that only the reversal is wrong.
        "UPDATE ledger_transfer SET subject_id = uuidv7() WHERE key = 'twice'",
    ],
    "transfer-moves-something-between-two": """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, currency, kind, key, subject_id)
        SELECT debit_id, credit_id, 0, currency, kind, 'nothing', uuidv7() FROM ledger_transfer
        WHERE kind = 'company_share' LIMIT 1""",
    "transfer-is-posted-once": """
        UPDATE ledger_transfer SET key = (
            SELECT key FROM ledger_transfer WHERE kind = 'company_share' ORDER BY id LIMIT 1)
        WHERE kind = 'company_share'""",
    "transfer-joins-the-accounts-of-its-kind": """
        UPDATE ledger_transfer SET kind = 'payment' WHERE id = (
            SELECT id FROM ledger_transfer WHERE kind = 'company_share' ORDER BY id LIMIT 1)""",
    "account-is-opened-once": again("ledger_account", "kind = 'sales'"),
    "account-is-called-by-what-it-is": "UPDATE ledger_account SET code = 'sales' WHERE kind = 'sales'",
    "account-of-a-person-has-an-owner": """
        UPDATE ledger_account SET balance = (
            SELECT sum(CASE WHEN t.credit_id = a.id THEN t.amount ELSE -t.amount END) FROM ledger_transfer t,
                ledger_account a WHERE a.kind = 'reserved' AND a.id IN (t.debit_id, t.credit_id))
        WHERE kind = 'reserved'""",
    "nobody-gives-back-more-than-they-earned": "DELETE FROM ledger_transfer WHERE kind = 'clawback'",
    "credit-is-spent-before-it-expires": """
        UPDATE ledger_account SET expires_at = now() - interval '1 day' WHERE id = (
            SELECT debit_id FROM ledger_transfer WHERE kind = 'credit_reserve' ORDER BY id LIMIT 1)""",
    # payments
    "payment-moves-its-amount-once-it-succeeded": """
        UPDATE ledger_transfer SET key = 'lost' WHERE key = 'payment:' || (
            SELECT p.id FROM payments_payment p WHERE p.state = 'succeeded' ORDER BY p.id LIMIT 1)""",
    "payment-that-bought-nothing-is-credit": f"""
        UPDATE payments_payment SET order_id = NULL WHERE id = ({PAID})""",
    "top-up-is-in-its-payers-wallet": f"""
        UPDATE payments_payment SET payer_id = ({PAYER})
        WHERE purpose = 'top_up' AND NOT is_automatic AND NOT keeps_method""",
    "wallet-is-filled-by-itself-once-at-a-time": """
        INSERT INTO payments_payment (payer_id, purpose, is_automatic, saved_method_id, provider, amount, currency,
            description, state, method, fee, failure_code, action_url)
        SELECT payer_id, 'top_up', true, saved_method_id, provider, 500, 'EUR', '', 'pending', '', 0, '', ''
        FROM payments_payment, generate_series(1, 2) WHERE is_automatic""",
    "top-up-that-begins-by-itself-was-wished-for": """
        UPDATE payments_payment SET saved_method_id = NULL WHERE is_automatic""",
    "wallet-is-filled-by-its-owners-card": """
        UPDATE payments_autotopup a SET method_id = (
            SELECT id FROM payments_paymentmethod m WHERE m.user_id <> a.user_id AND m.state = 'ready' LIMIT 1)""",
    "wallet-is-filled-by-itself-as-last-recorded": "UPDATE payments_autotopup SET is_on = false",
    "card-that-does-not-pay-is-left-alone": "UPDATE payments_autotopup SET failed_times = 4",
    "card-is-kept-once-it-has-paid": "UPDATE payments_payment SET keeps_method = false WHERE keeps_method",
    "grant-is-in-the-books": "UPDATE payments_grant SET amount = amount + 1",
    "wallet-holds-what-was-paid-into-it": "UPDATE ledger_transfer SET key = 'lost:' || key WHERE kind = 'grant'",
    "fee-is-posted": f"UPDATE payments_payment SET fee = fee + 1 WHERE id = ({PAID})",
    "payment-is-in-its-currency-and-at-its-provider": f"""
        UPDATE payments_payment SET provider = 'transfer' WHERE id = ({PAID})""",
    "payment-is-of-a-positive-amount": """
        INSERT INTO payments_payment (payer_id, provider, amount, currency, description, state, method, fee,
            failure_code, action_url)
        SELECT payer_id, 'sandbox', 0, 'EUR', '', 'failed', '', 0, '', '' FROM payments_payment LIMIT 1""",
    "payment-has-its-own-reference": """
        UPDATE payments_payment SET reference = 'same', provider = 'sandbox' WHERE state = 'needs_action';
        INSERT INTO payments_payment (payer_id, provider, amount, currency, description, state, method, fee,
            failure_code, action_url, reference)
        SELECT payer_id, 'sandbox', 5, 'EUR', '', 'failed', '', 0, '', '', 'same' FROM payments_payment LIMIT 1""",
    "order-has-one-live-payment": """
        INSERT INTO payments_payment (payer_id, order_id, provider, amount, currency, description, state, method, fee,
            failure_code, action_url)
        SELECT payer_id, order_id, 'transfer', amount, currency, '', 'pending', '', 0, '', '' FROM payments_payment
        WHERE state = 'needs_action' LIMIT 1""",
    "payment-is-as-last-recorded": "UPDATE payments_payment SET state = 'failed' WHERE state = 'needs_action'",
    "credit-comes-from-a-payment-of-its-owner": """
        WITH other AS (SELECT id, uuidv7() AS source FROM ledger_account WHERE kind = 'credit' AND balance = 0)
        UPDATE ledger_account a SET source_id = o.source, code = replace(a.code, a.source_id::text, o.source::text)
        FROM other o WHERE o.id = a.id""",
    "credit-never-exceeds-its-payment": [
        again("ledger_account", "kind = 'credit'", name="extra", balance="99999"),
        "UPDATE ledger_account SET code = code || name WHERE name = 'extra'",
        """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, currency, kind, key, subject_id)
        SELECT d.id, c.id, 99999, 'EUR', 'credit_issue', 'extra', uuidv7() FROM ledger_account d, ledger_account c
        WHERE d.kind = 'sales' AND c.name = 'extra'""",
    ],
    "payment-is-charged-to-a-method-of-its-payer": """
        UPDATE payments_payment SET saved_method_id = (
            SELECT id FROM payments_paymentmethod WHERE state = 'ready' ORDER BY id LIMIT 1)
        WHERE state = 'needs_action'""",
    "one-payment-method-is-offered-first": "UPDATE payments_paymentmethod SET is_default = false",
    "payment-method-is-as-last-recorded": """
        UPDATE payments_paymentmethod SET state = 'failed' WHERE state = 'adding'""",
    "payment-method-is-settled": """
        UPDATE payments_paymentmethod SET created_at = now() - interval '3 days' WHERE state = 'adding'""",
    "stripe-account-pays-out-once-its-owner-is-known": """
        INSERT INTO payments_stripeaccount (user_id, reference, status, payouts_enabled, requirements)
        SELECT id, 'acct_1', 'active', true, '[]' FROM people_user LIMIT 1""",
    "provider-event-counts-once": """
        INSERT INTO payments_providerevent (provider, event_id, reference, payload, applied_at)
        SELECT 'sandbox', 'once', 'any', '{}', now() FROM generate_series(1, 2)""",
    "provider-event-is-heard": """
        INSERT INTO payments_providerevent (created_at, provider, event_id, reference, payload)
        SELECT now() - interval '2 hours', provider, 'unheard', reference, '{}' FROM payments_payment
        WHERE state = 'needs_action' ORDER BY id LIMIT 1""",
    "sandbox-took-what-a-payment-says": """
        UPDATE payments_sandboxcharge SET amount = amount + 1 WHERE state <> 'succeeded'""",
    "sandbox-gives-back-what-it-took": """
        INSERT INTO payments_sandboxrefund (key, charge_id, amount, state, failure_code)
        SELECT 'twice ' || twice, id, amount, 'pending', '' FROM payments_sandboxcharge, generate_series(1, 2) twice
        WHERE state = 'succeeded'""",
    "money-taken-is-money-booked": """
        UPDATE payments_sandboxcharge SET state = 'succeeded', created_at = now() - interval '2 days'
        WHERE state = 'needs_action'""",
    **PAYOUT_PLANTS,
    **REFUND_PLANTS,
    **TIME_PLANTS,
    # orders
    "paid-line-earns-its-price": f"""
        UPDATE ledger_transfer SET subject_id = uuidv7() WHERE kind = 'company_share' AND subject_id = (
            SELECT line_id FROM schedule_booking WHERE id = ({CONFIRMED}))""",
    "open-line-has-its-credit-set-aside": """
        UPDATE orders_line SET credit_spent = credit_spent - 1, own_share = own_share + 1 WHERE order_id = (
            SELECT id FROM orders_order WHERE state = 'open' ORDER BY id LIMIT 1)""",
    "nobody-gets-back-more-than-they-gave": [
        MOVED,
        f"""
        UPDATE orders_line SET refunded_percent = 100 WHERE id = (
            SELECT line_id FROM schedule_booking WHERE id = ({GIVEN_UP}))""",
    ],
    "line-remembers-what-went-back": f"""
        UPDATE orders_line SET company_back = company_back - 1 WHERE id = (
            SELECT line_id FROM schedule_booking WHERE id = ({GIVEN_UP}))""",
    "splits-sum-to-the-price": f"""
        UPDATE orders_split SET amount = amount - 1 WHERE id = ({BUSINESS_SPLIT})""",
    "split-is-earned-once": f"UPDATE orders_split SET amount = amount + 1 WHERE id = ({EARNED})",
    "earnings-are-their-recipients": f"""
        UPDATE orders_split SET recipient_id = ({PAYER}) WHERE id = ({EARNED})""",
    "nobody-earns-of-what-they-bought": f"""
        UPDATE orders_split SET recipient_id = o.buyer_id FROM orders_line l JOIN orders_order o ON o.id = l.order_id
        WHERE l.id = orders_split.line_id AND orders_split.id = ({TO_COME})""",
    "whoever-earns-gives-it": f"""
        UPDATE orders_split SET recipient_id = (
            SELECT u.id FROM people_user u JOIN people_rolegrant r ON r.user_id = u.id AND r.role = 'admin' LIMIT 1)
        WHERE id = ({TO_COME})""",
    "royalty-goes-to-who-made-it": [
        # Somebody else made it, and gets nothing; a royalty of what nobody else made.
        f"""
        UPDATE schedule_session SET creator_id = (SELECT user_id FROM people_rolegrant WHERE role = 'admin' LIMIT 1)
        WHERE id = (SELECT l.subject_id FROM orders_line l JOIN orders_split sp ON sp.line_id = l.id
            WHERE sp.id = ({TO_COME}))""",
        f"UPDATE orders_split SET part = 'royalty' WHERE id = ({TO_COME})",
    ],
    "session-that-took-place-is-earned": f"UPDATE orders_split SET earned_at = now() WHERE id = ({TO_COME})",
    "own-share-is-paid-by-payments": f"UPDATE payments_payment SET order_id = uuidv7() WHERE id = ({PAID})",
    "line-shares-sum-to-the-price": """
        UPDATE orders_line SET own_share = own_share + 1 WHERE order_id = (
            SELECT id FROM orders_order WHERE state = 'open' ORDER BY id LIMIT 1)""",
    "company-pays-what-its-policy-says": """
        UPDATE orders_sharepolicy SET cap = 1 WHERE id = (SELECT share_policy_id FROM orders_line
            WHERE share_policy_id IS NOT NULL LIMIT 1)""",
    "one-share-policy-holds-at-a-time": again("orders_sharepolicy", "active_until IS NULL"),
    "share-policy-is-percent-or-amount": again(
        "orders_sharepolicy", "true", active_from="2999-01-02", active_until="2999-01-01"
    ),
    "one-cancellation-policy-is-the-default": """
        UPDATE orders_cancellationpolicy SET retired_at = now() WHERE is_default""",
    "order-has-a-line": again("orders_order", "state = 'void'", number="EMPTY"),
    "order-is-settled-at-a-time": "UPDATE orders_order SET settled_at = NULL WHERE state = 'void'",
    "order-is-paid-by-its-buyer-in-its-currency": """
        UPDATE payments_payment SET currency = 'USD' WHERE state = 'pending'""",
    "unpaid-order-keeps-no-money": """
        UPDATE payments_payment SET order_id = void.id
        FROM (SELECT o.id, p.id AS payment_id FROM orders_order o JOIN payments_payment p ON p.payer_id = o.buyer_id
            WHERE o.state = 'void' AND p.order_id IS NULL AND p.purpose = 'order' ORDER BY p.id, o.id LIMIT 1) void
        WHERE payments_payment.id = void.payment_id""",
    "credit-is-spent-by-its-owner": f"""
        UPDATE ledger_transfer SET subject_id = (SELECT line_id FROM schedule_booking WHERE id = ({CONFIRMED}))
        WHERE subject_id = (SELECT subject_id FROM ledger_transfer WHERE kind = 'credit_unreserve')""",
    "given-back-is-the-percentage-that-it-says": [
        MOVED,
        f"""
        UPDATE orders_line SET refunded_percent = refunded_percent - 10 WHERE id = (
            SELECT line_id FROM schedule_booking WHERE id = ({GIVEN_UP}))""",
    ],
    "only-what-was-paid-is-given-back": f"""
        UPDATE orders_line SET refunded_at = NULL WHERE id = (
            SELECT line_id FROM schedule_booking WHERE id = ({CALLED_OFF}))""",
    **CALENDAR_PLANTS,
    **SPONSOR_PLANTS,
    **MISS_PLANTS,
    **WAITING_PLANTS,
    **INTRO_PLANTS,
    # schedule
    "session-counts-its-seats": [
        UNSAID,
        f"""
        UPDATE schedule_session SET seats_taken = seats_taken + 1, capacity = capacity + 1
        WHERE id = (SELECT session_id FROM schedule_booking WHERE id = ({HELD}))""",
    ],
    "session-has-no-more-people-than-seats": [
        UNSAID,
        f"""
        UPDATE schedule_session SET capacity = seats_taken - 1
        WHERE id = (SELECT session_id FROM schedule_booking WHERE id = ({CONFIRMED}))""",
    ],
    "cancelled-session-has-nobody": f"""
        UPDATE schedule_session SET status = 'cancelled', cancelled_at = now()
        WHERE id = (SELECT session_id FROM schedule_booking WHERE id = ({HELD}))""",
    "nobody-waits-beside-a-free-seat": [
        UNSAID,
        f"""
        UPDATE schedule_session SET capacity = capacity + 1
        WHERE id = (SELECT session_id FROM schedule_booking WHERE id = ({WAITING}))""",
    ],
    "booked-place-is-paid": f"""
        UPDATE schedule_booking SET state = 'confirmed', held_until = NULL, confirmed_at = now() WHERE id = ({HELD})""",
    "places-of-an-order-are-held-together": """
        UPDATE schedule_booking SET held_until = held_until - interval '1 second' WHERE id = (
            SELECT b.id FROM schedule_booking b JOIN people_participant p ON p.id = b.participant_id
            WHERE b.state = 'held' AND p.guest_of_id IS NOT NULL ORDER BY b.id LIMIT 1)""",
    "guest-comes-with-their-host": """
        UPDATE people_participant p SET guest_of_id = (
            SELECT id FROM people_user u WHERE u.id <> p.guest_of_id ORDER BY u.id LIMIT 1)
        WHERE guest_of_id IS NOT NULL""",
    "coach-teaches-one-session-at-a-time": [
        UNSAID,
        """
        UPDATE schedule_session SET coach_id = (SELECT coach_id FROM schedule_session WHERE title = 'One'),
            starts_at = (SELECT starts_at FROM schedule_session WHERE title = 'One'),
            ends_at = (SELECT ends_at FROM schedule_session WHERE title = 'One') WHERE title = 'Bare'""",
        """
        UPDATE schedule_sessioncoach c SET coach_id = s.coach_id FROM schedule_session s
        WHERE s.id = c.session_id AND s.title = 'Bare'""",
    ],
    "session-is-given-by-its-coaches": "UPDATE schedule_session SET is_together = true WHERE title = 'Bare'",
    "session-ends-after-it-starts": [
        UNSAID,
        """
        UPDATE schedule_session SET ends_at = starts_at WHERE title = 'Bare'""",
    ],
    "session-is-cancelled-at-a-time": "UPDATE schedule_session SET cancelled_at = NULL WHERE status = 'cancelled'",
    "past-session-is-completed": [
        UNSAID,
        """
        UPDATE schedule_session SET starts_at = now() - interval '3 days', ends_at = now() - interval '2 days'
        WHERE title = 'Bare'""",
    ],
    "session-of-a-series-is-its-coachs": "UPDATE schedule_series SET coach_id = uuidv7()",
    "session-is-as-last-recorded": "UPDATE schedule_session SET price = price + 1 WHERE status = 'cancelled'",
    "session-takes-place-as-last-recorded": """
        UPDATE schedule_session SET status = 'completed' WHERE title = 'Bare'""",
    "participant-has-one-live-place": f"""
        UPDATE schedule_booking SET participant_id = (
            SELECT participant_id FROM schedule_booking WHERE session_id = (
                SELECT session_id FROM schedule_booking WHERE id = ({WAITING})) AND state = 'offered')
        WHERE id = ({WAITING})""",
    "booking-is-in-a-state-that-holds-together": f"UPDATE schedule_booking SET held_until = NULL WHERE id = ({HELD})",
    "first-come-first-served": f"""
        UPDATE schedule_booking SET waitlisted_at = now() - interval '1 day' WHERE id = ({WAITING})""",
    "hold-ends-before-the-session": f"""
        UPDATE schedule_booking SET held_until = held_until + interval '1 year' WHERE id = ({HELD})""",
    "lapsed-hold-is-let-go": f"""
        UPDATE schedule_booking SET held_until = now() - interval '1 hour' WHERE id = ({HELD})""",
    "attendance-is-of-a-session-that-began": f"""
        UPDATE schedule_booking SET state = 'no_show' WHERE id = ({CONFIRMED})""",
    "booking-keeps-its-cancellation-windows": f"UPDATE schedule_booking SET policy = '[]' WHERE id = ({CONFIRMED})",
    "booking-is-of-what-was-ordered": f"""
        UPDATE orders_line SET subject_id = uuidv7() WHERE id = (
            SELECT line_id FROM schedule_booking WHERE id = ({CONFIRMED}))""",
    "ordered-place-is-booked": f"UPDATE schedule_booking SET line_id = NULL WHERE id = ({GIVEN_UP})",
    "cancelled-booking-is-settled": f"""
        UPDATE orders_line SET refunded_percent = 0, refunded_at = now() WHERE id = (
            SELECT line_id FROM schedule_booking WHERE id = ({CONFIRMED}))""",
    "host-gives-everything-back": f"""
        UPDATE schedule_booking SET ending = 'host' WHERE id = ({GIVEN_UP})""",
    "cancellation-follows-the-frozen-windows": f"""
        UPDATE schedule_booking SET policy = '[{{"hours_before": 0, "percent": 7}}]' WHERE id = ({GIVEN_UP})""",
    "booking-is-as-last-recorded": """
        UPDATE audit_auditlog SET action = 'booking.waitlisted' WHERE action = 'booking.confirmed'""",
    **MEETING_PLANTS,
    # books
    "closed-day-has-not-changed": "UPDATE ledger_transfer SET subject_id = uuidv7() WHERE key = 'long ago'",
    "closed-day-says-what-moved": "UPDATE books_daycloseline SET name = 'elsewhere' WHERE kind = 'provider'",
    "closed-days-follow-one-another": f"""
        UPDATE books_dayclose SET starts_at = starts_at + interval '1 hour' WHERE id = ({LAST_CLOSE})""",
    "closed-day-balances": f"""
        INSERT INTO books_daycloseline (day_close_id, kind, name, opening, debits, credits, closing, debits_to_date,
            credits_to_date)
        SELECT id, 'grants', '', 0, 7, 0, -7, 7, 0 FROM books_dayclose WHERE id = ({LAST_CLOSE})""",
    "difference-differs": "UPDATE books_difference SET what = 'different'",
    "difference-is-open-once": [
        "UPDATE books_reconciliation SET only_theirs = 2",
        again("books_difference", "true"),
    ],
    "difference-is-cleared-with-a-word": "UPDATE books_difference SET note = 'Booked'",
    "reconciliation-keeps-what-it-found": "UPDATE books_reconciliation SET only_theirs = 0",
}

# What cannot be broken alone: invariant → what its plant breaks as well.
ALSO = {
    **MEETING_ALSO,
    "attendance-is-of-a-session-that-began": {"booking-is-as-last-recorded"},
    "booked-place-is-paid": {"booking-is-as-last-recorded"},
    "closed-day-balances": {"closed-day-has-not-changed", "closed-day-says-what-moved"},
    "closed-day-says-what-moved": {"closed-day-has-not-changed"},
    "cancelled-session-has-nobody": {"session-takes-place-as-last-recorded"},
    # What lasts no time takes none of its coach.
    "session-ends-after-it-starts": {"session-is-given-by-its-coaches"},
    "nobody-gets-back-more-than-they-gave": {"given-back-is-the-percentage-that-it-says"},
    "own-share-is-paid-by-payments": {"order-is-paid-by-its-buyer-in-its-currency"},
    "payment-that-bought-nothing-is-credit": {"own-share-is-paid-by-payments"},
    "split-is-earned-once": {"splits-sum-to-the-price"},
    "session-that-took-place-is-earned": {"split-is-earned-once"},
    "wallet-holds-what-was-paid-into-it": {"grant-is-in-the-books"},
    "top-up-is-in-its-payers-wallet": {"refund-goes-to-who-paid"},
    "transfer-is-reversed-once": {"credit-never-exceeds-its-payment"},
}

COPY_ROW = """
    CREATE FUNCTION pg_temp.copy_row(of regclass, chosen text, changed jsonb) RETURNS void LANGUAGE plpgsql AS $f$
    DECLARE
        columns text := (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
            WHERE attrelid = of AND attnum > 0 AND NOT attisdropped AND attgenerated = '');
    BEGIN
        EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s,
            (SELECT to_jsonb(r) FROM %1$s r WHERE %3$s LIMIT 1) || %4$L)',
            of, columns, chosen, jsonb_build_object('id', uuidv7()) || changed);
    END $f$
"""

# Nothing stands in a fault's way any more.
UNGUARD = """
    DO $$ DECLARE guard record;
    BEGIN
        SET CONSTRAINTS ALL IMMEDIATE;
        SET LOCAL session_replication_role = replica;
        FOR guard IN SELECT conrelid::regclass AS of, conname FROM pg_constraint
            WHERE contype IN ('c', 'u', 'x', 'f') AND connamespace = current_schema()::regnamespace AND conrelid <> 0
            ORDER BY contype = 'u'
        LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', guard.of, guard.conname); END LOOP;
        FOR guard IN SELECT i.indexrelid::regclass AS of FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE i.indisunique AND NOT i.indisprimary AND c.relnamespace = current_schema()::regnamespace
        LOOP EXECUTE format('DROP INDEX %s', guard.of); END LOOP;
    END $$
"""


# What a session's coaches claim moves with it, by a foreign key that stands in no fault's way.
FOLLOWED = """
    UPDATE schedule_sessioncoach c SET claimed = s.claimed FROM schedule_session s
    WHERE s.id = c.session_id AND c.claimed <> s.claimed
"""


@pytest.fixture
def superuser(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Whatever the test does, it does as the database's superuser, and none of it stays."""
    with django_db_blocker.unblock(), acting_as(postgres.SUPERUSER), transaction.atomic():
        yield
        transaction.set_rollback(True)


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def make_business() -> None:
    """A business with a row of every kind, each made by the rules that people use."""
    admin, coach, other = make_admin(), make_coach("Carla"), make_coach("Otto")
    policy = create_cancellation_policy(
        name="Usual", policy=Policy((Window(24, 100), Window(0, 50))), by=admin, is_default=True
    )
    create_share_policy(name="Half", terms=ShareTerms(percent=50), by=admin)
    create_share_policy(name="Otto's", terms=ShareTerms(percent=10), by=admin, coach=other)
    make_intros()
    now = timezone.now()

    def session(title: str, day: int, *, capacity: int = 5, price: int = 3_000, of: Any = coach) -> Session:
        return create_session(
            of, by=admin, title=title, starts_at=now + timedelta(days=day), minutes=60, time_zone="Europe/Berlin",
            capacity=capacity, price=price, place="Room 1",
        )  # fmt: skip

    members = [make_member() for _ in range(8)]
    first, second, third, fourth = members[:4]
    one, full, off = session("One", 2), session("Full", 4, capacity=2), session("Off", 6)
    soon = create_session(
        coach, by=admin, title="Soon", starts_at=now + timedelta(hours=5), minutes=60, time_zone="Europe/Berlin",
        capacity=5, price=3_000, place="Room 1", cancellation_policy=policy,
    )  # fmt: skip
    session("Bare", 8, of=other)
    edit_session(one, by=coach, capacity=6)
    edit_session(Session.objects.get(pk=one.pk), by=coach, capacity=7)
    create_series(
        coach, by=coach, title="Weekly", minutes=45, capacity=4, price=0, place="Room 2",
        rule=WeeklyRule((2,), (now + timedelta(days=30)).date(), (now + timedelta(days=50)).date(),
            (now + timedelta(hours=3)).time().replace(microsecond=0), "Europe/Berlin"),
    )  # fmt: skip
    make_booking(one, first)
    make_booking(one, second)
    # Paid, given up for half, and called off: credit of two kinds.
    cancel_booking(make_booking(soon, third), by=third)
    make_booking(off, third)
    make_booking(off, fourth)
    cancel_session(off, reason="Ill", by=coach)
    # Credit set aside for what is not paid yet; credit that came back from it, and money that came too late for it.
    for member in (third, fourth):
        make_booking(
            session(f"Held {member.pk}", 10 + members.index(member), price=9_000), member, card=NEEDS_CONFIRMATION
        )
    late = Payment.objects.get(payer=fourth, state="needs_action")
    cancel_booking(Booking.objects.get(booked_by=fourth, state="held"), by=fourth)
    decide_sandbox_charge(SandboxCharge.objects.get(key=str(late.pk)).pk, succeeds=True)
    # One who has the seat, one who is offered the other, one who waits.
    make_booking(full, first)
    leaves = make_booking(full, second)
    for waiting in (members[4], members[5], members[6]):
        join_waitlist(full, participant=waiting.participant, by=waiting)
    cancel_booking(leaves, by=second)
    make_manual(other)
    make_payouts(coach, other)
    make_refunds()
    make_sponsors()
    make_meetings(admin)
    make_calendars()
    make_time()
    # A card that is kept and paid with, one whose adding was not heard of yet, and one that was declined.
    kept = add_payment_method(members[7], provider="sandbox", source=SUCCEEDS, by=members[7])
    make_booking(session("Kept", 18), members[7], card=str(kept.pk))
    make_booking(session("Declined", 19), members[7], card=DECLINED)
    add_payment_method(members[7], provider="sandbox", source=NEVER_ANSWERS, by=members[7])
    # What is divided: one sale that has taken place, one that is to come, one that was given up.
    create_split_rule(name="Otto's", business_percent=20, creator_percent=80, teacher_percent=0, coach=other, by=admin)
    for day in (20, 21):
        make_booking(session(f"Shared {day}", day, of=other), first)
    cancel_booking(make_booking(session("Given up", 22, of=other), first), by=first)
    # A wallet that pays alone, with a card, and for what is not paid yet.
    rich = members[7]
    make_top_up(rich, 9_000)
    give_money(rich, amount=500, reason="Welcome", by=admin)
    take_back_grant(give_money(rich, amount=700, reason="A mistake", by=admin), by=admin)
    cancel_booking(make_booking(soon, rich), by=rich)
    make_booking(session("Dear", 14, price=30_000), rich, card=NEEDS_CONFIRMATION)
    # One that is filled by itself, by a card that was kept while it paid.
    look_after_wallet(make_auto_top_up(members[6]))
    top_up(members[6], amount=1_000, provider="sandbox", source=SUCCEEDS, keep=True, by=members[6])
    # Several at once: one party that is paid, with some credit, and one that is not yet.
    host = members[5]
    for title, day, card in (("Together", 23, SUCCEEDS), ("Together again", 24, NEEDS_CONFIRMATION)):
        party = [host.participant, *add_guests(["Mia", "Ben"], by=host)]
        book_places(session(title, day), participants=party, by=host, provider="sandbox", source=card)
    book_series(make_weekly(working_coach()), host, weekly(2))
    ask(make_service(working_coach(), needs_approval=True, capacity=3), host, "Mia", at=NINE + HOUR)
    grant_role(first, role="coach", by=admin)
    update_profile(second, by=second, name="Changed Name")
    _invite, token = make_invite(by=admin)
    accept_invite(token, name="Invited", password="a long enough password")
    make_invite(by=admin)
    file = preview_people_import("people.csv", b"email,name\nnew@example.com,New", by=admin)
    run_import(confirm_import(file, by=admin).pk)
    create_api_client(members[7], name="Calendar", scopes=["read"], expires_at=None, by=members[7])
    run_once(actor=first, route="/bookings", key="k", body=b"", work=lambda _call: Answer(201, {}))
    switch_off_email(first, "booking.confirmed")
    make_misses()
    make_waiting()
    # Some days ago something moved that no other plant touches, and those days are closed.
    post(1_000, key="long ago")
    run("UPDATE ledger_transfer SET created_at = created_at - interval '3 days' WHERE key = 'long ago'")
    close_days(by=admin)
    make_difference("unknown", by=admin)
    while drain():
        pass


def test_a_healthy_business_is_silent_and_every_planted_fault_is_caught(superuser: None, mailoutbox: list[Any]):
    make_business()
    healthy = find_faults()
    run("SET CONSTRAINTS ALL IMMEDIATE", COPY_ROW, UNGUARD)

    caught = {}
    for name, planted in PLANTS.items():
        with transaction.atomic():
            run(*([planted] if isinstance(planted, str) else planted))
            if name != "session-is-given-by-its-coaches":
                run(FOLLOWED)
            # Whoever asks is the application.
            run(f"SET LOCAL ROLE {postgres.APP}")
            caught[name] = {finding.name for finding in faults_now()}
            transaction.set_rollback(True)

    assert healthy == []
    assert {name: found for name, found in caught.items() if found != {name} | ALSO.get(name, set())} == {}


def test_every_invariant_has_its_plant():
    names = [invariant.name for _app, invariant in all_invariants()]

    assert sorted(PLANTS) == sorted(names)
    assert set(ALSO) <= set(PLANTS)
