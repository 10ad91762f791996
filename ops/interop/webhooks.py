"""Events leave and are followed: signed webhooks at a receiver on loopback, server-sent events, the audit log as a file."""
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
import urllib.error
import urllib.request

from check import Failed, check, equal, inside, true

RECEIVED_SECONDS_MAX = 60
# A revoked token's stream ends within this.
REVOKED_SECONDS_MAX = 2


class Receiver:
    """Keeps what is posted to it; answers each request with the next status, 200 when there is none."""

    def __init__(self):
        receiver, self.got, self.answers = self, [], []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else 200
                receiver.got.append((status, self.path, dict(self.headers.items()), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def until(what, ready):
    end = time.monotonic() + RECEIVED_SECONDS_MAX
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    raise Failed(f"{what}: not within {RECEIVED_SECONDS_MAX} s")


def verified(headers, body, secrets):
    """As the Standard Webhooks say: every signature is of one of the secrets, over `id.timestamp.body`."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = {"v1," + base64.b64encode(hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)).decode()
                for secret in secrets}
    equal(set(headers["webhook-signature"].split(" ")), expected, "signatures")
    true(abs(time.time() - int(headers["webhook-timestamp"])) < 300, f"timestamp {headers['webhook-timestamp']}")
    return json.loads(body)


def webhook(demo, receiver, kinds):
    made = demo.mutate(demo.tenant(0)["token"], "webhookCreate", "WebhookCreateInput!", "webhook { id } secret",
                       {"tenantId": demo.tenant(0)["id"], "url": receiver.url, "kinds": kinds})
    return made["webhook"]["id"], made["secret"]


def log(demo, hook):
    query = """query($w: ID!) { r: webhookDeliveries(webhookId: $w, first: 5) { nodes
               { deliveryId kind state attempts status error } } }"""
    return demo.query(demo.tenant(0)["token"], query, {"w": hook})["r"]["nodes"]


def drop(demo, hook):
    demo.mutate(demo.tenant(0)["token"], "webhookDelete", "WebhookDeleteInput!", "webhook { id }", {"webhookId": hook, "idempotencyKey": hook})


@check("a mailbox is made: its event is posted, signed, with the id of the mailbox")
def signed(demo):
    with Receiver() as receiver:
        hook, secret = webhook(demo, receiver, ["mailbox.*"])
        account = demo.mailbox(0)
        until("a delivery", lambda: receiver.got)
        _, path, headers, body = receiver.got[0]
        told = verified(headers, body, [secret])
        equal((path, told["type"], told["data"]["object"]), ("/hook", "mailbox.created", account.node), "event")
        delivered = until("the log", lambda: [d for d in log(demo, hook) if d["state"] == "DELIVERED"])
        equal((delivered[0]["deliveryId"], delivered[0]["status"]), (headers["webhook-id"], 200), "log")
        # Another tenant's events stay its own.
        demo.mailbox(1)
        demo.mailbox(0)
        until("the next delivery", lambda: len(receiver.got) == 2)
        time.sleep(0.5)
        equal(len(receiver.got), 2, "deliveries")
        drop(demo, hook)


@check("a receiver that fails is tried again with the same id; a rotated secret goes on signing; a delivery is sent again by hand")
def retried(demo):
    with Receiver() as receiver:
        receiver.answers = [500]
        hook, secret = webhook(demo, receiver, ["mailbox.created"])
        demo.mailbox(0)
        until("the first attempt", lambda: receiver.got)
        rotated = demo.mutate(demo.tenant(0)["token"], "webhookRotateSecret", "WebhookRotateSecretInput!", "secret",
                              {"webhookId": hook, "overlapSeconds": 3600})["secret"]
        until("the second attempt", lambda: len(receiver.got) == 2)
        (first, _, before, body), (second, _, after, again) = receiver.got
        equal((first, second, body), (500, 200, again), "attempts")
        equal(before["webhook-id"], after["webhook-id"], "id")
        verified(before, body, [secret])
        verified(after, again, [secret, rotated])
        entry = until("the log", lambda: [d for d in log(demo, hook) if d["state"] == "DELIVERED"])[0]
        equal(entry["attempts"], 2, "attempts in the log")
        demo.mutate(demo.tenant(0)["token"], "webhookDeliveryRetry", "WebhookDeliveryRetryInput!", "delivery { state }",
                    {"deliveryId": entry["deliveryId"]})
        until("a delivery by hand", lambda: len(receiver.got) == 3)
        equal(receiver.got[2][2]["webhook-id"], entry["deliveryId"], "id of the delivery by hand")
        drop(demo, hook)


@check("a webhook does not lead into networks that the operator has not allowed")
def inside_only(demo):
    for url in ["http://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data", "https://[fd00::1]/",
                "ftp://example.com/", "https://user:password@example.com/"]:
        refused = demo.mutate(demo.tenant(0)["token"], "webhookCreate", "WebhookCreateInput!", "webhook { id }",
                              {"tenantId": demo.tenant(0)["id"], "url": url, "kinds": ["*"]}, errors=True)
        equal([e["code"] for e in refused["userErrors"]], ["INVALID"], url)


class Stream:
    """A subscription as server-sent events."""

    def __init__(self, demo, token, query):
        request = urllib.request.Request(demo.info["graphql_url"], json.dumps({"query": query}).encode(),
                                         {"Content-Type": "application/json", "Accept": "text/event-stream", "Authorization": "Bearer " + token})
        self.response = urllib.request.urlopen(request, timeout=RECEIVED_SECONDS_MAX)

    def next(self):
        """Name and data of the next event; comments keep the connection alive."""
        name, data = None, ""
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data += line[5:].strip()
            elif not line and name:
                return name, json.loads(data) if data else None


@check("a subscription tells what happens as it comes, and ends with its token")
def followed(demo):
    customer = demo.tenant(0)
    made = demo.mutate(customer["token"], "apiTokenCreate", "ApiTokenCreateInput!", "id secret", {"tenantId": customer["id"], "label": "stream"})
    end = demo.query(customer["token"], "query($t: ID!) { r: events(tenantId: $t, last: 1) { nodes { id } } }",
                     {"t": customer["id"]})["r"]["nodes"][0]["id"]
    query = f'subscription {{ e: eventsStream(tenantId: "{customer["id"]}", after: "{end}") {{ kind object }} }}'
    stream = Stream(demo, made["secret"], query)
    account = demo.mailbox(0)
    name, told = stream.next()
    equal((name, told["data"]["e"]), ("next", {"kind": "mailbox.created", "object": account.node}), "event")
    begin = time.monotonic()
    demo.mutate(customer["token"], "apiTokenRevoke", "ApiTokenRevokeInput!", "done", {"id": made["id"], "idempotencyKey": made["id"]})
    while not told.get("errors"):
        name, told = stream.next()
    equal(told["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "the end")
    took = time.monotonic() - begin
    true(took < REVOKED_SECONDS_MAX, f"the stream of a revoked token went on for {took:.2f} s")
    equal(stream.next()[0], "complete", "after the end")
    try:
        Stream(demo, made["secret"], query)
    except urllib.error.HTTPError as error:
        equal(error.code, 401, "a revoked token's next stream")
    else:
        raise Failed("a revoked token opened a stream")


@check("the audit log verifies, and its file repeats the chain")
def chained(demo):
    customer = demo.tenant(0)
    demo.mailbox(0)
    query = "query($t: ID!) { r: auditVerify(tenantId: $t) { verified brokenNumber head { number hash } } }"
    found = demo.query(customer["token"], query, {"t": customer["id"]})["r"]
    equal(found["brokenNumber"], None, "broken at")
    equal(found["verified"], found["head"]["number"], "verified")
    job = demo.mutate(customer["token"], "auditExport", "AuditExportInput!", "job { id }", {"tenantId": customer["id"]})["job"]["id"]
    state = "query($j: ID!) { r: job(id: $j) { state } }"
    until("the job", lambda: demo.query(customer["token"], state, {"j": job})["r"]["state"] == "DONE")
    address = demo.info["graphql_url"].removesuffix("/graphql")
    request = urllib.request.Request(f"{address}/jobs/{job}/file", headers={"Authorization": "Bearer " + customer["token"]})
    with urllib.request.urlopen(request, timeout=RECEIVED_SECONDS_MAX) as response:
        *entries, head = [json.loads(line) for line in response.read().splitlines()]
    before = ""
    for entry in entries:
        fields = [entry[name] for name in ["tenant", "number", "at", "actor", "onBehalfOf", "ip", "action", "object", "detail"]]
        text = before + "\n" + json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
        before = hashlib.sha256(text.encode()).hexdigest()
        equal(entry["hash"], before, f"hash of entry {entry['number']}")
    equal(head["head"]["hash"], before, "the head")
    inside("127.0.0.1", {entry["ip"] for entry in entries}, "addresses of the callers")
    other = urllib.request.Request(f"{address}/jobs/{job}/file", headers={"Authorization": "Bearer " + demo.tenant(1)["token"]})
    try:
        urllib.request.urlopen(other, timeout=RECEIVED_SECONDS_MAX)
    except urllib.error.HTTPError as error:
        equal(error.code, 404, "another tenant's file")
    else:
        raise Failed("another tenant fetched the file")
