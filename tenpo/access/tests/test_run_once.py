import contextlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Lock

import pytest
from django.db import connection
from django.http import Http404
from django.utils import timezone

from tenpo.access.actions.idempotency import (
    Answer,
    Call,
    DifferentRequest,
    StillRunning,
    forget_old_keys,
    run_once,
)
from tenpo.access.models import IdempotencyKey, IdempotencyKeyQuerySet
from tenpo.core.errors import TooManyRequests
from tenpo.core.limits import LIMITS, Limit, hit
from tenpo.core.tokens import new_id
from tenpo.people.models import User
from tenpo.people.tests.make import make_member

# No test must meet the turn of one.
A_WINDOW_WITHOUT_END = 3_000_000_000


class Work:
    """Something that must happen once, and counts how often it did."""

    def __init__(self, error: Exception | None = None) -> None:
        self.times = 0
        self.calls: list[Call] = []
        self.error = error
        self.lock = Lock()

    def __call__(self, call: Call) -> Answer:
        with self.lock:
            self.times += 1
            self.calls.append(call)
        if self.error:
            raise self.error
        return Answer(201, {"n": self.times})


def send(actor: User, work: Work, *, key: str = "k1", route: str = "POST /bookings", body: bytes = b"{}") -> Answer:
    return run_once(actor=actor, route=route, key=key, body=body, work=work)


@pytest.mark.django_db
def test_a_repeat_gets_the_first_answer():
    member, work = make_member(), Work()

    first, second = send(member, work), send(member, work)

    assert (first.status, first.body, first.replayed) == (201, {"n": 1}, False)
    assert (second.status, second.body, second.replayed) == (201, {"n": 1}, True)
    assert work.times == 1


@pytest.mark.django_db
def test_another_person_key_or_route_is_another_call():
    member, work = make_member(), Work()

    send(member, work)
    send(make_member(), work)
    send(member, work, key="k2")
    send(member, work, route="POST /payments")

    assert work.times == 4


@pytest.mark.django_db
def test_the_same_key_for_another_request_is_refused():
    member, work = make_member(), Work()
    send(member, work)

    with pytest.raises(DifferentRequest):
        send(member, work, body=b'{"other": 1}')

    assert work.times == 1


@pytest.mark.django_db
def test_a_refusal_before_anything_is_made_gives_the_key_back():
    member = make_member()
    with pytest.raises(Http404):
        send(member, Work(Http404()))

    assert not IdempotencyKey.objects.exists()
    assert send(member, Work(), body=b'{"other": 1}').status == 201


@pytest.mark.django_db
def test_after_an_error_a_repeat_goes_on_at_once():
    member, failing, work = make_member(), Work(ZeroDivisionError()), Work()
    with pytest.raises(ZeroDivisionError):
        send(member, failing)

    # Not even this takes away what the first try may have made.
    with pytest.raises(Http404):
        send(member, Work(Http404()))
    assert send(member, work).status == 201
    assert not failing.calls[0].is_again
    assert work.calls == [Call(failing.calls[0].id, is_again=True)]


@pytest.mark.django_db
def test_what_is_whole_leaves_nothing_behind_when_it_fails():
    member = make_member()

    def work(call: Call) -> Answer:
        make_member("Left behind")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_once(actor=member, route="POST /x", key="k", body=b"", work=work, is_whole=True)

    assert not User.objects.filter(name="Left behind").exists()
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db
def test_a_call_under_way_is_not_repeated_until_its_lock_ends():
    member = make_member()

    class Nested(Work):
        def __call__(self, call: Call) -> Answer:
            with pytest.raises(StillRunning):
                send(member, inner)
            return super().__call__(call)

    inner, outer = Work(), Nested()
    send(member, outer)
    assert (inner.times, outer.times) == (0, 1)

    IdempotencyKey.objects.update(status=None, body=None, locked_until=timezone.now() - timedelta(seconds=1))
    assert send(member, inner).body == {"n": 1}


@pytest.mark.django_db
def test_a_key_that_is_given_back_meanwhile_is_still_running(monkeypatch):
    member, read = make_member(), IdempotencyKeyQuerySet.first

    def late_read(rows: IdempotencyKeyQuerySet) -> IdempotencyKey | None:
        IdempotencyKey.objects.all().delete()
        return read(rows)

    send(member, Work())
    monkeypatch.setattr(IdempotencyKeyQuerySet, "first", late_read)

    with pytest.raises(StillRunning):
        send(member, Work())
    assert send(member, Work()).status == 201


class Slow(Work):
    """Takes longer than the lock: its repeat has the key and, if that `ends`, an answer when it is done."""

    def __init__(self, error: Exception | None = None, *, ends: bool) -> None:
        super().__init__(error)
        self.ends = ends

    def __call__(self, call: Call) -> Answer:
        later = {"status": 201, "body": {"n": 2}, "locked_until": None}
        running = {"locked_until": timezone.now() + timedelta(minutes=2)}
        IdempotencyKey.objects.update(**(later if self.ends else running))
        make_member("Slow")
        return super().__call__(call)


def kept() -> tuple[int | None, object, bool]:
    row = IdempotencyKey.objects.get()
    return row.status, row.body, row.locked_until is not None and row.locked_until > timezone.now()


@pytest.mark.django_db
@pytest.mark.parametrize("error", [None, ZeroDivisionError(), Http404()], ids=["answer", "error", "refusal"])
@pytest.mark.parametrize("ends", [True, False], ids=["answered", "running"])
def test_a_slow_call_leaves_the_key_to_its_repeat(ends, error):
    member = make_member()

    with pytest.raises(type(error)) if error else contextlib.nullcontext():
        assert send(member, Slow(error, ends=ends)).body == {"n": 1}

    assert kept() == ((201, {"n": 2}, False) if ends else (None, None, True))


@pytest.mark.django_db
def test_what_is_whole_is_made_by_whoever_has_the_key():
    member = make_member()

    with pytest.raises(StillRunning):
        run_once(actor=member, route="POST /x", key="k", body=b"", work=Slow(ends=True), is_whole=True)

    assert not User.objects.filter(name="Slow").exists()


@pytest.mark.django_db
def test_old_answers_are_forgotten():
    member = make_member()
    send(member, Work())
    send(member, Work(), key="k2")
    IdempotencyKey.objects.filter(key="k1").update(created_at=timezone.now() - timedelta(days=31))

    assert forget_old_keys() == 1
    assert IdempotencyKey.objects.get().key == "k2"


@pytest.mark.django_db
def test_a_call_that_died_unanswered_is_forgotten_after_a_day():
    member = make_member()
    send(member, Work())
    send(member, Work(), key="k2")
    ended = {"k1": timezone.now() - timedelta(hours=25), "k2": timezone.now() - timedelta(hours=23)}
    for key, at in ended.items():
        IdempotencyKey.objects.filter(key=key).update(status=None, body=None, locked_until=at)

    assert forget_old_keys() == 1
    assert IdempotencyKey.objects.get().key == "k2"


def at_once(member: User, work: Work) -> Counter[str]:
    def one(_number: int) -> str:
        try:
            return str(send(member, work).status)
        except StillRunning:
            return "running"
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        return Counter(pool.map(one, range(200)))


@pytest.mark.django_db(transaction=True)
def test_two_hundred_at_once_have_one_effect():
    work = Work()

    answers = at_once(make_member(), work)

    assert work.times == 1
    assert set(answers) <= {"201", "running"}
    assert sum(answers.values()) == 200


@pytest.mark.django_db(transaction=True)
def test_control_without_the_claim_the_effect_repeats(monkeypatch):
    """Shows that the test above can fail."""
    work = Work()
    monkeypatch.setattr(
        "tenpo.access.tests.test_run_once.run_once", lambda **call: call["work"](Call(new_id(), is_again=False))
    )

    at_once(make_member(), work)

    assert work.times == 200


@pytest.mark.django_db
def test_a_call_counts_as_a_try_and_its_repeat_does_not(monkeypatch):
    monkeypatch.setitem(LIMITS, "book-user", Limit(2, A_WINDOW_WITHOUT_END))
    member, work = make_member(), Work()

    def call(key: str) -> Answer:
        return run_once(actor=member, route="POST /bookings", key=key, body=b"{}", work=work, limit="book-user")

    answers = [call("k1"), call("k1"), call("k1"), call("k2")]
    with pytest.raises(TooManyRequests):
        call("k3")

    assert [answer.replayed for answer in answers] == [False, True, True, False]
    assert work.times == 2
    # The key is free again: who was too quick may send the same call later.
    assert not IdempotencyKey.objects.filter(key="k3").exists()


@pytest.mark.django_db
def test_calls_count_together_with_other_tries(monkeypatch):
    monkeypatch.setitem(LIMITS, "book-user", Limit(1, A_WINDOW_WITHOUT_END))
    member = make_member()

    hit("book-user", member.pk)

    with pytest.raises(TooManyRequests):
        run_once(actor=member, route="POST /bookings", key="k", body=b"", work=Work(), limit="book-user")
