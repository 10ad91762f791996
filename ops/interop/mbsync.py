"""mbsync (isync): many messages to a Maildir and back, bytes compared; flags and removals both ways."""
import os
import re
import shutil
import ssl
import tempfile

import mail
from check import check, equal, true
from client import command

CONFIG = """
IMAPAccount posthouse
Host 127.0.0.1
Port {port}
User "{user}"
Pass "{password}"
SSLType IMAPS
SystemCertificates no
CertificateFile {folder}/server.pem
Timeout 120

IMAPStore far
Account posthouse

MaildirStore near
SubFolders Verbatim
Path {folder}/mail/
Inbox {folder}/mail/INBOX

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
CopyArrivalDate yes
SyncState *
"""


class Maildir:
    """A folder with a configuration for one account."""

    def __init__(self, demo, account):
        self.folder = tempfile.mkdtemp(prefix="posthouse-mbsync-")
        port = demo.info["imap"]["tls_port"]
        with open(self.folder + "/server.pem", "w") as file:
            file.write(ssl.get_server_certificate(("127.0.0.1", port)))
        with open(self.folder + "/mbsyncrc", "w") as file:
            file.write(CONFIG.format(port=port, user=account.address, password=account.password, folder=self.folder))
        os.makedirs(self.folder + "/mail")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def sync(self):
        command("mbsync", "--config", self.folder + "/mbsyncrc", "all")

    def paths(self, name="INBOX"):
        base = os.path.join(self.folder, "mail", name)
        return [os.path.join(base, part, file) for part in ("cur", "new") for file in sorted(os.listdir(os.path.join(base, part)))]

    def messages(self, name="INBOX"):
        out = []
        for path in self.paths(name):
            with open(path, "rb") as file:
                out.append(without_mark(file.read()))
        return out

    def add(self, messages, name="INBOX", flags="S"):
        base = os.path.join(self.folder, "mail", name)
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(base, part), exist_ok=True)
        for number, message in enumerate(messages):
            with open(f"{base}/cur/{1700000000 + number}.M{number}.check:2,{flags}", "wb") as file:
                file.write(message.replace(b"\r\n", b"\n"))


def without_mark(message):
    """mbsync writes a header of its own into what it copies; a Maildir has bare line feeds."""
    return re.sub(rb"(?m)^X-TUID: .*\r?\n", b"", message, count=1).replace(b"\r\n", b"\n")


def same(got, expect, what):
    """Two lists of messages are equal, in any order."""
    got, expect = sorted(got), sorted(expect)
    equal(len(got), len(expect), f"{what}: number of messages")
    for one, other in zip(got, expect):
        if one != other:
            at = next((n for n, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
            raise AssertionError(f"{what}: bytes differ from {at}: {one[at - 20:at + 40]!r} and {other[at - 20:at + 40]!r}")


@check("every message comes down as it was delivered")
def down(demo):
    account, messages = demo.mailbox(), mail.many(mail.MESSAGES)
    mail.deliver(demo, account, messages)
    on_server = [m.replace(b"\r\n", b"\n") for m in mail.stored(demo.imap(account)).values()]
    same([m[-len(o):] for m, o in zip(on_server, [o.replace(b"\r\n", b"\n") for o in messages])],
         [m.replace(b"\r\n", b"\n") for m in messages], "delivered and stored")
    with Maildir(demo, account) as maildir:
        maildir.sync()
        same(maildir.messages(), on_server, "stored and synchronised")


@check("every message goes up as it was, with its flags")
def up(demo):
    account, messages = demo.mailbox(), mail.many(mail.MESSAGES)
    with Maildir(demo, account) as maildir:
        maildir.sync()
        maildir.add(messages, "Archive", "FS")
        maildir.sync()
        client = demo.imap(account)
        same([without_mark(m) for m in mail.stored(client, "Archive").values()], [m.replace(b"\r\n", b"\n") for m in messages], "uploaded")
        found = client.uid("SEARCH", "FLAGGED", "SEEN")[1][0].split()
        equal(len(found), len(messages), "flagged and seen messages")


@check("flags and removals go both ways, and nothing is left to do")
def both(demo):
    account = demo.mailbox()
    mail.deliver(demo, account, [mail.plain(n) for n in range(6)])
    with Maildir(demo, account) as maildir:
        maildir.sync()
        client = demo.imap(account)
        client.select()
        client.uid("STORE", "1", "+FLAGS", r"(\Answered)")
        client.uid("STORE", "2", "+FLAGS", r"(\Deleted)")
        client.uid("EXPUNGE", "2")
        gone = next(p for p in maildir.paths() if ",U=4" in p)
        os.remove(gone)
        seen = next(p for p in maildir.paths() if ",U=5" in p)
        head = seen.replace("/new/", "/cur/").split(":2,")[0]
        os.rename(seen, head + ":2,FS")
        maildir.sync()
        equal(sorted(mail.stored(demo.imap(account))), [1, 3, 5, 6], "UIDs on the server")
        equal(sorted(int(re.search(r",U=(\d+)", p).group(1)) for p in maildir.paths()), [1, 3, 5, 6], "UIDs in the Maildir")
        true(any(re.search(r",U=1:2,\w*R", p) for p in maildir.paths()), "the answered flag came down")
        client = demo.imap(account)
        client.select(readonly=True)
        equal(client.uid("SEARCH", "FLAGGED", "SEEN")[1][0].split(), [b"5"], "flags went up")
        before = sorted(maildir.paths())
        maildir.sync()
        equal(sorted(maildir.paths()), before, "a second run")
