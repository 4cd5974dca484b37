"""What another one's imitation of Stripe can show: payments as its library makes them, refunds, signed webhooks."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import stripe

from tenpo.payments.models import Payment
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import RefundState
from tenpo.payments.providers.stripe_client import stripe_api

pytestmark = pytest.mark.django_db
STRIPE = provider_of("stripe")
SECRET = "whsec_local"
# It would answer the whole network, and go on with what an earlier run left in the machine's folder for scratch files.
PROGRAM = (
    "import sys; from aiohttp import web; from localstripe.server import app;"
    "web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)"
)
SECONDS = 60


@pytest.fixture(scope="module")
def address(tmp_path_factory: Any) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("localstripe")
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(port)]
    server = subprocess.Popen(command, cwd=folder, env={"TMPDIR": str(folder)})
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                urlopen(f"http://127.0.0.1:{port}/js.stripe.com/v3/", timeout=5).close()
                break
            except URLError:
                assert server.poll() is None, "it does not start"
                assert time.monotonic() < deadline, "it does not answer"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def paid(address: str, settings: Any) -> Payment:
    """A payment that was made there by the library, not by us: it takes fewer parameters than Stripe does."""
    settings.STRIPE_KEY, settings.STRIPE_API, settings.STRIPE_WEBHOOK_SECRETS = "sk_test_local", address, [SECRET]
    api = stripe_api().v1
    card: Any = {
        "type": "card",
        "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2045, "cvc": "123"},
    }
    method = api.payment_methods.create(card)
    customer = api.customers.create({"email": "mina@example.com"})
    api.payment_methods.attach(method.id, {"customer": customer.id})
    intended: Any = {
        "amount": 2_000, "currency": "eur", "customer": customer.id, "payment_method": method.id, "confirm": True,
    }  # fmt: skip
    intent = api.payment_intents.create(intended)
    return Payment(provider="stripe", amount=2_000, currency="EUR", reference=intent.id)


def test_a_payment_and_its_refunds(paid):
    outcome = STRIPE.retrieve(paid)
    refund = STRIPE.refund(paid, amount=600, key="one")

    assert outcome is not None
    assert (outcome.state, outcome.reference) == ("succeeded", paid.reference)
    assert refund.state == RefundState.SUCCEEDED
    assert STRIPE.retrieve_refund(paid, key="one") == refund


def test_its_webhooks_are_read(paid, address):
    heard: list[tuple[dict[str, str], bytes]] = []
    is_heard = threading.Event()

    class Hearing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.end_headers()
            is_heard.set()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Hearing) as server:
        listening = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        listening.start()
        form = urlencode({"url": f"http://127.0.0.1:{server.server_address[1]}/", "secret": SECRET}).encode()
        urlopen(Request(f"{address}/_config/webhooks/ours", data=form), timeout=20).close()  # noqa: S310
        stripe_api().v1.customers.create({"email": "otto@example.com"})
        assert is_heard.wait(SECONDS)
        server.shutdown()
        listening.join()

    headers, body = heard[0]
    stripe.WebhookSignature.verify_header(body.decode(), headers["stripe-signature"], SECRET, 300)
    assert STRIPE.read_event(headers, body).reference.startswith("cus_")
