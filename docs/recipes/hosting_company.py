#!/usr/bin/env python3
"""A hosting company on one page: it makes a reseller, customers with plans, domains and mailboxes over the GraphQL API, sets limits, suspends,
resumes, renames, deletes and restores, and asks SMTP, submission and IMAP after each step whether it is so.

    ops/interop/run --only hosting         # with a server and a DNS server of its own
    python3 docs/recipes/hosting_company.py --api http://127.0.0.1:2080/graphql --token OPERATOR --smtp 127.0.0.1:2525 \\
        --submission 127.0.0.1:2587 --imap 127.0.0.1:2143 --dns 127.0.0.1:53 --tsig NAME:SECRET --domains a.test,b.test,c.test

The customers' domains are proven by the records that they publish: the DNS server of `--dns` has a zone for each of the three domains and takes
dynamic updates (RFC 2136) signed with the key of `--tsig` (hmac-sha256, the secret in base64).

Prints one line for each step; ends with 1 at the first one whose effect is not there. Python 3 and nothing else.
"""
import argparse
import imaplib
import json
import smtplib
import socket
import sys
import time
import urllib.error
import urllib.request
import uuid

# What is sold: a plan is a set of limits. Bytes are texts, since they may be larger than a GraphQL Int.
PLANS = {
    "start": {"maxDomains": 1, "maxMailboxes": 5, "storageBytesMax": "1000000000", "messagesPerHourMax": 50},
    "office": {"maxDomains": 2, "maxMailboxes": 50, "storageBytesMax": "50000000000", "messagesPerHourMax": 500},
    "agency": {"maxDomains": 5, "maxMailboxes": 5000, "storageBytesMax": "500000000000", "messagesPerHourMax": 5000},
}
# What the reseller bought: room for its customers and for those to come.
RESELLER = {"maxDomains": 20, "maxMailboxes": 20000, "storageBytesMax": "2000000000000", "messagesPerHourMax": 20000}

PASSWORD = "correct horse battery"
# The same as another mail system stores it: customers bring their passwords along.
PASSWORD_HASH = "$argon2id$v=19$m=19456,t=2,p=1$YSBob3N0aW5nIGZpcm0gcw$MEyu9Iv6XwCcXaE8Z2RUrO6hQ8cwY3KnS0BivpdQzYw"
BULK = 100  # mailboxes of one mutation
THROTTLED_MAX = 120  # answers that say "later", for one request
JOB_SECONDS_MAX = 300  # for an import


class Refused(Exception):
    """A mutation was refused; `code` is for programs."""

    def __init__(self, errors):
        super().__init__("; ".join(f"{e['code']} {e['field']}: {e['message']}" for e in errors))
        self.code = errors[0]["code"]


class Api:
    def __init__(self, url):
        self.url = url

    def ask(self, token, query, variables=None):
        """The data of a request; waits when the server says "later"."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        headers = {"Content-Type": "application/json", "Authorization": "Bearer " + token}
        for _ in range(THROTTLED_MAX):
            try:
                with urllib.request.urlopen(urllib.request.Request(self.url, body, headers), timeout=120) as response:
                    answer = json.load(response)
                if answer.get("errors"):
                    raise RuntimeError(answer["errors"])
                return answer["data"]
            except urllib.error.HTTPError as error:
                if error.code != 429:
                    raise RuntimeError(f"HTTP {error.code}: {error.read().decode(errors='replace')}") from None
                time.sleep(int(error.headers.get("Retry-After") or 1))
        raise RuntimeError("throttled for too long")

    def do(self, token, mutation, fields, /, input_type=None, **given):
        """One mutation; its payload. Every creation has a key: after a lost answer it may be sent again."""
        kind = input_type or mutation[0].upper() + mutation[1:] + "Input"
        given.setdefault("idempotencyKey", uuid.uuid4().hex)
        query = f"mutation($i: {kind}!) {{ r: {mutation}(input: $i) {{ {fields} pending userErrors {{ field code message }} }} }}"
        payload = self.ask(token, query, {"i": given})["r"]
        if payload["userErrors"]:
            raise Refused(payload["userErrors"])
        if payload["pending"]:
            raise RuntimeError(f"{mutation}: the doors do not know yet")
        return payload


class Imap(imaplib.IMAP4):
    """imaplib from a source address of one's own."""

    def __init__(self, host, port, source):
        self.source = source
        super().__init__(host, port, timeout=60)

    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), timeout, self.source)


class Doors:
    """SMTP, submission and IMAP as users meet them: each call says what the door answered."""

    def __init__(self, smtp, submission, imap):
        self.smtp, self.submission, self.imap = (address(a) for a in (smtp, submission, imap))
        self.connections = 0

    def source(self, door):
        """Users come from many addresses; on loopback each connection has one of its own, since a server slows down an
        address from which it hears wrong passwords and unknown recipients."""
        if not door[0].startswith("127."):
            return None
        self.connections += 1
        return f"127.1.{1 + self.connections // 250 % 250}.{1 + self.connections % 250}", 0

    def client(self, door, name):
        return smtplib.SMTP(*door, name, timeout=60, source_address=self.source(door))

    def rcpt(self, to):
        """Code and text of RCPT."""
        with self.client(self.smtp, "elsewhere.example") as client:
            client.ehlo()
            client.mail("friend@elsewhere.example")
            code, text = client.rcpt(to)
            return code, text.decode()

    def deliver(self, to, subject="hello"):
        """Code and text of the refusal, or (250, "")."""
        message = f"From: friend@elsewhere.example\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nOne line.\r\n"
        with self.client(self.smtp, "elsewhere.example") as client:
            return sent(client, "friend@elsewhere.example", to, message)

    def submit(self, user, to, password=PASSWORD):
        """The same for mail of a user; (535, …) when the login is refused."""
        message = f"From: {user}\r\nTo: {to}\r\nSubject: from a customer\r\n\r\nOne line.\r\n"
        with self.client(self.submission, "client.example") as client:
            client.ehlo()
            try:
                client.login(user, password)
            except smtplib.SMTPAuthenticationError as error:
                return error.smtp_code, error.smtp_error.decode()
            return sent(client, user, to, message)

    def login(self, user, password=PASSWORD):
        """An IMAP session, or the text of the refusal."""
        client = Imap(*self.imap, self.source(self.imap))
        try:
            client.login(user, password)
            return client
        except imaplib.IMAP4.error as error:
            client.shutdown()
            text = error.args[0]
            return text.decode() if isinstance(text, bytes) else str(text)

    def inbox(self, user, password=PASSWORD):
        """Subjects in INBOX."""
        client = self.login(user, password)
        if isinstance(client, str):
            raise AssertionError(f"{user} cannot log in: {client}")
        _, count = client.select("INBOX", readonly=True)
        _, found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])") if int(count[0]) else ("OK", [])
        client.logout()
        return [part[1].decode().partition(":")[2].strip() for part in found if isinstance(part, tuple)]

    def append(self, user):
        """`OK`, or the text of the refusal."""
        client = self.login(user)
        status, text = client.append("INBOX", None, None, b"Subject: draft\r\n\r\nOne line.\r\n")
        client.logout()
        return "OK" if status == "OK" else text[-1].decode()


def sent(client, sender, to, message):
    try:
        client.sendmail(sender, [to], message)
        return 250, ""
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        code, text = error.smtp_code, error.smtp_error
    return code, text.decode() if isinstance(text, bytes) else text


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def need(value, what):
    if not value:
        raise AssertionError(what)


class Company:
    def __init__(self, args):
        self.args, self.api = args, Api(args.api)
        self.doors = Doors(args.smtp, args.submission, args.imap)
        self.steps, self.began = 0, time.monotonic()
        self.run = uuid.uuid4().hex[:6]  # another run makes other customers
        self.reseller, self.customers = None, {}

    def step(self, what, seen):
        self.steps += 1
        print(f"{self.steps:2}. {what}: {seen} ({time.monotonic() - self.began:.1f} s)", flush=True)

    # what is asked again and again

    def accepts(self, user, subject, password=PASSWORD):
        """Mail comes in and is there to be read."""
        code, text = self.doors.deliver(user, subject)
        need(code == 250, f"SMTP refuses {user}: {code} {text}")
        need(subject in self.doors.inbox(user, password), f"IMAP does not show {subject!r} to {user}")
        return "SMTP 250, IMAP shows it"

    def refuses_mail(self, user, code, *words):
        """RCPT is refused with this code, and the text says why."""
        got, text = self.doors.rcpt(user)
        need(got == code, f"SMTP answers {got} {text} for {user}, not {code}")
        for word in words:
            need(word in text, f"SMTP says {text!r} for {user}, without {word!r}")
        return f"SMTP {code} {text}"

    def refuses_login(self, user, *words, password=PASSWORD):
        answer = self.doors.login(user, password)
        need(isinstance(answer, str), f"IMAP lets {user} in")
        for word in words:
            need(word in answer, f"IMAP says {answer!r} to {user}, without {word!r}")
        code, text = self.doors.submit(user, user, password)
        need(code in (535, 454, 534, 530, 550), f"submission answers {code} {text} to {user}")
        return f"IMAP {answer}; submission {code}"

    def refused(self, code, call, /, *arguments, **given):
        """A mutation is refused with this code and changes nothing."""
        try:
            call(*arguments, **given)
        except Refused as error:
            need(error.code == code, f"refused with {error.code}, not {code}")
            return code
        raise AssertionError(f"not refused with {code}")

    # the steps

    def open_shop(self):
        viewer = self.api.ask(self.args.token, "{ viewer { id name } }")["viewer"]
        self.step("the connection is tested", f"the token is of {viewer['name']}")
        made = self.api.do(self.args.token, "tenantCreate", "tenant { id } token", name=f"Reseller {self.run}", **RESELLER)
        self.reseller = {"id": made["tenant"]["id"], "token": made["token"]}
        seen = self.api.ask(made["token"], "{ viewer { id maxMailboxes } tenants(first: 5) { totalCount } }")
        need(seen["viewer"] == {"id": made["tenant"]["id"], "maxMailboxes": RESELLER["maxMailboxes"]}, f"its limits: {seen}")
        self.step("a reseller", "its token reaches its own tenant, with its limits, and no other")

    def sell(self, plan):
        made = self.api.do(self.reseller["token"], "tenantCreate", "tenant { id } token", name=f"Customer {plan} {self.run}", **PLANS[plan])
        domain = self.args.domains[list(PLANS).index(plan)]
        self.customers[plan] = {"id": made["tenant"]["id"], "token": made["token"], "domain": domain}
        self.refuses_mail(f"owner@{domain}", 550)
        seen = self.domain(self.customers[plan])
        owner = self.mailbox(plan, "owner")
        self.step(f"a customer with the plan {plan!r}", f"{domain} {seen}; {owner}: {self.accepts(owner, 'welcome')}")

    def domain(self, customer):
        """Claims a customer's domain and has it proven."""
        name = customer["domain"]
        made = self.api.do(customer["token"], "domainCreate", "domain { state challenge { name value } }", tenantId=customer["id"], name=name)
        need(made["domain"]["state"] == "CLAIMED", f"{made}")
        code = self.refused("INVALID", self.api.do, customer["token"], "mailboxCreate", "mailbox { id }",
                            address=f"early@{name}", password=PASSWORD)
        self.refuses_mail(f"early@{name}", 550, "5.7.1")
        proven = self.prove(customer, made["domain"]["challenge"])
        return f"was claimed (a mailbox before the proof: {code}), then proven by {proven}"

    def prove(self, customer, challenge):
        """The customer publishes the records at its DNS server, which proves the domain; nobody's word does."""
        name, token = customer["domain"], customer["token"]
        need(challenge["name"].endswith(name), f"{challenge}")
        checked = self.api.do(token, "domainCheck", "domain { state }", name=name)["domain"]
        need(checked["state"] == "CLAIMED", f"nothing is published yet: {checked}")
        key, _, secret = self.args.tsig.partition(":")
        self.api.do(token, "dnsCredentialSet", "credential { server }", tenantId=customer["id"], domain=name, server=self.args.dns,
                    keyName=key, secret=secret)
        published = self.api.do(token, "domainPublish", "domain { state facets { ownership receive send policy } } withheld", name=name)
        need(published["domain"]["state"] == "LIVE" and published["withheld"] == [], f"after publishing: {published}")
        need(set(published["domain"]["facets"].values()) == {"MATCH"}, f"{published}")
        return "its records in the DNS"

    def mailbox(self, plan, local, /, **given):
        customer = self.customers[plan]
        user = f"{local}@{customer['domain']}"
        made = self.api.do(customer["token"], "mailboxCreate", "mailbox { id }", address=user, password=PASSWORD, **given)
        customer.setdefault("ids", {})[user] = made["mailbox"]["id"]
        return user

    def bulk(self):
        customer, count = self.customers["agency"], self.args.mailboxes
        users = [f"user{n}@{customer['domain']}" for n in range(count)]
        for begin in range(0, min(BULK, count), BULK):
            part = [{"address": u, "password": PASSWORD, "displayName": u.split("@")[0]} for u in users[begin:begin + BULK]]
            made = self.api.do(customer["token"], "mailboxesCreate", "results { mailbox { id address } userErrors { code } }",
                               mailboxes=part, errorPolicy="ALL_OR_NOTHING")
            customer["ids"].update({r["mailbox"]["address"]: r["mailbox"]["id"] for r in made["results"]})
        self.step(f"{min(BULK, count)} mailboxes by one mutation", self.accepts(users[1], "one of a hundred"))
        self.from_file(customer, users[BULK:])
        total = self.api.ask(customer["token"], "query($t: ID!) { mailboxes(tenantId: $t, first: 1) { totalCount } }", {"t": customer["id"]})
        need(total["mailboxes"]["totalCount"] == count + 1, f"{total}")
        for user in users:
            code, text = self.doors.rcpt(user) if user in users[::97] else (250, "")
            need(code == 250, f"{user}: {code} {text}")
        for user in (users[0], users[count // 2], users[-1]):
            self.accepts(user, "one of many")
        self.step(f"{count} mailboxes are there", "every 97th takes mail, three were delivered to and read")

    def from_file(self, customer, users):
        """The others come from a file of the customer's former provider: tried first, then made."""
        rows = "".join(f'{u},{u.split("@")[0]},"{PASSWORD_HASH}",5G\n' for u in users)
        file = "address,name,passwordHash,quota\n" + rows
        wrong = f"{file}{users[0]},twice,,\nnobody@elsewhere.example,not ours,,\n"
        tried = self.import_file(customer, wrong, checkOnly=True)
        need(tried["result"] == {"made": 0, "refused": 2, "would": len(users)}, f"{tried}")
        table = self.imported(customer, tried["id"], refusedOnly=True)
        need([line.split(",")[3] for line in table[1:]] == ["TAKEN", "NOT_FOUND"], f"{table}")
        self.refuses_mail(users[0], 550, "5.1.1")
        self.step(f"a file of {len(users) + 2} mailboxes is tried", f"two rows are refused: {table[1]}; {table[2]}")
        done = self.import_file(customer, file)
        need(done["result"] == {"made": len(users), "refused": 0, "would": 0}, f"{done}")
        for line in self.imported(customer, done["id"], refusedOnly=False)[1:]:
            _, user, mailbox = line.split(",")[:3]
            customer["ids"][user] = mailbox
        self.step(f"the {len(users)} good ones are made by a job", self.accepts(users[0], "from a file"))

    def import_file(self, customer, csv, **terms):
        """The job of an import, at its end."""
        job = self.api.do(customer["token"], "mailboxImport", "job { id }", tenantId=customer["id"], csv=csv, errorPolicy="CONTINUE", **terms)
        query, end = "query($j: ID!) { job(id: $j) { id state error result } }", time.monotonic() + JOB_SECONDS_MAX
        while time.monotonic() < end:
            job = self.api.ask(customer["token"], query, {"j": job["job"]["id"]})
            if job["job"]["state"] in ("DONE", "FAILED", "CANCELLED"):
                need(job["job"]["state"] == "DONE", f"{job}")
                return job["job"]
            time.sleep(0.1)
        raise AssertionError(f"the import does not end: {job}")

    def imported(self, customer, job, refusedOnly):
        query = "query($j: ID!, $r: Boolean!) { mailboxImportResult(jobId: $j, refusedOnly: $r) }"
        return self.api.ask(customer["token"], query, {"j": job, "r": refusedOnly})["mailboxImportResult"].splitlines()

    def limits(self):
        customer = self.customers["start"]
        for n in range(PLANS["start"]["maxMailboxes"] - 1):
            self.mailbox("start", f"desk{n}")
        code = self.refused("LIMIT_REACHED", self.mailbox, "start", "one-too-many")
        seen = self.refuses_mail(f"one-too-many@{customer['domain']}", 550, "5.1.1")
        self.step("the plan's last mailbox is made, one more is refused", f"{code}, {seen}")
        self.api.do(self.reseller["token"], "tenantUpdate", "tenant { maxMailboxes }", tenantId=customer["id"], **PLANS["office"])
        user = self.mailbox("start", "one-too-many")
        self.step("the customer changes to a larger plan", self.accepts(user, "more room"))
        self.api.do(self.reseller["token"], "tenantUpdate", "tenant { id }", tenantId=customer["id"], storageBytesMax="1")
        code, text = self.doors.deliver(user, "does not fit")
        need(code in (452, 552) and "2.2" in text, f"SMTP takes what does not fit: {code} {text}")
        appended = self.doors.append(user)
        need("OVERQUOTA" in appended, f"IMAP APPEND: {appended}")
        need("more room" in self.doors.inbox(user), "what was there can be read")
        self.step("the storage limit is below what is used", f"SMTP {code} {text}; IMAP {appended}; reading goes on")
        self.api.do(self.reseller["token"], "tenantUpdate", "tenant { id }", tenantId=customer["id"], **PLANS["office"])
        self.step("the limit is raised again", self.accepts(user, "fits again"))
        self.api.do(customer["token"], "mailboxUpdate", "mailbox { id }", mailboxId=customer["ids"][user], quotaBytesMax="1")
        code, text = self.doors.deliver(user, "over its quota")
        need(code in (452, 552), f"SMTP takes what is over the mailbox's quota: {code} {text}")
        neighbour = f"owner@{customer['domain']}"
        self.step("one mailbox has a quota of its own", f"SMTP {code} {text}; its neighbour: {self.accepts(neighbour, 'not held up')}")
        self.api.do(customer["token"], "mailboxUpdate", "mailbox { id }", mailboxId=customer["ids"][user], quotaBytesMax=None)

    def sending(self):
        customer = self.customers["office"]
        user, other = f"owner@{customer['domain']}", f"owner@{self.customers['start']['domain']}"
        code, text = self.doors.submit(user, other)
        need(code == 250, f"submission: {code} {text}")
        need("from a customer" in self.doors.inbox(other), "the other customer has it")
        self.api.do(self.reseller["token"], "tenantUpdate", "tenant { id }", tenantId=customer["id"], messagesPerHourMax=0)
        code, text = self.doors.submit(user, other)
        need(code in (450, 451, 550, 554), f"submission takes more than the limit: {code} {text}")
        seen = self.accepts(user, "receiving is not sending")
        self.step("the customer may send nothing for an hour", f"submission {code} {text}; {seen}")
        self.api.do(self.reseller["token"], "tenantUpdate", "tenant { id }", tenantId=customer["id"],
                    messagesPerHourMax=PLANS["office"]["messagesPerHourMax"])
        code, text = self.doors.submit(user, other)
        need(code == 250, f"submission: {code} {text}")
        self.step("and may send again", "submission 250")

    def suspend(self):
        customer, reason = self.customers["office"], "The invoice of May is open."
        user = f"owner@{customer['domain']}"
        before = self.doors.inbox(user)
        self.api.do(self.reseller["token"], "tenantSuspend", "tenant { suspended }", tenantId=customer["id"], reason=reason)
        seen = self.refuses_mail(user, 450, "4.2.1", reason)
        seen += "; " + self.refuses_login(user, reason)
        self.refused("FORBIDDEN", self.mailbox, "office", "while-suspended")
        other = f"owner@{self.customers['start']['domain']}"
        self.accepts(other, "the others notice nothing")
        self.step("a customer is suspended", seen)
        self.api.do(self.reseller["token"], "tenantResume", "tenant { suspended }", tenantId=customer["id"])
        need(self.doors.inbox(user) == before, "mail is as before")
        self.step("and resumed", self.accepts(user, "back again"))

        user, neighbour = f"user0@{self.customers['agency']['domain']}", f"user1@{self.customers['agency']['domain']}"
        token, box = self.customers["agency"]["token"], self.customers["agency"]["ids"][user]
        self.api.do(token, "mailboxSuspend", "mailbox { suspended }", mailboxId=box, reason="It sent spam.")
        seen = self.refuses_mail(user, 450, "It sent spam.") + "; " + self.refuses_login(user, "It sent spam.")
        self.accepts(neighbour, "the neighbour")
        self.step("one mailbox is suspended", seen)
        self.api.do(token, "mailboxResume", "mailbox { suspended }", mailboxId=box)
        self.step("and resumed", self.accepts(user, "clean again"))

    def rename(self):
        customer = self.customers["agency"]
        old, new = f"user0@{customer['domain']}", f"renamed@{customer['domain']}"
        box, before = customer["ids"][old], self.doors.inbox(old)
        self.api.do(customer["token"], "mailboxRename", "mailbox { address }", mailboxId=box, address=new, keepOldAddress=True)
        need(self.doors.inbox(new) == before, "the mail came along")
        code, _ = self.doors.deliver(old, "to the old address")
        need(code == 250 and "to the old address" in self.doors.inbox(new), "the old address leads to it")
        self.step("a mailbox is renamed and keeps its old address as an alias", self.accepts(new, "to the new address"))
        self.refuses_login(new, password="not the password")
        self.api.do(customer["token"], "mailboxSetPassword", "mailbox { id }", mailboxId=box, password=PASSWORD + " 2")
        seen = self.refuses_login(new)
        self.step("its password is changed", f"the old one: {seen}; the new one: {self.accepts(new, 'new password', PASSWORD + ' 2')}")
        customer["ids"][new] = box

    def delete(self):
        customer = self.customers["agency"]
        user, token = f"user1@{customer['domain']}", customer["token"]
        box, before = customer["ids"][user], self.doors.inbox(user)
        self.api.do(token, "mailboxDelete", "mailbox { state purgeAt }", mailboxId=box)
        seen = self.refuses_mail(user, 550) + "; " + self.refuses_login(user)
        code = self.refused("TAKEN", self.mailbox, "agency", "user1")
        self.step("a mailbox is deleted", f"{seen}; its address for another one: {code}")
        self.api.do(token, "mailboxRestore", "mailbox { state }", mailboxId=box)
        need(self.doors.inbox(user) == before, "its mail and its password are there again")
        self.step("and restored", self.accepts(user, "restored"))
        self.api.do(token, "mailboxDelete", "mailbox { state }", mailboxId=box)
        self.api.do(token, "mailboxPurge", "mailbox { id }", mailboxId=box)
        self.refused("NOT_FOUND", self.api.do, token, "mailboxRestore", "mailbox { id }", mailboxId=box)
        seen = self.refuses_mail(user, 550)
        need(self.mailbox("agency", "user1") == user and customer["ids"][user] != box, "a new mailbox has a new id")
        need(self.doors.inbox(user) == [], "mail of the purged mailbox is shown to the next owner of its address")
        self.step("deleted for ever, its address given to a new mailbox", f"{seen}; which is empty; {self.accepts(user, 'new')}")

    def usage(self):
        query = "query($t: ID!) { tenant(id: $t) { maxMailboxes storageBytesMax usage { usedBytes emails } } }"
        seen = self.api.ask(self.reseller["token"], query, {"t": self.customers["agency"]["id"]})["tenant"]
        need(seen["usage"]["emails"] >= 5 and int(seen["usage"]["usedBytes"]) > 0, f"{seen}")
        self.step("the reseller reads what a customer uses", f"{seen['usage']['emails']} messages, {seen['usage']['usedBytes']} bytes")
        log = "query($t: ID!) { auditEntries(tenantId: $t, first: 5) { totalCount nodes { action object } } }"
        seen = self.api.ask(self.customers["agency"]["token"], log, {"t": self.customers["agency"]["id"]})["auditEntries"]
        need(seen["totalCount"] >= self.args.mailboxes, f"{seen}")
        self.step("the customer reads what was done", f"{seen['totalCount']} entries, the last {seen['nodes'][0]['action']}")

    def terminate(self):
        customer = self.customers["start"]
        user = f"owner@{customer['domain']}"
        self.api.do(self.reseller["token"], "tenantSuspend", "tenant { suspended }", tenantId=customer["id"], reason="The contract has ended.")
        seen = self.refuses_mail(user, 450, "The contract has ended.") + "; " + self.refuses_login(user, "The contract has ended.")
        self.step("a customer's contract ends", seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", required=True, help="http://HOST:PORT/graphql")
    parser.add_argument("--token", required=True, help="the operator's token")
    parser.add_argument("--smtp", required=True, help="HOST:PORT where mail arrives")
    parser.add_argument("--submission", required=True, help="HOST:PORT where users send; it must take AUTH as given")
    parser.add_argument("--imap", required=True, help="HOST:PORT of IMAP")
    parser.add_argument("--dns", required=True, help="HOST:PORT of the DNS server of the customers' domains")
    parser.add_argument("--tsig", required=True, help="NAME:SECRET of the key that may update it")
    parser.add_argument("--domains", required=True, type=lambda text: text.split(","), help="three domains that nobody has claimed")
    parser.add_argument("--mailboxes", type=int, default=1000, help="mailboxes made in bulk")
    args = parser.parse_args()
    company = Company(args)
    company.open_shop()
    for plan in PLANS:
        company.sell(plan)
    for part in (company.bulk, company.limits, company.sending, company.suspend, company.rename, company.delete, company.usage,
                 company.terminate):
        part()
    print(f"{company.steps} steps, all as they should be ({time.monotonic() - company.began:.1f} s)")


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, Refused, RuntimeError) as error:
        sys.exit(f"not so: {error}")
