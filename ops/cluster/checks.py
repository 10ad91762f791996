"""What several nodes over one store owe their clients, and what they do when something that they share goes away."""
import imaplib
import os
import re
import signal
import socket
import statistics
import threading
import time
import urllib.error

import mail
import stores
from check import check, equal, inside, refused, true
from lines import Lines
from load import Load
from nodes import DOMAIN, Cluster, until

# A delivery at one node is heard at another within this, at the 99th percentile; what is measured is printed. A busy machine is slower than a network.
HEARD_MS_MAX = 1000
# Items of a dead node are under way again.
TAKEN_OVER_SECONDS_MAX = 10
# How long the bucket is away: POSTHOUSE_CLUSTER_OUTAGE asks for more.
OUTAGE_SECONDS = float(os.environ.get("POSTHOUSE_CLUSTER_OUTAGE", "15"))
# How long a node is cut off.
CUT_SECONDS = 20
# Outgoing messages that nobody answers, at most: fewer than the nodes have workers.
HELD_MAX = 60
ROUNDS = 6


def boxes(cluster, count):
    return [cluster.mailbox() for _ in range(count)]


class At:
    """The part of a demo that `Lines` needs, of one node."""

    def __init__(self, cluster, name):
        self.info = {"imap": {"port": cluster.nodes[name].ports["imap"], "tls_port": cluster.nodes[name].ports["imaps"]}}
        self.source = cluster.source


def deliver(cluster, node, account, number, subject=None):
    with cluster.smtp_at(node) as client:
        client.sendmail("friend@elsewhere.example", [account.address], mail.plain(number, subject))


@check("a mailbox is the same at every node, and IDLE at one hears at once what is delivered at another")
def one_mailbox(binary):
    with Cluster(binary) as cluster:
        account, = boxes(cluster, 1)
        waits = []
        heard = Lines(At(cluster, "a"), account)
        heard.ok("SELECT INBOX")
        with cluster.smtp_at("b") as client:
            for number in range(200):
                heard.write(b"i IDLE\r\n")
                heard.line()
                client.sendmail("friend@elsewhere.example", [account.address], mail.plain(number))
                begin = time.monotonic()
                while b"EXISTS" not in heard.line():
                    pass
                waits.append((time.monotonic() - begin) * 1000)
                heard.write(b"DONE\r\n")
                while not heard.line().startswith(b"i OK"):
                    pass
        waits.sort()
        p99 = waits[len(waits) * 99 // 100]
        print(f"     heard at another node: median {statistics.median(waits):.1f} ms, p99 {p99:.1f} ms", flush=True)
        true(p99 <= HEARD_MS_MAX, f"p99 {p99:.0f} ms")
        for name in cluster.alive():
            equal(len(mail.stored(cluster.imap_at(name, account))), 200, f"messages at node {name}")
        # What the control plane takes away holds at nodes that it does not talk to.
        at_c = Lines(At(cluster, "c"), account)
        at_c.ok("SELECT INBOX")
        at_c.write(b"i IDLE\r\n")
        at_c.line()
        begin = time.monotonic()
        cluster.mutate(cluster.tenant(0)["token"], "mailboxSuspend", "MailboxSuspendInput!", "mailbox { id } pending",
                       {"mailboxId": account.node, "reason": "a check"})
        inside(b"BYE", at_c.line(), "an idle session of a suspended mailbox at another node")
        took = time.monotonic() - begin
        true(took <= 2, f"cut after {took:.1f} s")


@check("nodes that are killed under load lose and double nothing, and clients go on at another node where they were")
def killed(binary):
    with Cluster(binary) as cluster:
        accounts = boxes(cluster, 4)
        # A client that knows a state, whose node dies.
        away = accounts[0]
        lines = Lines(At(cluster, "b"), away)
        for number in range(5):
            lines.append("INBOX", mail.plain(number, f"kept-{number}"))
        selected = b"\n".join(lines.ok("SELECT INBOX (CONDSTORE)"))
        validity = int(re.search(rb"UIDVALIDITY (\d+)", selected).group(1))
        modseq = int(re.search(rb"HIGHESTMODSEQ (\d+)", selected).group(1))
        load = Load(cluster, accounts[1:])
        load.rounds(ROUNDS)
        for name in ["b", "c", "a"]:
            cluster.nodes[name].end(signal.SIGKILL)
            load.rounds(ROUNDS)
            if name == "b":
                other = Lines(At(cluster, "c"), away)
                other.ok("SELECT INBOX")
                other.ok(r"UID STORE 2 +FLAGS (\Deleted)")
                other.ok("EXPUNGE")
                other.ok(r"UID STORE 4 +FLAGS (\Answered)")
                again = Lines(At(cluster, "a"), away)
                again.ok("ENABLE QRESYNC")
                rows = b"\n".join(again.ok(f"SELECT INBOX (QRESYNC ({validity} {modseq} 1:5))"))
                inside(b"* VANISHED (EARLIER) 2", rows, "SELECT at another node")
                inside(b"UID 4", rows, "SELECT at another node")
            cluster.nodes[name].start()
            load.rounds(ROUNDS)
        cluster.fresh_ports()
        load.stop()
        equal([why for _, why in load.refused], [], "refused while nodes died")
        load.check()
        print(f"     {len(load.taken)} taken, {len(load.cut)} cut off, {len(load.sent)} sent", flush=True)
        for name in cluster.alive():
            equal(cluster.nodes[name].end(), 0, f"exit code of node {name}")


@check("what a dead node was sending is under way again within seconds, and each item has one holder")
def queue_taken_over(binary):
    with Cluster(binary) as cluster:
        sender, = boxes(cluster, 1)
        hold = cluster.sink.hold = threading.Event()
        with cluster.submission_at("a", sender) as client:
            # Whichever node looks first sends them: until one besides a has some.
            for number in range(HELD_MAX):
                text = mail.by(sender, number).replace(b"Subject: message", b"Subject: held")
                client.sendmail(sender.address, [f"somebody@host{number}.example"], text)
                until("it is under way", lambda count=number + 1: len(cluster.sink.holding) >= count)
                by = dict(cluster.sink.holding)
                victims = [name for name in ["b", "c"] if list(by.values()).count(f"{name}.provider.example") >= 3]
                if victims and number >= 11:
                    break
        true(victims, f"a node besides a sends: {by}")
        dead = f"{victims[0]}.provider.example"
        mine = {subject for subject, node in by.items() if node == dead}
        cluster.nodes[victims[0]].end(signal.SIGKILL)
        begin = time.monotonic()

        def again():
            return all(cluster.sink.holding.get(subject) != dead for subject in mine)

        took = until("they are under way at another node", again, TAKEN_OVER_SECONDS_MAX + 5)
        print(f"     {len(mine)} items of the dead node under way again after {took:.1f} s", flush=True)
        true(time.monotonic() - begin <= TAKEN_OVER_SECONDS_MAX, f"{took:.1f} s")
        hold.set()
        until("all are sent", lambda: set(cluster.sink.subjects) >= set(by))
        time.sleep(2)
        living = [s for s in cluster.sink.subjects if s not in mine]
        equal(sorted(living), sorted(set(living)), "items of nodes that live were sent once")


@check("with the bucket away, slow mail is no refused mail: deliveries go on, and packing catches up")
def bucket_away(binary):
    cluster = Cluster(binary, names=("a", "b"), POSTHOUSE_UPKEEP_INTERVAL="1s", POSTHOUSE_UPKEEP_COLD_AFTER="1s")
    # Node b finds its keys as Amazon's tools do.
    found = cluster.nodes["b"].variables
    found["AWS_ACCESS_KEY_ID"] = found.pop("POSTHOUSE_OBJECTS_ACCESS_KEY")
    found["AWS_SECRET_ACCESS_KEY"] = found.pop("POSTHOUSE_OBJECTS_SECRET_KEY")
    with cluster:
        is_long = OUTAGE_SECONDS > 60
        # A long one fills mailboxes of a gigabyte.
        accounts = boxes(cluster, 12 if is_long else 3)
        load = Load(cluster, accounts, size=100_000, pause=0.5 if is_long else 0.0)
        until("something is packed", lambda: cluster.counter("posthouse_upkeep_packs_total") >= 1, 120)
        cluster.bucket.stop()
        before = len(load.taken)
        packed = cluster.counter("posthouse_upkeep_packs_total")
        end = time.monotonic() + OUTAGE_SECONDS
        while time.monotonic() < end:
            load.rounds(1)
        # Readers may need what is in the bucket; senders never do.
        equal([why for _, why in load.refused if "read" not in why.split(":")[0]], [], "refused without a bucket")
        print(f"     {len(load.taken) - before} taken in {OUTAGE_SECONDS:.0f} s without a bucket", flush=True)
        cluster.bucket.start()
        until("packing goes on", lambda: cluster.counter("posthouse_upkeep_packs_total") > packed, 120)
        load.stop()
        passes = cluster.counter("posthouse_upkeep_passes_total", 'job="pack"')
        # The second of these begins when nothing comes any more.
        took = until("packing catches up", lambda: cluster.counter("posthouse_upkeep_passes_total", 'job="pack"') >= passes + 2, 60 + OUTAGE_SECONDS)
        print(f"     packing caught up {took:.0f} s after the load: {cluster.counter('posthouse_upkeep_packs_total') - packed:.0f} packs", flush=True)
        load.check()
        puts = cluster.counter("objects_puts_total")
        print(f"     {len(load.taken)} taken, {puts:.0f} PUTs", flush=True)


def and_store():
    """Of what happens to the store in the next check, in its title."""
    return f", {stores.outage()}" if stores.outage() else ""


@check(f"NATS and Redis are killed and come back{and_store()}, under load: nothing is lost, and all is well without anybody's help")
def services_restart(binary):
    with Cluster(binary) as cluster:
        accounts = boxes(cluster, 3)
        load = Load(cluster, accounts)
        load.rounds(ROUNDS)
        for service in [cluster.cells, cluster.bus]:
            service.stop()
            load.rounds(ROUNDS)
            equal([why for _, why in load.refused], [], f"refused without {service.name}")
            service.start()
            load.rounds(ROUNDS)
        if stores.outage():
            cluster.store.away()
            time.sleep(3)
            cluster.store.back()
        back = time.monotonic()
        load.rounds(ROUNDS)
        until("health", lambda: all(cluster.nodes[name].get("/readyz").status == 200 for name in cluster.alive()))
        load.rounds(ROUNDS)
        load.stop()
        late = [why for at, why in load.refused if at > back + 15]
        equal(late, [], "refused 15 s after the store came back")
        load.check()
        account = accounts[0]
        ear = Lines(At(cluster, "c"), account)
        ear.ok("SELECT INBOX")
        ear.write(b"i IDLE\r\n")
        ear.line()
        deliver(cluster, "b", account, 1, "heard again")
        begin = time.monotonic()
        while b"EXISTS" not in ear.line():
            true(time.monotonic() - begin < 5, "heard over the bus")


@check("a node that is told to end gives back what it holds, and the others go on with it at once")
def drained(binary):
    with Cluster(binary) as cluster:
        accounts = boxes(cluster, 3)
        load = Load(cluster, accounts)
        load.rounds(ROUNDS)
        node = cluster.nodes["b"]
        equal(node.end(), 0, "exit code")
        load.rounds(ROUNDS)
        load.stop()
        equal([why for _, why in load.refused], [], "refused besides 421 and BYE")
        load.check()
        # Of a node that is stopped: its configuration leads to the store that it shares.
        answer = node.ctl("verify")
        equal(answer["rows"], [], "violations")
        true(answer["summary"].endswith(", 0 violations") and not answer["summary"].startswith("0 "), answer["summary"])
        said = cluster.nodes["a"].refuses_to_start()
        true("is in use by another server" in said, said)
        said = node.refuses_to_start(**cluster.store.of_another())
        true("belong to another store" in said, said)


def cut_off(binary):
    with Cluster(binary, wired=("c",)) as cluster:
        sender, *accounts = boxes(cluster, 4)
        load = Load(cluster, accounts)
        load.rounds(ROUNDS)
        cluster.sink.held = "held"
        hold = cluster.sink.hold = threading.Event()
        by = cluster.sink.holding
        with cluster.submission_at("a", sender) as client:
            # Whichever node is first sends them: until the one that will be cut off has some.
            for number in range(HELD_MAX):
                text = mail.by(sender, number).replace(b"Subject: message", b"Subject: held")
                client.sendmail(sender.address, [f"somebody@host{number}.example"], text)
                until("it is under way", lambda count=number + 1: len(by) >= count)
                mine = {subject for subject, node in by.items() if node == "c.provider.example"}
                if len(mine) >= 3 and number >= 11:
                    break
        held = set(by)
        true(mine, f"the node sends some of them: {by}")
        for wire in cluster.wires:
            wire.cut()
        begin = time.monotonic()
        took = until("the others send what it was sending", lambda: all(by[subject] != "c.provider.example" for subject in mine),
                     TAKEN_OVER_SECONDS_MAX + 5)
        print(f"     {len(mine)} items under way again after {took:.1f} s", flush=True)
        true(took <= TAKEN_OVER_SECONDS_MAX, f"{took:.1f} s")
        until("the balancer is told", lambda: not ready(cluster.nodes["c"]), 30)
        while time.monotonic() < begin + CUT_SECONDS:
            time.sleep(0.5)
        hold.set()
        for wire in cluster.wires:
            wire.heal()
        healed = time.monotonic()
        until("it is ready again", lambda: ready(cluster.nodes["c"]), 60)
        print(f"     ready again {time.monotonic() - healed:.1f} s after the wire was whole", flush=True)
        late = time.monotonic()
        load.rounds(ROUNDS)
        load.stop()
        equal([why for at, why in load.refused if at > late or " at c:" not in why], [], "refused by a node that was not cut off, or after that")
        load.check()
        until("what was held is sent", lambda: held <= set(cluster.sink.subjects))
        theirs = [subject for subject in cluster.sink.subjects if subject in held - mine]
        equal(sorted(theirs), sorted(set(theirs)), "items that the node had not were sent once")


if stores.chosen is stores.InPostgres:  # a wire per server: FoundationDB's clients find theirs by themselves
    check("a node that is cut off from what all share loses and doubles nothing: the others go on with its work, and it begins anew when it is back")(cut_off)


def ready(node):
    try:
        with node.get("/readyz") as answer:
            return answer.status == 200
    except urllib.error.HTTPError as error:
        error.close()
        return False


@check("two control planes over one database are one: what is made at either holds at every node, and one goes on when the other is killed")
def two_control_planes(binary):
    with Cluster(binary, control=2) as cluster:
        # Both came up at once, on an empty database.
        equal(cluster.postgres.ask("SELECT count(*) FROM tenant WHERE parent IS NULL"), "1", "providers")
        accounts = []
        for name in "ab":
            cluster.fresh_ports(name)
            cluster.customer(f"{name}.made.example")
            accounts.append(cluster.mailbox(len(cluster.info["tenants"]) - 1))
        cluster.nodes["a"].end(signal.SIGKILL)
        accounts.append(cluster.mailbox(0))
        for number, account in enumerate(accounts):
            deliver(cluster, "bc"[number % 2], account, number)
            for name in "bc":
                equal(len(mail.stored(cluster.imap_at(name, account))), 1, f"messages of {account.address} at node {name}")
        cluster.mutate(cluster.tenant(0)["token"], "mailboxSuspend", "MailboxSuspendInput!", "mailbox { id } pending",
                       {"mailboxId": accounts[2].node, "reason": "a check"})
        why = refused(imaplib.IMAP4.error, "a login to a suspended mailbox", cluster.imap_at, "c", accounts[2])
        inside("suspended", str(why).lower(), "why a login at a node that has no control plane is refused")


@check("a node with another master key does not begin to serve")
def wrong_key(binary):
    with Cluster(binary, names=("a", "b")) as cluster:
        cluster.nodes["b"].end()
        other = os.path.join(cluster.data, "other.key")
        with open(other, "wb") as file:
            file.write(os.urandom(32))
        inside("master key", cluster.nodes["b"].refuses_to_start(POSTHOUSE_STORE_MASTER_KEY=other), "what it says")
        inside("store.master_key", cluster.nodes["b"].refuses_to_start(POSTHOUSE_STORE_MASTER_KEY=""), "what it says")
        inside("objects.kind", cluster.nodes["b"].refuses_to_start(POSTHOUSE_OBJECTS_KIND="files", **{
            name: "" for name in cluster.shared if name.startswith("POSTHOUSE_OBJECTS_") and name != "POSTHOUSE_OBJECTS_KIND"}), "what it says")
        with socket.create_connection(("127.0.0.1", cluster.nodes["a"].ports["smtp"])) as still:
            true(still.recv(100).startswith(b"220"), f"node a serves {DOMAIN}")
