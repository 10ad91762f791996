"""Backups: of a server that takes mail, again with what is new, cut off; restored whole, for one tenant and for one mailbox."""
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import mail
from check import Failed, check, equal, true
from demo import CLIENT_SECONDS_MAX
from lines import Lines
from purge import Ends, big, letter, wait

MARK = b"grossmutters-rezeptbuch"
KILLS = 3


class Backups(Ends):
    """A server with a repository beside it."""

    def __init__(self, binary):
        super().__init__(binary)
        self.repository, self.key = os.path.join(self.data, "repository"), os.path.join(self.data, "backup.key")
        self.taken, self.stopping = [], threading.Event()

    def ctl(self, *words, fails=False):
        return self.node.ctl(*words, "--to" if words[0] == "backup" else "--from", self.repository, "--key-file", self.key, fails=fails)

    def backed_up(self):
        return self.ctl("backup", "run")["rows"][0]

    def traffic(self, account):
        """Takes mail until it is told to stop; what was acknowledged is in `taken`."""
        def deliver():
            number = 10_000
            while not self.stopping.is_set():
                number += 1
                message = mail.plain(number)
                try:
                    client = self.lmtp()
                    client.sendmail("sender@elsewhere.example", [account.address], message)
                    self.taken.append(message)
                    client.quit()
                except OSError:
                    return
        worker = threading.Thread(target=deliver, daemon=True)
        worker.start()
        return worker


def folders(server, account):
    """What a mailbox has: by folder the messages, sorted, with their flags."""
    client = server.imap(account)
    names = [line.decode().rsplit(' "/" ', 1)[1].strip('"') for line in client.list()[1]]
    found = {}
    for name in names:
        texts = mail.stored(client, name)
        status, rows = client.fetch("1:*", "(UID FLAGS)") if texts else ("OK", [])
        equal(status, "OK", "FETCH FLAGS")
        flags = {}
        for row in rows:
            words = row.decode()
            uid = int(words.split("UID ")[1].split(" ")[0].split(")")[0])
            flags[uid] = sorted(set(words.split("FLAGS (")[1].split(")")[0].split()) - {r"\Recent"})
        found[name] = sorted((text, flags[uid]) for uid, text in texts.items())
    client.logout()
    return found


def fill(server, account, text):
    mail.deliver(server, account, [letter(n, text) for n in range(12)] + [big(n, text) for n in range(3)])
    lines = Lines(server, account)
    lines.ok('CREATE "Recipes/Old"')
    lines.ok("SELECT INBOX")
    lines.ok('UID COPY 2:4 "Recipes/Old"')
    lines.ok(r"UID STORE 3:5 +FLAGS (\Seen $Forwarded)")


def empty(server, account):
    """Everything is gone from INBOX, and expunged."""
    lines = Lines(server, account)
    lines.ok("SELECT INBOX")
    lines.ok(r"STORE 1:* +FLAGS (\Deleted)")
    lines.ok("EXPUNGE")


def spare(server, name):
    """Another folder with a copy of the restored store, served by itself."""
    other = Backups(server.binary)
    other.repository, other.key = server.repository, server.key
    return other


def is_readable(folder, text):
    for base, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(base, name), "rb") as file:
                if text in file.read():
                    return os.path.join(base, name)
    return None


def damage(server, rng):
    """Turns a byte of one stored chunk; gives how to undo it."""
    chunks = [os.path.join(base, name) for base, _, names in os.walk(os.path.join(server.repository, "chunk")) for name in names]
    path = rng.choice(sorted(chunks))
    with open(path, "r+b") as file:
        content = file.read()
        at = rng.randrange(len(content))
        file.seek(at)
        file.write(bytes([content[at] ^ 1]))

    def undo():
        with open(path, "wb") as file:
            file.write(content)
    return undo


def killed(server, rng):
    """Backups that are cut off with SIGKILL, of the server and of the command: the next one has it all."""
    for _ in range(KILLS):
        asking = subprocess.Popen([server.binary, "ctl", "--data", server.store, "backup", "run", "--to", server.repository, "--key-file", server.key],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=server.node.environment())
        time.sleep(rng.random())
        server.stop(signal.SIGKILL)
        asking.wait(CLIENT_SECONDS_MAX)
        server.start()


def cut_off(server, other, when):
    """A restore that is killed as soon as a file is there."""
    restoring = subprocess.Popen([server.binary, "ctl", "--data", other.store, "restore", "all", "--from", server.repository, "--key-file", server.key],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=other.node.environment())
    while restoring.poll() is None and not os.path.exists(os.path.join(other.store, when)):
        time.sleep(0.01)
    restoring.kill()
    restoring.wait(CLIENT_SECONDS_MAX)


@check("a server that takes mail is backed up, again with what is new alone, cut off and gone on with; it is restored whole, and says what is damaged")
def whole(demo):
    rng = random.Random(6)
    server = Backups(os.path.abspath(demo.binary))
    other = None
    try:
        server.start()
        people = server.customer("Bakery", "bakery-backup.example", ["ann", "ben"])
        ann, ben = people["accounts"]
        fill(server, ann, MARK)
        wait("packs", lambda: os.path.isdir(f"{server.store}/packs/packs") and os.listdir(f"{server.store}/packs/packs"))
        made = server.ctl("backup", "init")
        true(server.key in str(made), "where the key is")
        true("already" in server.ctl("backup", "init", fails=True)["error"], "a second repository in its place")
        before = folders(server, ann)
        worker = server.traffic(ben)
        first = server.backed_up()
        acknowledged = len(server.taken)
        mail.deliver(server, ann, [letter(50, MARK)])
        second = server.backed_up()
        true(second["new_bytes"] * 4 < first["new_bytes"], f"the second stores what is new alone: {second} after {first}")
        server.stopping.set()
        worker.join()
        killed(server, rng)
        last = server.backed_up()
        true(len(server.ctl("backup", "list")["rows"]) >= 3, "three are listed")
        equal(is_readable(server.repository, MARK), None, "text of a message in the repository")
        equal(server.ctl("backup", "verify", "--read")["rows"], [], "problems")
        undo = damage(server, rng)
        told = server.ctl("backup", "verify", "--read", fails=True)
        true(told["rows"], "a damaged byte is told of")
        undo()
        other = spare(server, "other")
        other.ctl("restore", "all", "--snapshot", first["snapshot"])
        verified, told = other.verified()
        true(verified and "0 violations" in told, told)
        other.start()
        equal(folders(other, ann), before, "the first backup has what was there")
        there = {text for text, _ in folders(other, ben)["INBOX"]}
        true(len(there) <= acknowledged + 50, "of its moment")
        other.stop()
        true("already" in other.ctl("restore", "all", fails=True)["error"], "a folder that has a store is left alone")
        shutil.rmtree(other.store)
        for when in ["packs/packs", "control.sqlite", "master.key"]:
            cut_off(server, other, when)
            if os.path.exists(os.path.join(other.store, "restoring")):
                true("being restored" in other.verified()[1], "half of it is not opened")
        if os.path.exists(os.path.join(other.store, "restoring")):
            other.ctl("restore", "all")
        other.start()
        equal(folders(other, ann), folders(server, ann), "ann's mail")
        found = sorted(text for text, _ in folders(other, ben)["INBOX"])
        equal(len(found), len(server.taken), "every acknowledged message, once")
        for message in server.taken:
            true(any(text.endswith(message) for text in found), "an acknowledged message")
        mail.deliver(other, ann, [letter(60, b"afterwards")])
        equal(len(folders(other, ann)["INBOX"]), len(folders(server, ann)["INBOX"]) + 1, "it takes mail")
        true(last["snapshot"] in str(server.ctl("backup", "prune", "--keep-last", "1")["rows"]), "the newest is kept")
        equal(len(server.ctl("backup", "list")["rows"]), 1, "one is left")
        equal(server.ctl("backup", "verify", "--read")["rows"], [], "problems after pruning")
    finally:
        server.stopping.set()
        for each in filter(None, [server, other]):
            each.remove()


@check("one mailbox, and one tenant, come back from a backup; of nobody else anything")
def parts(demo):
    server = Backups(os.path.abspath(demo.binary))
    try:
        server.start()
        bakery = server.customer("Bakery", "bakery-part.example", ["ann", "ben"])
        forge = server.customer("Forge", "forge-part.example", ["cleo"])
        (ann, ben), cleo = bakery["accounts"], forge["accounts"][0]
        for account in [ann, ben, cleo]:
            fill(server, account, account.address.split("@")[0].encode() + b"-note")
        server.ctl("backup", "init")
        server.backed_up()
        had = {account.address: folders(server, account) for account in [ann, ben, cleo]}
        for account in [ann, ben, cleo]:
            empty(server, account)
        mail.deliver(server, ann, [letter(70, b"newer")])
        server.ctl("restore", "mailbox", ann.address)
        now = folders(server, ann)
        equal(len(now["INBOX"]), len(had[ann.address]["INBOX"]) + 1, "what was lost beside what is new")
        equal([kept for kept in now["INBOX"] if b"newer" not in kept[0]], had[ann.address]["INBOX"], "bytes and flags")
        equal(now["Recipes/Old"], had[ann.address]["Recipes/Old"], "what was there is not doubled")
        equal(folders(server, ben)["INBOX"], [], "ben is nobody's business")
        again = server.ctl("restore", "mailbox", ann.address)
        equal(folders(server, ann), now, f"nothing twice: {again}")
        server.ctl("restore", "mailbox", ben.address, "--into", "Rescued")
        equal(folders(server, ben)["INBOX"], [], "beside what is there")
        true(sum(len(messages) for name, messages in folders(server, ben).items() if name.startswith("Rescued")) >= 15, "in a folder of its own")
        server.ctl("restore", "tenant", bakery["id"])
        equal(len(folders(server, ben)["INBOX"]), len(had[ben.address]["INBOX"]), "all of the tenant")
        equal(folders(server, cleo)["INBOX"], [], "another tenant's is left alone")
        why = server.ctl("restore", "mailbox", ann.address, "--account", cleo.address, fails=True)["error"]
        true("tenant" in why, why)
        true(server.ctl("restore", "mailbox", "nobody@bakery-part.example", fails=True)["error"], "nobody")
        true("mailRestore" in str(server.node.ctl("audit", "list", "--tenant", bakery["id"])["rows"]), "in the tenant's audit log")
    finally:
        server.remove()
