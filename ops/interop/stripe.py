#!/usr/bin/env python3
"""Our Stripe beside another one: `ops/interop/stripe.py --fake target/debug/fake-stripe`.

Starts our fake and PyPI's localstripe on free ports of this machine, asks both the same, and compares what billing/stripe reads of the
answers: fields, their types, states, status codes, errors, the signature of webhooks. localstripe knows an older version of Stripe's
API: where a field has moved since, both places are named here.
"""
import argparse
import hashlib
import hmac
import http.server
import json
import os
import queue
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import check  # noqa: E402
from postgres import free_port  # noqa: E402

PACKAGES = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "interop-stripe")
KEY = "sk_test_12345"
SECRET = "whsec_of_interop"
START_SECONDS_MAX = 30
WEBHOOK_SECONDS_MAX = 30

# Its own command would listen on all interfaces, and keep its state in a file that all users of the machine share.
LOCALSTRIPE = """
import sys
from aiohttp import web
from localstripe import resources, server
server.store.dump_to_disk = lambda: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


class Side:
    """One of the two, and where it spells something otherwise."""

    def __init__(self, name, command, port, environment, spelled):
        self.name, self.base, self.spelled = name, f"http://127.0.0.1:{port}", spelled
        self.heard = queue.Queue()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self.ask("GET", "/v1/customers")
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise check.Failed(f"{name} did not start") from None
                time.sleep(0.1)

    def ask(self, method, path, **params):
        """Status and answer; `a__b` stands for `a[b]`."""
        pairs = [(name.split("__")[0] + "".join(f"[{part}]" for part in name.split("__")[1:]), value) for name, value in params.items()]
        text = urllib.parse.urlencode(pairs)
        url = self.base + path + ("?" + text if text and method == "GET" else "")
        request = urllib.request.Request(url, method=method, data=text.encode() if method == "POST" else None)
        request.add_header("Authorization", "Bearer " + KEY)
        try:
            with urllib.request.urlopen(request, timeout=START_SECONDS_MAX) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def done(self, method, path, **params):
        status, answer = self.ask(method, path, **params)
        check.equal((status, answer.get("error")), (200, None), f"{self.name}: {method} {path}")
        return answer

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def price(self, amount=500, interval="month"):
        """What a subscription's item names: a price, or a plan where there are none yet. Gives the item's field and the id."""
        product = self.done("POST", "/v1/products", name="Mailboxes", type="service")["id"]
        if self.spelled["item"] == "plan":
            made = self.done("POST", "/v1/plans", product=product, currency="eur", amount=amount, interval=interval)
        else:
            made = self.done("POST", "/v1/prices", product=product, currency="eur", unit_amount=amount, recurring__interval=interval)
        return {f"items__0__{self.spelled['item']}": made["id"]}

    def card(self, number="4242424242424242"):
        return self.ask("POST", "/v1/payment_methods", type="card", card__number=number, card__exp_month=12, card__exp_year=2040, card__cvc=123)

    def customer(self, number="4242424242424242"):
        customer = self.done("POST", "/v1/customers", email="a@b.example", name="A")["id"]
        _, method = self.card(number)
        self.done("POST", f"/v1/payment_methods/{method['id']}/attach", customer=customer)
        self.done("POST", f"/v1/customers/{customer}", invoice_settings__default_payment_method=method["id"])
        return customer

    def subscribe(self, customer, quantity=3, **more):
        return self.done("POST", "/v1/subscriptions", customer=customer, items__0__quantity=quantity, **self.price(), **more)


def at(value, path):
    for part in path.split("."):
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def kind(value):
    return type(value).__name__


def same_kinds(ours, theirs, paths):
    for path in paths:
        check.equal(kind(at(ours, path)), kind(at(theirs, path)), f"the type of {path}")


def same_values(ours, theirs, paths):
    for path in paths:
        check.equal(at(ours, path), at(theirs, path), path)


@check.check("a customer has the same fields")
def customers(both):
    made = [side.done("POST", "/v1/customers", email="a@b.example", name="Müller & Söhne", metadata__tenant="ten_1") for side in both]
    same_values(*made, ["object", "email", "name", "metadata", "invoice_settings.default_payment_method"])
    same_kinds(*made, ["id", "created"])
    found = [side.done("GET", f"/v1/customers/{one['id']}") for side, one in zip(both, made)]
    same_values(*found, ["object", "email", "name", "metadata"])
    changed = [side.done("POST", f"/v1/customers/{one['id']}", name="Other") for side, one in zip(both, made)]
    same_values(*changed, ["name", "email"])
    gone = [side.done("DELETE", f"/v1/customers/{one['id']}") for side, one in zip(both, made)]
    same_values(*gone, ["deleted"])


@check.check("what is not there is a 404 with an error")
def missing(both):
    for path in ["/v1/customers/cus_nothing", "/v1/subscriptions/sub_nothing", "/v1/invoices/in_nothing", "/v1/payment_intents/pi_nothing"]:
        answers = [side.ask("GET", path) for side in both]
        check.equal(answers[0][0], answers[1][0], f"the status of {path}")
        check.equal(answers[0][0], 404, f"the status of {path}")
        same_values(answers[0][1], answers[1][1], ["error.type"])
        same_kinds(answers[0][1], answers[1][1], ["error.message"])


@check.check("a parameter that nobody knows is refused, and so is a key that is missing")
def refused(both):
    answers = [side.ask("POST", "/v1/customers", colour="red") for side in both]
    check.equal([status for status, _ in answers], [400, 400], "the status")
    same_values(answers[0][1], answers[1][1], ["error.type"])
    for side in both:
        try:
            urllib.request.urlopen(side.base + "/v1/customers", timeout=START_SECONDS_MAX).close()
            raise check.Failed(f"{side.name} answered without a key")
        except urllib.error.HTTPError as error:
            with error:
                check.equal(error.code, 401, side.name)


@check.check("a product with an id of its own is made once")
def products(both):
    made = [side.done("POST", "/v1/products", id="ph_interop_1", name="Business", type="service") for side in both]
    same_values(*made, ["id", "object", "name"])
    again = [side.ask("POST", "/v1/products", id="ph_interop_1", name="Business", type="service")[0] for side in both]
    check.equal(again[0] in (400, 409), again[1] in (400, 409), "whether it is refused")


@check.check("a price says what a plan says")
def prices(both):
    ours, theirs = ({"price": side.price(1250, "year")} for side in both)
    ours = both[0].done("GET", "/v1/prices/" + next(iter(ours["price"].values())))
    theirs = both[1].done("GET", "/v1/plans/" + next(iter(theirs["price"].values())))
    same_values({"amount": ours["unit_amount"], "interval": ours["recurring"]["interval"], "currency": ours["currency"]}, theirs,
                ["amount", "interval", "currency"])
    same_kinds(ours, theirs, ["product", "metadata", "created"])


@check.check("a card that is attached has the same fields")
def cards(both):
    answers = [side.card() for side in both]
    same_values(answers[0][1], answers[1][1], ["object", "type", "card.brand", "card.last4", "customer"])
    customers = [side.customer() for side in both]
    found = [side.done("GET", f"/v1/customers/{customer}") for side, customer in zip(both, customers)]
    same_kinds(*found, ["invoice_settings.default_payment_method"])
    listed = [side.done("GET", "/v1/payment_methods", customer=customer, type="card") for side, customer in zip(both, customers)]
    same_values(*listed, ["object", "has_more", "data.0.card.last4"])


@check.check("a card that is declined is a 402 with its codes")
def declined(both):
    answers = []
    for side in both:
        customer = side.done("POST", "/v1/customers", email="a@b.example")["id"]
        status, method = side.card("4000000000000002")
        if status == 200:
            status, method = side.ask("POST", f"/v1/payment_methods/{method['id']}/attach", customer=customer)
        answers.append((status, method))
    check.equal(answers[0][0], answers[1][0], "the status")
    same_values(answers[0][1], answers[1][1], ["error.code"])


@check.check("a subscription and its first invoice have the same states and amounts")
def subscriptions(both):
    customers = [side.customer() for side in both]
    made = [side.subscribe(customer, metadata__family="mail") for side, customer in zip(both, customers)]
    same_values(*made, ["object", "status", "metadata", "cancel_at_period_end", "cancel_at", "ended_at", "trial_end", "items.object",
                        "items.data.0.object", "items.data.0.quantity"])
    same_kinds(*made, ["id", "customer", "created", "items.data", "items.data.0.id", "latest_invoice"])
    # The period has moved from the subscription to its items.
    for place, one in zip(("items.data.0.current_period_", "current_period_"), made):
        length = at(one, place + "end") - at(one, place + "start")
        check.true(28 * 86400 <= length <= 31 * 86400 + 3600, f"a period of {length} s")
    invoices = [side.done("GET", "/v1/invoices", customer=customer) for side, customer in zip(both, customers)]
    same_values(*invoices, ["object", "has_more", "data.0.object", "data.0.status", "data.0.currency", "data.0.total", "data.0.amount_due",
                            "data.0.amount_paid", "data.0.attempted", "data.0.lines.data.0.amount"])
    same_kinds(*invoices, ["data.0.id", "data.0.created", "data.0.attempt_count"])
    check.equal(at(invoices[0], "data.0.parent.subscription_details.subscription"), made[0]["id"], "ours")
    check.equal(at(invoices[1], "data.0.subscription"), made[1]["id"], "theirs")


@check.check("a trial ends when it was said")
def trials(both):
    end = int(time.time()) + 14 * 86400
    made = [side.subscribe(side.customer(), trial_end=end) for side in both]
    same_values(*made, ["trial_end", "object", "cancel_at_period_end"])
    check.equal([one["trial_end"] for one in made], [end, end], "the end")


@check.check("a first payment that fails leaves it incomplete")
def incomplete(both):
    made = [side.subscribe(side.customer("4000000000000341")) for side in both]
    same_values(*made, ["status"])
    invoices = [side.done("GET", "/v1/invoices", customer=one["customer"]) for side, one in zip(both, made)]
    same_values(*invoices, ["data.0.status", "data.0.amount_paid", "data.0.attempted"])
    # localstripe answers 200 with the invoice still open; Stripe answers 402.
    answers = [side.ask("POST", f"/v1/invoices/{at(one, 'data.0.id')}/pay") for side, one in zip(both, invoices)]
    check.equal((answers[0][0], at(answers[0][1], "error.code")), (402, "card_declined"), "ours")
    again = [side.done("GET", f"/v1/invoices/{at(one, 'data.0.id')}") for side, one in zip(both, invoices)]
    same_values(*again, ["status", "amount_paid"])


@check.check("it ends with its period, goes on, ends at once")
def ends(both):
    made = [side.subscribe(side.customer()) for side in both]
    ended = [side.done("POST", f"/v1/subscriptions/{one['id']}", cancel_at_period_end="true") for side, one in zip(both, made)]
    same_values(*ended, ["cancel_at_period_end", "status"])
    resumed = [side.done("POST", f"/v1/subscriptions/{one['id']}", cancel_at_period_end="false") for side, one in zip(both, made)]
    same_values(*resumed, ["cancel_at_period_end", "status"])
    gone = [side.done("DELETE", f"/v1/subscriptions/{one['id']}") for side, one in zip(both, made)]
    same_values(*gone, ["status"])
    same_kinds(*gone, ["ended_at"])


@check.check("charges and refunds of a payment have the same fields")
def refunds(both):
    made = [side.subscribe(side.customer(), quantity=2) for side in both]
    charges = [side.done("GET", "/v1/charges", customer=one["customer"]) for side, one in zip(both, made)]
    paths = ["object", "status", "amount", "currency", "amount_refunded", "refunded", "paid"]
    same_values(*charges, ["data.0." + path for path in paths])
    same_kinds(*charges, ["data.0.payment_intent", "data.0.id", "data.0.created"])
    back = [side.done("POST", "/v1/refunds", payment_intent=at(one, "data.0.payment_intent"), amount=250) for side, one in zip(both, charges)]
    same_values(*back, ["object", "amount", "currency", "status"])
    same_kinds(*back, ["id", "created", "charge", "payment_intent"])
    listed = [side.done("GET", "/v1/refunds", charge=at(one, "data.0.id")) for side, one in zip(both, charges)]
    same_values(*listed, ["object", "data.0.amount"])
    found = [side.done("GET", f"/v1/charges/{at(one, 'data.0.id')}") for side, one in zip(both, charges)]
    same_values(*found, ["amount_refunded", "refunded"])


@check.check("lists are read page by page, newest first")
def pages(both):
    for side in both:
        names = [side.done("POST", "/v1/customers", email=f"{n}@pages.example")["id"] for n in range(5)]
        first = side.done("GET", "/v1/customers", limit=3)
        second = side.done("GET", "/v1/customers", limit=2, starting_after=first["data"][-1]["id"])
        found = [one["id"] for one in first["data"] + second["data"]]
        check.equal(len(set(found)), 5, f"customers on two pages of {side.name}")
        # localstripe gives them in no order that it promises; Stripe gives the newest first.
        if side.spelled["item"] == "price":
            check.equal(found, names[::-1], side.name)
        check.equal((first["object"], first["has_more"]), ("list", True), side.name)


@check.check("tax ids have the same fields")
def tax_ids(both):
    paths = [f"/v1/customers/{side.done('POST', '/v1/customers', email='a@b.example')['id']}/tax_ids" for side in both]
    made = [side.done("POST", path, type="eu_vat", value="DE123456789") for side, path in zip(both, paths)]
    same_values(*made, ["object", "type", "value"])
    listed = [side.done("GET", path) for side, path in zip(both, paths)]
    same_values(*listed, ["object", "data.0.value"])
    gone = [side.done("DELETE", f"{path}/{one['id']}") for side, path, one in zip(both, paths, made)]
    same_values(*gone, ["deleted"])


def listener(side):
    """A server that puts what comes into the side's queue."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            side.heard.put((self.headers["Stripe-Signature"], body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/hook"


@check.check("a webhook is signed in the same way and names the customer")
def webhooks(both):
    events = []
    for side in both:
        url = listener(side)
        if side.spelled["item"] == "plan":
            request = urllib.request.Request(side.base + "/_config/webhooks/interop", method="POST",
                                             data=urllib.parse.urlencode({"url": url, "secret": SECRET}).encode())
            urllib.request.urlopen(request, timeout=START_SECONDS_MAX).close()
            secret = SECRET
        else:
            secret = side.done("POST", "/v1/webhook_endpoints", url=url, enabled_events__0="*")["secret"]
        made = side.done("POST", "/v1/customers", email="heard@b.example")
        while True:
            header, body = side.heard.get(timeout=WEBHOOK_SECONDS_MAX)
            parts = dict(part.split("=", 1) for part in header.split(","))
            digest = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
            check.equal(parts["v1"], digest, f"the signature of {side.name}")
            event = json.loads(body)
            if event["type"] == "customer.created" and event["data"]["object"]["id"] == made["id"]:
                events.append(event)
                break
    same_values(*events, ["object", "type", "data.object.object", "data.object.email"])
    same_kinds(*events, ["id", "created", "data.object.id"])
    for side in both:
        listed = side.done("GET", "/v1/events", limit=1)
        check.equal(listed["data"][0]["type"], "customer.created", side.name)


def sides(fake):
    ours, theirs = free_port(), free_port()
    environment = dict(os.environ, PYTHONPATH=PACKAGES, PYTHONDONTWRITEBYTECODE="1")
    yield Side("fake-stripe", [fake, "--port", str(ours), "--secret-key", KEY], ours, None, {"item": "price"})
    command = [sys.executable, "-c", LOCALSTRIPE, str(theirs)]
    yield Side("localstripe", command, theirs, environment, {"item": "plan"})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    parser.add_argument("--fake", default=os.path.join(target, "debug", "fake-stripe"), help="our fake")
    options = parser.parse_args()
    both, failed, checks = [], 0, check.take()
    try:
        for side in sides(os.path.abspath(options.fake)):
            both.append(side)
        for title, function in checks:
            try:
                function(both)
                print(f"PASS stripe: {title}", flush=True)
            except Exception as error:  # one difference must not hide the others
                failed += 1
                where = traceback.extract_tb(error.__traceback__)[-1]
                print(f"FAIL stripe: {title}\n     {type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})", flush=True)
    finally:
        for side in both:
            side.stop()
    print(f"stripe: {len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
