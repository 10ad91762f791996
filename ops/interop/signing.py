"""What leaves is signed: `posthouse serve` beside knotd and a sink, judged by dkimpy, an implementation of DKIM that is not ours."""
import os
import shutil
import tempfile

import mail
from check import Failed, check, equal, inside, true
from demo import Account
from domains import SECRET, Served, publish
from sink import Sink

try:
    # Of the folder that `run` names.
    import dkim
    import dns.resolver
except ImportError:
    dkim = None

OUTSIDE = "friend@elsewhere.example"
SHOP, BARE = "shop.example", "bare.example"
HEAD = b"From: Ann =?utf-8?q?M=C3=BCller?= <%s>\r\nTo: friend@elsewhere.example\r\nDate: Tue, 03 Mar 2026 10:15:00 +0100\r\n"

# Header and body of messages that a signer may get wrong.
SHAPES = {
    "plain": (b"Subject: hello\r\n", b"hello\r\n"),
    "folded, with white space everywhere": (b"Subject:   a \t b\r\n\t  c \r\nReferences: <1@x.example>\r\n <2@x.example>\r\n", b"a  b \t\r\n  c\r\n \r\n\td\r\n"),
    "empty": (b"Subject: nothing\r\n", b""),
    "only empty lines": (b"Subject: lines\r\n", b"\r\n \t\r\n\r\n"),
    "dots, and empty lines at the end": (b"Subject: dots\r\n", b".\r\n..\r\n.x\r\n\r\n\r\n\r\n"),
    "8-bit": (b"Subject: 8bit\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", "Grüße\r\n".encode()),
    "fields that repeat": (b"Subject: comments\r\nComments: one\r\nComments: two\r\nList-Id: <l.shop.example>\r\nCc: a@elsewhere.example\r\nCc: b@elsewhere.example\r\n", b"x\r\n"),
    "large": (b"Subject: large\r\n", b"0123456789 abcdefghijklmnopqrstuvwxyz \r\n" * 60_000),
}


@check("each message leaves with two signatures that another implementation verifies, before and after a rotation")
def signed(demo):
    if dkim is None:
        raise Failed("dkimpy is not installed: ops/test installs it")
    folder = tempfile.mkdtemp(prefix="posthouse-dkim-")
    server, sink = Served(demo.binary, os.path.join(folder, "data")), Sink()
    try:
        server.begin(folder, (SHOP, BARE), f'[smart_host]\nhost = "127.0.0.1"\nport = {sink.server_address[1]}\ntls = "opportunistic"\n')
        journey(server, sink)
    except Exception:
        print(server.log_tail())
        raise
    finally:
        server.end()
        sink.shutdown()
        sink.server_close()
        shutil.rmtree(folder, ignore_errors=True)


def journey(server, sink):
    made = server.mutate(server.operator, "tenantCreate", "TenantCreateInput!", "tenant { id } token", {"name": "Shop"})
    tenant, token = made["tenant"]["id"], made["token"]
    server.mutate(token, "domainCreate", "DomainCreateInput!", "domain { state }", {"tenantId": tenant, "name": SHOP})
    server.mutate(token, "dnsCredentialSet", "DnsCredentialSetInput!", "credential { server }",
                  {"tenantId": tenant, "domain": SHOP, "server": f"127.0.0.1:{server.dns_port}", "keyName": "posthouse", "secret": SECRET})
    server.mutate(token, "domainCheck", "DomainCheckInput!", "domain { state }", {"name": SHOP})
    equal(publish(server, token)["domain"]["state"], "LIVE", "state after publishing")
    ann = mailbox(server, token, f"ann@{SHOP}")
    first = selectors(server, token, "ACTIVE")
    equal(len(first), 2, "active keys")

    kept = shapes(server, sink, ann, first)
    tampered(server, kept)
    unsigned(server, sink, tenant, token)

    # The old keys sign until the new ones are seen; then the new ones do, and what the old ones signed still verifies.
    server.mutate(token, "dkimRotate", "DomainCheckInput!", "domain { state }", {"name": SHOP})
    equal(selectors(server, token, "ACTIVE"), first, "active keys while new ones wait")
    send(server, ann, HEAD % ann.address.encode() + b"Subject: between\r\n\r\nx\r\n")
    equal(verified(server, sink.take()), first, "selectors of a message between")
    publish(server, token)
    second = selectors(server, token, "ACTIVE")
    equal((len(second), second & first, selectors(server, token, "RETIRED")), (2, set(), first), "keys after the rotation")
    send(server, ann, HEAD % ann.address.encode() + b"Subject: after\r\n\r\nx\r\n")
    equal(verified(server, sink.take()), second, "selectors after the rotation")
    equal(verified(server, kept), first, "what was signed before the rotation")


def shapes(server, sink, ann, expected):
    """Sends a message of each shape; gives the first of them as it left."""
    kept = None
    for name, (header, body) in SHAPES.items():
        send(server, ann, HEAD % ann.address.encode() + header + b"\r\n" + body)
        got = sink.take()
        true(got.startswith(b"DKIM-Signature: v=1; a="), f"{name}: the signatures are not in front: {got[:60]!r}")
        equal(got.count(b"DKIM-Signature: "), 2, f"{name}: signatures")
        equal(verified(server, got), expected, f"{name}: selectors that verify")
        head = got.split(b"\r\n\r\n", 1)[0]
        equal([line for line in head.split(b"\r\n") if len(line) > 80 and b"<" not in line], [], f"{name}: long lines")
        kept = kept or got
    return kept


def tampered(server, message):
    """What anybody may add on the way does no harm; everything else does."""
    expected = verified(server, message)
    equal(verified(server, b"Received: from relay.example\r\n\tby mx.example; Tue, 03 Mar 2026 10:16:00 +0100\r\n" + message), expected, "one more hop")
    equal(verified(server, message.replace(b"Subject: hello", b"subject:  hello ")), expected, "white space that relaxed forms ignore")
    for what, changed in {
        "another body": message.replace(b"\r\n\r\nhello", b"\r\n\r\nhallo"),
        "more body": message + b"and more\r\n",
        "another subject": message.replace(b"Subject: hello", b"Subject: hallo"),
        "another author": message.replace(b"<ann@shop.example>", b"<bob@shop.example>"),
        "a second From in front": b"From: eve@evil.example\r\n" + message,
        "a second Subject in front": b"Subject: you have won\r\n" + message,
        "a Reply-To that was not there": b"Reply-To: eve@evil.example\r\n" + message,
        "a Content-Type that was not there": b"Content-Type: text/html\r\n" + message,
        "no date": b"".join(l for l in message.splitlines(keepends=True) if not l.startswith(b"Date: ")),
    }.items():
        true(changed != message, f"{what}: nothing was changed")
        equal(verified(server, changed), set(), f"{what}: selectors that verify")


def unsigned(server, sink, tenant, token):
    """No keys that were seen in DNS, no signature; and none for what another host only says is ours."""
    server.mutate(server.operator, "domainVouch", "DomainCreateInput!", "domain { state }", {"tenantId": tenant, "name": BARE})
    bob = mailbox(server, token, f"bob@{BARE}")
    send(server, bob, HEAD % bob.address.encode() + b"Subject: bare\r\n\r\nx\r\n")
    got = sink.take()
    inside(b"Subject: bare", got, "the message")
    equal(got.count(b"DKIM-Signature"), 0, "signatures of a domain without proven keys")
    server.mutate(token, "aliasCreate", "AliasCreateInput!", "alias { address }", {"address": f"on@{SHOP}", "targets": [OUTSIDE]})
    with server.smtp() as client:
        client.sendmail("eve@evil.example", [f"on@{SHOP}"], mail.plain(1).replace(b"sender@elsewhere.example", f"ann@{SHOP}".encode()))
    got = sink.take()
    inside(f"<ann@{SHOP}>".encode(), got, "the author of a forged message")
    equal(got.count(b"DKIM-Signature"), 0, "signatures of a forged message that an alias sends on")


def mailbox(server, token, address):
    account = Account(address, "a long enough password")
    server.mutate(token, "mailboxCreate", "MailboxCreateInput!", "mailbox { id }", {"address": address, "password": account.password})
    return account


def send(server, account, message):
    with server.submission(account) as client:
        client.sendmail(account.address, [OUTSIDE], message, ["BODY=8BITMIME"])


def selectors(server, token, state):
    return {key["selector"] for key in server.domain(token)["dkimKeys"] if key["state"] == state}


def verified(server, message):
    """Selectors of the signatures that dkimpy verifies against the records of the DNS server."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.dns_port

    def text(name, timeout=5):
        [record] = resolver.resolve(name.decode(), "TXT", lifetime=timeout)
        return b"".join(record.strings)

    good = set()
    for index in range(message.count(b"DKIM-Signature: ")):
        judge = dkim.DKIM(message, minkey=2048)
        try:
            if judge.verify(idx=index, dnsfunc=text):
                equal(judge.domain, SHOP.encode(), "the domain that signs")
                good.add(judge.selector.decode())
        except dkim.ValidationError:
            pass  # the body is another one
    return good
