"""A domain from claim to mail, against a real DNS server: `posthouse serve` beside knotd on loopback."""
import base64
import contextlib
import hashlib
import http.client
import os
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
import urllib.parse

import mail
from check import check, equal, inside, true
from demo import Account, Demo, READY_SECONDS_MAX

ZONE = """$ORIGIN {name}.
$TTL 60
@ SOA ns.host.example. admin.host.example. 1 3600 900 604800 60
@ NS ns.host.example.
{more}
"""
SECRET = base64.b64encode(b"a key of thirty-two bytes, really").decode()


def free(host="127.0.0.1"):
    """A port that is free for both UDP and TCP."""
    for _ in range(100):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind((host, 0))
            try:
                udp.bind((host, tcp.getsockname()[1]))
            except OSError:
                continue
            return tcp.getsockname()[1]
    raise RuntimeError("no free port")


def wait(process, what, ready):
    end = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with {process.returncode}")
        if ready():
            return
        time.sleep(0.05)
    raise RuntimeError(f"{what} is not ready within {READY_SECONDS_MAX} s")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Served(Demo):
    """`posthouse serve` with a DNS server of its own; speaks as a demo does."""

    def begin(self, folder, zones=("shop.example",), more=""):
        """Starts both; the DNS server takes updates of these zones. `more` goes to the end of the configuration."""
        self.folder, self.dns_port = folder, free()
        for name, rows in [*[(zone, "old TXT \"kept\"") for zone in zones], ("host.example", "ns A 127.0.0.1\nmail A 127.0.0.1")]:
            with open(f"{folder}/{name}.zone", "w") as zone:
                zone.write(ZONE.format(name=name, more=rows))
        updated = "".join(f"\n  - domain: {zone}\n    file: {folder}/{zone}.zone\n    acl: update" for zone in zones)
        with open(f"{folder}/knot.conf", "w") as conf:
            conf.write(f"""
server:
  rundir: {folder}
  listen: [127.0.0.1@{self.dns_port}, 127.0.0.2@{self.dns_port}]
database:
  storage: {folder}
key:
  - id: posthouse
    algorithm: hmac-sha256
    secret: "{SECRET}"
acl:
  - id: update
    key: posthouse
    action: update
zone:{updated}
  - domain: host.example
    file: {folder}/host.example.zone
""")
        log = open(f"{folder}/knot.log", "wb")
        self.knot = subprocess.Popen(["knotd", "-c", f"{folder}/knot.conf"], stdout=log, stderr=log)
        wait(self.knot, "knotd", lambda: self.dig(zones[0], "SOA"))
        ports = {name: free() for name in ["http", "smtp", "submission", "imap", "imaps"]}
        listen = "\n".join(f'{name} = "127.0.0.1:{port}"' for name, port in ports.items())
        with open(f"{folder}/posthouse.toml", "w") as conf:
            conf.write(f"""hostname = "mail.host.example"
data = "{self.data}"
plain_auth = true
[listen]
{listen}
[dns]
resolvers = ["127.0.0.1:{self.dns_port}", "127.0.0.2:{self.dns_port}"]
authoritative_port = {self.dns_port}
private_addresses = true
{more}""")
        log = open(self.data + ".log", "ab")
        self.process = subprocess.Popen([self.binary, "serve", "--config", f"{folder}/posthouse.toml"], stdout=subprocess.PIPE, stderr=log)
        wait(self.process, "posthouse", lambda: os.path.exists(f"{self.data}/operator.token") and listens(ports["http"]))
        self.operator = open(f"{self.data}/operator.token").read().strip()
        self.info = {"graphql_url": f"http://127.0.0.1:{ports['http']}/graphql", "smtp": {"mx_port": ports["smtp"], "submission_port": ports["submission"]},
                     "imap": {"port": ports["imap"], "tls_port": ports["imaps"]}}

    def end(self):
        self.stop()
        self.knot.terminate()
        self.knot.wait()

    def dig(self, name, kind):
        asked = subprocess.run(["kdig", "@127.0.0.1", "-p", str(self.dns_port), "+short", "+timeout=2", name, kind],
                               capture_output=True, text=True, timeout=30)
        return asked.stdout.strip()

    def domain(self, token):
        query = ("{ domain(name: \"shop.example\") { state challenge { name value } zoneFile facets { ownership receive send policy clientConfig } "
                 "records { name type status expected observed hint stale } dkimKeys { selector state record } notices { kind } } }")
        return self.query(token, query)["domain"]


def recipient(server, address):
    with smtplib.SMTP("127.0.0.1", server.info["smtp"]["mx_port"], "client.example", timeout=30) as client:
        client.ehlo()
        client.mail("friend@elsewhere.example")
        return client.rcpt(address)[0]


def mta_sts(server, host):
    """Status and body of what is asked for as an MTA-STS policy."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.info["graphql_url"]).netloc, timeout=30)
    connection.request("GET", "/.well-known/mta-sts.txt", headers={"Host": host})
    with contextlib.closing(connection):
        response = connection.getresponse()
        return response.status, response.read()


def publish(server, token, **more):
    fields = "domain { state } changes { name type add delete } withheld"
    return server.mutate(token, "domainPublish", "DomainPublishInput!", fields, {"name": "shop.example", **more}, errors=True)


@check("a claim is published in a real DNS server, proven, and mail flows (D1, D2, D5)")
def whole(demo):
    folder = tempfile.mkdtemp(prefix="posthouse-dns-")
    server = Served(demo.binary, os.path.join(folder, "data"))
    try:
        server.begin(folder)
        journey(server, folder)
    except Exception:
        print(server.log_tail())
        raise
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)


def journey(server, folder):
    made = server.mutate(server.operator, "tenantCreate", "TenantCreateInput!", "tenant { id } token", {"name": "Shop"})
    tenant, token = made["tenant"]["id"], made["token"]
    server.mutate(token, "domainCreate", "DomainCreateInput!", "domain { state }", {"tenantId": tenant, "name": "shop.example"})
    checked = server.mutate(token, "domainCheck", "DomainCheckInput!", "domain { state }", {"name": "shop.example"})
    equal(checked["domain"]["state"], "CLAIMED", "state before anything is published")
    equal(recipient(server, "ann@shop.example"), 550, "RCPT of a domain that is not proven")
    # What is downloaded is a zone file that a DNS server takes.
    with open(f"{folder}/download.zone", "w") as zone:
        zone.write(ZONE.format(name="shop.example", more=server.domain(token)["zoneFile"]))
    verdict = subprocess.run(["kzonecheck", "-o", "shop.example", f"{folder}/download.zone"], capture_output=True, text=True, timeout=60)
    equal(verdict.returncode, 0, f"kzonecheck: {verdict.stdout}{verdict.stderr}")
    # A wrong key publishes nothing; the right one does.
    credential = {"tenantId": tenant, "domain": "shop.example", "server": f"127.0.0.1:{server.dns_port}", "keyName": "posthouse"}
    wrong = base64.b64encode(b"another key of thirty-two bytes!").decode()
    server.mutate(token, "dnsCredentialSet", "DnsCredentialSetInput!", "credential { server }", {**credential, "secret": wrong})
    refused = publish(server, token)
    true(refused["userErrors"], "a wrong key was taken")
    equal(server.dig("_posthouse-challenge.shop.example", "TXT"), "", "published by a wrong key")
    server.mutate(token, "dnsCredentialSet", "DnsCredentialSetInput!", "credential { server }", {**credential, "secret": SECRET})
    planned = publish(server, token, dryRun=True)
    inside("MX", str([change["type"] for change in planned["changes"]]), "the plan")
    equal(server.dig("shop.example", "MX"), "", "published by a dry run")
    published = publish(server, token)
    equal((published["userErrors"], published["withheld"]), ([], []), "publishing")
    equal(published["domain"]["state"], "LIVE", "state after publishing")
    inside("posthouse-verify=", server.dig("_posthouse-challenge.shop.example", "TXT"), "the challenge")
    inside("mail.host.example.", server.dig("shop.example", "MX"), "MX")
    inside("v=spf1 a:mail.host.example", server.dig("shop.example", "TXT"), "SPF")
    equal(server.dig("old.shop.example", "TXT"), '"kept"', "what was there before")
    domain = server.domain(token)
    equal(set(domain["facets"].values()), {"MATCH"}, f"facets; {[r for r in domain['records'] if r['status'] != 'MATCH']}")
    equal([key["state"] for key in domain["dkimKeys"]], ["ACTIVE", "ACTIVE"], "DKIM keys")
    # The policy that is served is the one whose id stands in the record.
    status, policy = mta_sts(server, "mta-sts.shop.example")
    equal((status, policy.splitlines()[:3]), (200, [b"version: STSv1", b"mode: testing", b"mx: mail.host.example"]), "the MTA-STS policy")
    inside(hashlib.sha256(policy).hexdigest()[:20], server.dig("_mta-sts.shop.example", "TXT"), "the id of the policy")
    equal(server.dig("mta-sts.shop.example", "CNAME"), "mail.host.example.", "where the policy is")
    equal([mta_sts(server, host)[0] for host in ["mta-sts.other.example", "shop.example"]], [404, 404], "policies of others")
    equal(publish(server, token)["changes"], [], "publishing again")
    # Mail flows.
    account = Account("ann@shop.example", "a long enough password")
    server.mutate(token, "mailboxCreate", "MailboxCreateInput!", "mailbox { id }", {"address": account.address, "password": account.password})
    with server.smtp() as client:
        client.sendmail("friend@elsewhere.example", [account.address], mail.plain(1))
    equal(len(mail.stored(server.imap(account))), 1, "messages")
    # What somebody else put there is not taken away unasked.
    elsewhere = subprocess.run(["knsupdate", "-y", f"hmac-sha256:posthouse:{SECRET}"], text=True, capture_output=True, timeout=60,
                               input=f"server 127.0.0.1 {server.dns_port}\nzone shop.example\nupdate add shop.example 60 MX 5 old.example.\nsend\n")
    equal(elsewhere.returncode, 0, f"knsupdate: {elsewhere.stderr}")
    kept = publish(server, token)
    equal((kept["changes"], kept["withheld"]), ([], ["shop.example MX"]), "a foreign MX")
    inside("old.example.", server.dig("shop.example", "MX"), "MX that was not confirmed")
    publish(server, token, confirm=["shop.example MX"])
    true("old.example." not in server.dig("shop.example", "MX"), "a confirmed MX is still there")
