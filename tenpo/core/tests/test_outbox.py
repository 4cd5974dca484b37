"""The outbox's promises: at least once, in order for each subject, and nobody waits for somebody else's failure."""

import random
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import gettext_lazy

from tenpo.core import outbox
from tenpo.core.models import Business, OutboxMessage, RateCount
from tenpo.core.outbox import MAX_ATTEMPTS, drain, forget_delivered, publish, publish_all, revive
from tests.database import as_superuser

pytestmark = pytest.mark.django_db

heard: list[tuple[UUID, int]] = []
lock = threading.Lock()


def listen(message: OutboxMessage) -> None:
    """A consumer that remembers, and now and then takes its time."""
    time.sleep(random.random() / 200)
    with lock:
        heard.append((message.subject_id, message.payload["n"]))


def listen_too(message: OutboxMessage) -> None:
    """A second consumer, which shares nothing with the first."""
    with lock:
        heard.append((message.subject_id, 1_000 + message.payload["n"]))


def refuse_odd(message: OutboxMessage) -> None:
    """A consumer that writes and then fails for some."""
    RateCount.objects.create(key=f"{message.pk}", window_starts_at=timezone.now())
    if message.payload["n"] % 2:
        raise ValueError("odd \0 number")
    listen(message)


def break_a_foreign_key(message: OutboxMessage) -> None:
    """A consumer whose write the database would refuse only at the commit."""
    if message.payload["n"] == 1:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO notify_notification (user_id, kind, payload, key, in_app)"
                " VALUES (%s, 'x', '{}', 'x', true)",
                [uuid4()],
            )
    listen(message)


@pytest.fixture(autouse=True)
def consumers(settings):
    heard.clear()
    settings.OUTBOX_CONSUMERS = {"first": f"{__name__}.listen"}
    yield settings
    heard.clear()


def subject(id_: UUID | None = None) -> Business:
    return Business(pk=id_ or uuid4())


def due() -> None:
    OutboxMessage.objects.waiting().update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_a_message_is_delivered_once():
    thing = subject()
    publish("thing.done", subject=thing, n=1)

    assert [drain(), drain()] == [1, 0]

    assert heard == [(thing.pk, 1)]
    message = OutboxMessage.objects.get()
    assert message.delivered_at is not None
    assert message.attempts == 1


def test_every_consumer_hears_it(consumers):
    consumers.OUTBOX_CONSUMERS = {"first": f"{__name__}.listen", "second": f"{__name__}.listen_too"}
    thing = subject()

    publish("thing.done", subject=thing, n=1)
    drain()

    assert sorted(heard) == [(thing.pk, 1), (thing.pk, 1_001)]
    assert OutboxMessage.objects.values("event_id").distinct().count() == 1


def test_publishing_takes_one_statement(django_assert_num_queries):
    with django_assert_num_queries(1):
        publish_all([("thing.done", subject(), {"n": n}) for n in range(50)])


def test_the_payload_is_plain():
    at = datetime(2026, 12, 3, tzinfo=UTC)
    id_ = uuid4()

    publish("thing.done", subject=subject(), n=1, id=id_, at=at, word=gettext_lazy("Save"), more={"ids": [id_, None]})

    payload = OutboxMessage.objects.get().payload
    assert payload == {
        "n": 1, "id": str(id_), "at": at.isoformat(), "word": "Save", "more": {"ids": [str(id_), None]},
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_of_a_transaction_is_our_mistake():
    with pytest.raises(AssertionError):
        publish("thing.done", subject=subject(), n=1)


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_was_never_said():
    def fail() -> None:
        with transaction.atomic():
            publish("thing.done", subject=subject(), n=1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert drain() == 0
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize("count", [1, 30])
def test_a_delivery_takes_three_statements(count):
    publish_all([("thing.done", subject(), {"n": n}) for n in range(count)])

    with CaptureQueriesContext(connection) as captured:
        assert drain(count) == count

    sql = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(sql) == 3 * count + 1, "\n".join(sql)


def test_one_that_fails_waits_and_leaves_nothing_behind(consumers):
    consumers.OUTBOX_CONSUMERS = {"first": f"{__name__}.refuse_odd"}
    publish("thing.done", subject=subject(), n=1)

    drain()

    message = OutboxMessage.objects.get()
    assert (message.attempts, message.delivered_at, message.dead_at) == (1, None, None)
    assert message.last_error == "ValueError('odd \\x00 number')"
    assert timedelta(seconds=4) < message.next_attempt_at - timezone.now() < timedelta(seconds=6)
    assert not RateCount.objects.exists()
    assert drain() == 0


def test_waits_double(consumers):
    consumers.OUTBOX_CONSUMERS = {"first": f"{__name__}.refuse_odd"}
    publish("thing.done", subject=subject(), n=1)
    waits = []

    for _ in range(MAX_ATTEMPTS - 1):
        due()
        drain()
        waits.append(round((OutboxMessage.objects.get().next_attempt_at - timezone.now()).total_seconds()))

    assert waits == [5, 10, 20, 40, 80, 160, 320]


def test_the_later_ones_of_its_subject_wait_with_it_and_others_do_not(consumers):
    consumers.OUTBOX_CONSUMERS = {"first": f"{__name__}.refuse_odd", "second": f"{__name__}.listen_too"}
    broken, whole = subject(), subject()
    publish_all([("a", broken, {"n": 1}), ("b", broken, {"n": 2}), ("a", whole, {"n": 4})])

    drain()

    assert [n for id_, n in heard if id_ == broken.pk] == [1_001, 1_002]
    assert [n for id_, n in heard if id_ == whole.pk] == [4, 1_004]


def test_a_poisonous_one_is_dead_after_eight_tries_and_the_later_ones_go_on(consumers):
    consumers.OUTBOX_CONSUMERS = {"first": f"{__name__}.refuse_odd"}
    thing = subject()
    publish_all([("a", thing, {"n": 1}), ("b", thing, {"n": 2})])

    for _ in range(MAX_ATTEMPTS):
        due()
        assert heard == []
        drain()

    assert heard == [(thing.pk, 2)]
    dead = OutboxMessage.objects.get(name="a")
    assert dead.attempts == MAX_ATTEMPTS
    assert dead.dead_at is not None


def test_a_dead_one_can_be_revived(consumers):
    thing = subject()
    publish("a", subject=thing, n=1)
    OutboxMessage.objects.update(dead_at=timezone.now(), attempts=MAX_ATTEMPTS)
    assert drain() == 0

    revive(OutboxMessage.objects.get())
    drain()

    assert heard == [(thing.pk, 1)]


def test_a_delivered_one_is_not_revived():
    publish("a", subject=subject(), n=1)
    drain()

    revive(OutboxMessage.objects.get())

    assert drain() == 0


def test_a_consumer_that_is_gone_blocks_nobody(consumers):
    publish("a", subject=subject(), n=1)
    consumers.OUTBOX_CONSUMERS = {"second": f"{__name__}.listen"}
    thing = subject()
    publish("b", subject=thing, n=2)

    drain()

    assert heard == [(thing.pk, 2)]
    assert OutboxMessage.objects.get(name="a").last_error == "KeyError('first')"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_guarded", [True, False])
def test_a_write_refused_at_the_commit_blocks_nobody(consumers, monkeypatch, is_guarded):
    """Without asking before the commit, the note of the failure is lost: the control."""
    consumers.OUTBOX_CONSUMERS = {"first": f"{__name__}.break_a_foreign_key"}
    if not is_guarded:
        monkeypatch.setattr(outbox, "_check_deferred", lambda: None)
    whole = subject()
    with transaction.atomic():
        publish_all([("a", subject(), {"n": 1}), ("a", whole, {"n": 2})])

    for _ in range(3):
        try:
            drain()
        except Exception:  # noqa: BLE001 - what the worker does: note it and go on
            connection.close()

    assert (whole.pk, 2) in heard
    refused = OutboxMessage.objects.get(payload__n=1)
    assert refused.attempts == 1
    assert ("IntegrityError" in refused.last_error) is is_guarded


def drain_in_threads(count: int, seconds: float = 20) -> None:
    def work() -> None:
        until = time.monotonic() + seconds
        try:
            while OutboxMessage.objects.waiting().exists() and time.monotonic() < until:
                drain(20)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_guarded", [True, False])
def test_three_drainers_keep_the_order_of_each_subject(monkeypatch, is_guarded):
    """Without the look at earlier ones of the subject the order breaks: the control."""
    if not is_guarded:
        monkeypatch.setattr(outbox, "_TAKE", outbox._TAKE.replace("earlier.id < m.id", "earlier.id < 0"))
    things = [subject() for _ in range(2)]
    with transaction.atomic():
        publish_all([("a", thing, {"n": n}) for n in range(60) for thing in things])

    drain_in_threads(3)

    assert len(heard) == 120
    assert sorted(heard) == sorted((thing.pk, n) for thing in things for n in range(60))
    orders = [[n for id_, n in heard if id_ == thing.pk] for thing in things]
    assert all(order == sorted(order) for order in orders) is is_guarded


@pytest.mark.django_db(transaction=True)
def test_writers_and_drainers_together_lose_nothing():
    """Ids become visible out of order when writers overlap; a message that shows up late is found all the same."""
    thing_of = [subject() for _ in range(4)]

    def write(thing: Business) -> None:
        try:
            for n in range(40):
                with transaction.atomic():
                    publish("a", subject=thing, n=n)
                    time.sleep(random.random() / 300)
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=[thing]) for thing in thing_of]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        drain()
    drain()

    for thing in thing_of:
        assert [n for id_, n in heard if id_ == thing.pk] == list(range(40))


@pytest.mark.django_db(transaction=True)
def test_a_drainer_killed_half_way_leaves_the_message_to_the_next(consumers):
    thing = subject()
    with transaction.atomic():
        publish("a", subject=thing, n=1)

    drain_and_die()
    assert not RateCount.objects.exists()

    deadline = time.monotonic() + 10
    while not heard and time.monotonic() < deadline:
        drain()
        time.sleep(0.05)

    assert heard == [(thing.pk, 1)]
    assert OutboxMessage.objects.get().attempts == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "counts_before", [pytest.param(True, id="guarded"), pytest.param(False, id="control", marks=pytest.mark.control)]
)
def test_one_that_kills_every_worker_is_given_up(monkeypatch, counts_before):
    """Counted only once it has ended, such a try never counts, and the message kills for ever: the control."""
    if not counts_before:
        monkeypatch.setattr(outbox, "_TAKE", outbox._TAKE.replace("attempts + 1", "attempts"))
    thing = subject()
    with transaction.atomic():
        publish_all([("a", thing, {"n": 1}), ("b", thing, {"n": 2})])

    drain_and_die(MAX_ATTEMPTS, "guarded" if counts_before else "control")
    due()
    drain()

    poison = OutboxMessage.objects.get(name="a")
    assert (poison.dead_at is not None) is counts_before
    assert heard == [(thing.pk, n) for n in ([2] if counts_before else [1, 2])]
    if counts_before:
        assert (poison.attempts, poison.last_error) == (MAX_ATTEMPTS, "its worker died at every try")
        assert OutboxMessage.objects.filter(name=outbox.DEAD_EVENT).count() == 1


def drain_and_die(times: int = 1, kind: str = "guarded") -> None:
    """Drain so many times in processes of their own, each of which its first message kills."""
    database = str(connection.settings_dict["NAME"])
    program = [sys.executable, "-m", "tests.faults.dying", database, str(times), kind]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.django_db(transaction=True)
def test_a_hundred_thousand_delivered_ones_cost_nothing():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_outboxmessage (consumer, event_id, name, subject_id, payload, attempts, last_error,"
            " delivered_at) SELECT 'first', gen_random_uuid(), 'a', gen_random_uuid(), '{}', 1, '', now()"
            " FROM generate_series(1, 100000)"
        )
        with transaction.atomic():
            publish_all([("a", subject(), {"n": n}) for n in range(100)])
        with as_superuser() as admin:
            # What other tests rolled back stays in the index, and VACUUM alone passes over so little of it.
            admin.execute("VACUUM (ANALYZE, INDEX_CLEANUP ON) core_outboxmessage")
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + outbox._TAKE, {"first": 5, "told": 0})
        ((plan,),) = [cursor.fetchone()]

    # In pages, not in milliseconds: those say how busy the machine is.
    assert "Seq Scan" not in str(plan)
    assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 300


def test_old_delivered_ones_are_forgotten_and_nothing_else():
    publish_all([(name, subject(), {"n": 1}) for name in ("old", "fresh", "waiting", "dead")])
    now = timezone.now()
    OutboxMessage.objects.filter(name="old").update(delivered_at=now - timedelta(days=31))
    OutboxMessage.objects.filter(name="fresh").update(delivered_at=now - timedelta(days=29))
    OutboxMessage.objects.filter(name="waiting").update(published_at=now - timedelta(days=60))
    OutboxMessage.objects.filter(name="dead").update(dead_at=now - timedelta(days=60))

    assert forget_delivered() == 1
    assert forget_delivered() == 0

    assert set(OutboxMessage.objects.values_list("name", flat=True)) == {"fresh", "waiting", "dead"}


def test_forgetting_goes_in_steps():
    publish_all([("old", subject(), {"n": 1}) for _ in range(5)])
    OutboxMessage.objects.update(delivered_at=timezone.now() - timedelta(days=31))

    assert [forget_delivered(2), forget_delivered(2), forget_delivered(2)] == [2, 2, 1]
