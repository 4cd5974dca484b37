"""`kill -9` of web processes while money moves: who got no answer asks again, and has what the answers come to."""

import contextlib
import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from django.db.models.functions import Now

from tenpo.access.models import IdempotencyKey
from tests.faults.web import deaths
from tests.installation import processes_below
from tests.money_clients import Client, Shop, Wish, differing, make_shop, told_by
from tests.server import Server, running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

PROGRAM = "tests.faults.web"
CLIENTS, OF_EACH = 8, 25
KILLS, KILLED_EVERY_SECONDS = 5, 0.7
SETTLE_SECONDS = 60
BUSY = "idempotency_key_in_use"


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    """One whose processes may die as often as they are killed."""
    with django_db_blocker.unblock(), running(program=PROGRAM) as one:
        deaths(one.folder).mkdir()
        yield one


class Impatient:
    """Sends a wish once; what is not answered is asked for again when the killing is over."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.lost: Counter[str] = Counter()

    def ask(self, wish: Wish) -> None:
        try:
            answer = self.server.ask(wish.request)
        except (OSError, http.client.HTTPException) as error:
            self.lost[type(error).__name__] += 1
            return
        if answer.outcome == BUSY or answer.status >= 500:
            self.lost[answer.outcome] += 1
            return
        wish.answer = answer

    def settle(self, wishes: list[Wish]) -> None:
        """Ask again for whatever nobody has answered; the minute for which a call may be running passes here."""
        IdempotencyKey.objects.filter(status=None).update(locked_until=Now())
        deadline = time.monotonic() + SETTLE_SECONDS
        for wish in wishes:
            while wish.answer is None:
                assert time.monotonic() < deadline, self.lost
                self.ask(wish)


def kill_web_processes(stopping: threading.Event) -> int:
    """Kill one process after the other, each with whatever it has under way; how many died."""
    killed = 0
    while killed < KILLS and not stopping.wait(KILLED_EVERY_SECONDS):
        [server] = processes_below(psutil.Process().pid, PROGRAM)[:1]
        for worker in server.children()[:1]:
            with contextlib.suppress(psutil.Error):
                worker.kill()
                killed += 1
    return killed


def work_while_processes_die(server: Server) -> tuple[Shop, list[Client], Impatient, int]:
    shop, impatient, stopping = make_shop(CLIENTS // 2), Impatient(server), threading.Event()
    clients = [Client(number, shop) for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        killed = pool.submit(kill_web_processes, stopping)
        runs = [pool.submit(client.run, OF_EACH, impatient.ask) for client in clients]
        for run in runs:
            run.result()
        stopping.set()
        return shop, clients, impatient, killed.result()


def test_who_asks_again_has_what_the_answers_come_to(server):
    shop, clients, impatient, killed = work_while_processes_die(server)
    unanswered = [wish for client in clients for wish in client.wishes if wish.answer is None]

    impatient.settle(unanswered)

    told = told_by(clients)
    assert differing(shop, told) == {}
    assert killed >= 2
    assert unanswered
    assert {"top_up succeeded", "book confirmed", "cancel cancelled", "pay_out asked"} <= set(told.outcomes)


@pytest.mark.control
def test_who_asks_again_control(server):
    """Whoever asks again under another key is told of a refusal, and has paid for what the first call did."""
    shop, impatient = make_shop(2), Impatient(server)
    client = Client(0, shop)
    wish = Wish(client.owner, "book", client.book(shop.sessions[0]))
    (deaths(server.folder) / "settled").touch()
    impatient.ask(wish)
    again = Wish(client.owner, "book", client.book(shop.sessions[0]))
    client.wishes.append(again)

    impatient.settle([again])

    assert wish.answer is None
    assert set(differing(shop, told_by([client]))) == {client.owner}
