"""A tenant is purged: no file of the server has a readable byte of it afterwards, the neighbour has everything, and a proof is signed."""
import base64
import json
import os
import random
import signal
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time

import mail
from check import Failed, check, equal, true
from demo import CLIENT_SECONDS_MAX, Account, Demo
from lines import Lines
from pair import Process
from postgres import free_port
from sink import Sink

MARK = b"zweigstelle-quittenbaum"
DOMAIN = f"{MARK.decode()}.example"
DOORS = ["SMTP", "SUBMISSION", "SUBMISSIONS", "LMTP", "IMAP", "IMAPS"]
DAY_MS = 86_400_000
PACKED_BYTES = 3_000_000  # of a message; packs have 8 MB at least
PURGE_SECONDS_MAX = 150
KILLS = 4


def spellings():
    """The marker as it would stand in files: plain and in capitals, base64 at each of its three places, UTF-16, quoted-printable."""
    found = {MARK, MARK.upper(), MARK.decode().encode("utf-16-le"), MARK.decode().encode("utf-16-be"), MARK.replace(b"-", b"=2D")}
    for before in range(3):
        text = base64.b64encode(b"x" * before + MARK + b"y" * 3)
        # Without the letters that depend on what stands around it.
        found.add(text[(0, 2, 3)[before]:(len(MARK) + before) * 8 // 6])
    return found


def scan(folder):
    """Files that have the marker, with how it is spelled there."""
    found = []
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            try:
                with open(path, "rb") as file:
                    content = file.read()
            except OSError:
                continue  # a socket, or it was deleted meanwhile
            found += [(os.path.relpath(path, folder), spelling) for spelling in spellings() if spelling in content]
    return found


class Ends(Demo):
    """A server of its own, whose upkeep comes every second."""

    def __init__(self, binary):
        super().__init__(binary, tempfile.mkdtemp(prefix="posthouse-purge-"))
        self.sink, self.http = Sink(), free_port()
        self.node = Process(binary, self.data, "all", {
            "POSTHOUSE_LISTEN_HTTP": f"127.0.0.1:{self.http}", "POSTHOUSE_PLAIN_AUTH": "true", "POSTHOUSE_UPKEEP_INTERVAL": "1s",
            "POSTHOUSE_UPKEEP_COLD_AFTER": "1s", "POSTHOUSE_CONNECTIONS_PER_ADDRESS": "100000",
            "POSTHOUSE_SMART_HOST_HOST": "127.0.0.1", "POSTHOUSE_SMART_HOST_PORT": str(self.sink.server_address[1]),
            **{f"POSTHOUSE_LISTEN_{door}": "127.0.0.1:0" for door in DOORS}})
        self.store = self.node.data

    def start(self):
        self.node.start()
        self.process, ports = self.node.process, self.node.ports
        with open(os.path.join(self.store, "operator.token"), encoding="ascii") as file:
            token = file.read().strip()
        self.info = {
            "imap": {"port": ports["imap"], "tls_port": ports["imaps"]}, "lmtp_port": ports["lmtp"], "operator_token": token,
            "smtp": {"mx_port": ports["smtp"], "submission_port": ports["submission"], "submissions_port": ports["submissions"]},
            "graphql_url": f"http://127.0.0.1:{self.http}/graphql"}

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return None
        self.process = None
        return self.node.end(how)

    def remove(self):
        self.stop(signal.SIGKILL)
        self.sink.shutdown()
        self.sink.server_close()
        shutil.rmtree(self.data, ignore_errors=True)

    def customer(self, name, domain, people):
        operator = self.info["operator_token"]
        made = self.mutate(operator, "tenantCreate", "TenantCreateInput!", "tenant { id } token", {
            "name": name, "maxDomains": 5, "maxMailboxes": 50, "storageBytesMax": "53687091200"})
        tenant = {"id": made["tenant"]["id"], "token": made["token"], "accounts": [], "name": name}
        self.mutate(operator, "domainVouch", "DomainCreateInput!", "domain { name }", {"tenantId": tenant["id"], "name": domain})
        for person in people:
            account = Account(f"{person}@{domain}", f"a long enough password of {person}")
            self.mutate(tenant["token"], "mailboxCreate", "MailboxCreateInput!", "mailbox { id }",
                        {"address": account.address, "password": account.password, "displayName": f"{person} {name}"})
            tenant["accounts"].append(account)
        return tenant

    def row(self, *words):
        return self.node.ctl(*words)["rows"][0]

    def whole_log(self):
        with open(self.store + ".log", "rb") as log:
            return log.readlines()

    def verified(self):
        done = subprocess.run([self.binary, "ctl", "--data", self.store, "verify"], capture_output=True, text=True,
                              timeout=CLIENT_SECONDS_MAX, env=self.node.environment(), check=False)
        return done.returncode == 0, done.stdout + done.stderr


def letter(number, text):
    """A message with the text in its subject, its body, and an attachment in base64; without one, of noise."""
    attached = base64.encodebytes(b"n" * (number % 3) + text * 20).replace(b"\n", b"\r\n")
    boundary = b"b%d" % number
    return (b"From: Sender <sender@elsewhere.example>\r\nTo: somebody@elsewhere.example\r\nSubject: " + text + b" %d\r\n" % number
            + b"Message-ID: <purge.%d.%s@elsewhere.example>\r\nMIME-Version: 1.0\r\n" % (number, text)
            + b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n--" + boundary
            + b"\r\nContent-Type: text/plain\r\n\r\n" + text + b" in its text\r\n--" + boundary
            + b"\r\nContent-Type: application/octet-stream; name=" + text + b".bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + attached + b"--" + boundary + b"--\r\n")


def big(number, text):
    noise = base64.encodebytes(random.Random(number).randbytes(PACKED_BYTES)).replace(b"\n", b"\r\n")
    return (b"From: s@elsewhere.example\r\nSubject: " + text + b" big %d\r\nMessage-ID: <big.%d@elsewhere.example>\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" % (number, number) + noise)


def fill(server, tenant, text):
    """Delivered, sent and not taken, expunged, filed under a name of its own, exported."""
    account, word = tenant["accounts"][0], text.decode()
    mail.deliver(server, account, [letter(n, text) for n in range(6)] + [big(n, text) for n in range(3)])
    lines = Lines(server, account)
    lines.ok(f'CREATE "{word}"')
    lines.ok("SELECT INBOX")
    lines.ok(f'UID COPY 2:3 "{word}"')
    lines.ok(r"UID STORE 1 +FLAGS (\Deleted)")
    lines.ok("UID EXPUNGE 1")
    with server.submission(account) as client:
        body = b"From: " + account.address.encode() + b"\r\nTo: " + text + b"@far.example\r\nSubject: held " + text + b"\r\n\r\n" + text + b"\r\n"
        client.sendmail(account.address, [f"{word}@far.example"], body)
    return server.row("export", "start", "--tenant", tenant["id"], "--all", "--reason", f"export of {word}")


def wait(what, is_so, told=lambda: ""):
    end = time.monotonic() + PURGE_SECONDS_MAX
    while not is_so():
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {PURGE_SECONDS_MAX} s {told()}")
        time.sleep(0.5)


def backdate(store, tenant, days):
    """Puts what was told of a closing some days back: the server is stopped."""
    with sqlite3.connect(os.path.join(store, "control.sqlite")) as database:
        database.execute("PRAGMA secure_delete = ON")
        closed, notices, purge = database.execute("SELECT closed_at, notices, purge_at FROM closing WHERE tenant = ?", (tenant,)).fetchone()
        back = days * DAY_MS
        database.execute("UPDATE closing SET closed_at = ?, notices = ?, purge_at = ? WHERE tenant = ?",
                         (closed - back, json.dumps([at - back for at in json.loads(notices)]), purge - back, tenant))
    database.close()


def close(server, tenant):
    """Closes and tells, as days go by; the purge is refused until they have."""
    refused = lambda why: true(why in server.node.ctl("tenant", "purge", tenant["id"], "--confirm", tenant["name"], fails=True)["error"], why)
    refused("not closed")
    server.row("tenant", "close", tenant["id"], "--contact", "boss@elsewhere.example")
    refused("told 1 times")
    server.stop()
    backdate(server.store, tenant["id"], 25)
    server.start()
    told = lambda: len([p for p in server.node.ctl("tenant", "purges")["rows"] if p["tenant"] == tenant["id"]][0]["notices"])
    wait("the second notice", lambda: told() == 2)
    refused("not before")


@check("a purged tenant is in no file of the server, its neighbour is whole, and the proof is signed")
def purged(demo):
    server = Ends(os.path.abspath(demo.binary))
    try:
        server.start()
        leaves = server.customer(MARK.decode(), DOMAIN, [MARK.decode(), "ann"])
        stays = server.customer("Neighbour", "stays.example", ["ben"])
        server.sink.hold, server.sink.held = threading.Event(), "held"
        exports = [fill(server, leaves, MARK), fill(server, stays, b"neighbour")]
        wait("the exports", lambda: all(server.row("export", "show", e["id"])["state"] == "ready" for e in exports))
        wait("packs", lambda: os.path.isdir(f"{server.store}/packs/packs") and os.listdir(f"{server.store}/packs/packs"))
        before = mail.stored(server.imap(stays["accounts"][0]))
        equal(len(before), 8, "messages of the neighbour")
        close(server, leaves)
        server.stop(signal.SIGKILL)
        found = scan(server.store)
        kinds = {path.split(os.sep)[0] for path, _ in found}
        true("kv" in kinds and any(kind.startswith("control.sqlite") for kind in kinds), f"the scan bites: {found}")
        backdate(server.store, leaves["id"], 10)
        server.start()
        outlook = server.row("tenant", "purge", leaves["id"], "--dry-run")
        equal(outlook["keeps_it"], [], "nothing keeps it")
        wrong = server.node.ctl("tenant", "purge", leaves["id"], "--confirm", "Neighbour", fails=None)
        true("name" in wrong.get("error", "name"), wrong)
        server.node.ctl("tenant", "purge", leaves["id"], "--confirm", leaves["name"], fails=None)
        for number in range(KILLS):
            time.sleep(0.3 * number)
            server.stop(signal.SIGKILL)
            server.start()
        state = lambda: [p for p in server.node.ctl("tenant", "purges")["rows"] if p["tenant"] == leaves["id"]][0]
        wait("the purge", lambda: state()["phase"] == "PURGED", lambda: f"{state()}\n{server.node.log()}")
        proof = server.row("tenant", "proof", leaves["id"])
        document, key = json.loads(proof["document"]), server.row("tenant", "proof", "--key")
        equal(proof["key"], key["id"], "who signed the proof")
        erased = document["erasure"]["erased"]
        true(erased["emails"] >= 8 and erased["exports"] == 1 and erased["packs"] >= 1 and erased["export_objects"] > 0, erased)
        true(document["statement"]["control_plane_rows"]["mailbox"] == 2, document["statement"])
        equal(mail.stored(server.imap(stays["accounts"][0])), before, "mail of the neighbour")
        server.node.ctl("export", "compare", exports[1]["id"])
        for account in leaves["accounts"]:
            with server.smtp() as client:
                client.ehlo()
                client.mail("friend@elsewhere.example")
                true(client.rcpt(account.address)[0] >= 500, "RCPT to a purged mailbox")
        equal(scan(server.store), [], "files that have the tenant's words, while it runs")
        server.stop()
        equal(scan(server.store), [], "files that have the tenant's words, after the stop")
        equal([line for line in server.whole_log() if MARK in line], [], "lines of the server's log with the tenant's words")
        verified, said = server.verified()
        true(verified, said)
    finally:
        server.remove()

