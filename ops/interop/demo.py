"""A running `posthouse demo --json`: its ports, its accounts, its GraphQL API, and clients logged in to it."""
import imaplib
import json
import os
import select
import signal
import smtplib
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20
CLIENT_SECONDS_MAX = 60
MAILBOXES_MAX = 1000
VERIFY_SECONDS_MAX = 120

imaplib._MAXLINE = 100_000_000  # a SEARCH over thousands of messages is one line


def unverified():
    """A TLS context for a self-signed certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Imap(imaplib.IMAP4):
    """imaplib from a source address of one's own."""

    def __init__(self, port, source, tls):
        self.source, self.tls = source, tls
        super().__init__("127.0.0.1", port, timeout=CLIENT_SECONDS_MAX)

    def _create_socket(self, timeout):
        plain = socket.create_connection((self.host, self.port), timeout, (self.source, 0))
        return unverified().wrap_socket(plain) if self.tls else plain


class Account:
    def __init__(self, address, password, node=None):
        self.address, self.password, self.node = address, password, node


class Demo:
    def __init__(self, binary, data):
        self.binary, self.data = binary, data
        self.process = self.info = None
        self.made = self.connections = 0
        self.ready_ms = 0

    # the process

    def start(self):
        log = open(self.data + ".log", "ab")
        begin = time.monotonic()
        self.process = subprocess.Popen([self.binary, "demo", "--json", "--data", self.data], stdout=subprocess.PIPE,
                                        stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        line = b""
        while not line.endswith(b"\n"):
            left = begin + READY_SECONDS_MAX - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise RuntimeError(f"no JSON line within {READY_SECONDS_MAX} s\n{self.log_tail()}")
            part = os.read(self.process.stdout.fileno(), 65536)
            if not part:
                raise RuntimeError(f"posthouse ended with {self.process.wait()} before it served\n{self.log_tail()}")
            line += part
        self.ready_ms = int((time.monotonic() - begin) * 1000)
        self.info = json.loads(line)
        for tenant in self.info["tenants"]:
            self.widen(tenant["id"])

    def stop(self, how=signal.SIGINT):
        """Ends the process; returns its exit code."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"posthouse did not end within {STOP_SECONDS_MAX} s") from None
        finally:
            process.stdout.close()

    def remove(self):
        """Ends what it started."""
        self.stop()

    def verify(self):
        """Whether the store that it left is whole, and what `ctl` says of it."""
        done = subprocess.run([self.binary, "ctl", "--data", self.data, "verify"], capture_output=True, text=True, timeout=VERIFY_SECONDS_MAX,
                              check=False)
        return done.returncode == 0, (done.stdout + done.stderr).strip()

    def log_tail(self, lines=30):
        try:
            with open(self.data + ".log", errors="replace") as log:
                return "".join(log.readlines()[-lines:])
        except OSError:
            return ""

    def widen(self, tenant):
        """Checks make more mailboxes than the demo allows its tenants."""
        self.mutate(self.info["operator_token"], "tenantUpdate", "TenantUpdateInput!", "tenant { id }",
                    {"tenantId": tenant, "maxDomains": 5, "maxMailboxes": MAILBOXES_MAX, "storageBytesMax": "53687091200"})

    # what it made

    def tenant(self, number):
        return self.info["tenants"][number]

    def account(self, tenant, number):
        made = self.tenant(tenant)["accounts"][number]
        return Account(made["address"], made["password"])

    def mailbox(self, tenant=0):
        """A new account, so that a check starts from nothing."""
        self.made += 1
        customer = self.tenant(tenant)
        address, password = f"check{self.made}@{customer['domains'][0]}", f"a long enough password {self.made}"
        answer = self.mutate(customer["token"], "mailboxCreate", "MailboxCreateInput!", "mailbox { id address }",
                             {"address": address, "password": password})
        return Account(address, password, answer["mailbox"]["id"])

    # GraphQL

    def post(self, token, query, variables=None):
        """Status and body of one request."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = urllib.request.Request(self.info["graphql_url"], body, {"Content-Type": "application/json"})
        if token is not None:
            request.add_header("Authorization", "Bearer " + token)
        try:
            with urllib.request.urlopen(request, timeout=CLIENT_SECONDS_MAX) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else {"errors": [{"message": text.decode()}]}

    def query(self, token, query, variables=None):
        status, body = self.post(token, query, variables)
        if status != 200 or body.get("errors"):
            raise RuntimeError(f"GraphQL answered {status}: {body}")
        return body["data"]

    def mutate(self, token, name, kind, fields, value, errors=False):
        """One mutation; its payload. Fails on userErrors unless they are asked for."""
        query = f"mutation($v: {kind}) {{ r: {name}(input: $v) {{ {fields} userErrors {{ message code }} }} }}"
        payload = self.query(token, query, {"v": value})["r"]
        if payload["userErrors"] and not errors:
            raise RuntimeError(f"{name}: {payload['userErrors']}")
        return payload

    # clients

    def source(self):
        """A loopback address of its own for every connection: a server that slows guessing down does not slow the checks."""
        self.connections += 1
        return f"127.0.{1 + self.connections // 250 % 250}.{1 + self.connections % 250}"

    def imap(self, account=None, tls=False):
        client = Imap(self.info["imap"]["tls_port" if tls else "port"], self.source(), tls)
        if not tls:
            client.starttls(unverified())
        if account is not None:
            client.login(account.address, account.password)
        return client

    def smtp(self, door="mx_port"):
        port, source = self.info["smtp"][door], (self.source(), 0)
        if door == "submissions_port":
            return smtplib.SMTP_SSL("127.0.0.1", port, "client.example", context=unverified(), timeout=CLIENT_SECONDS_MAX,
                                    source_address=source)
        return smtplib.SMTP("127.0.0.1", port, "client.example", timeout=CLIENT_SECONDS_MAX, source_address=source)

    def lmtp(self):
        return smtplib.LMTP("127.0.0.1", self.info["lmtp_port"], "client.example", timeout=CLIENT_SECONDS_MAX,
                            source_address=(self.source(), 0))

    def submission(self, account):
        client = self.smtp("submission_port")
        client.starttls(context=unverified())
        client.ehlo()
        client.login(account.address, account.password)
        return client
