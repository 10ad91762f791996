"""Two planes, two processes: mail flows while the control plane, its database or both are gone, and everything converges."""
import json
import os
import shutil
import signal
import socket
import ssl
import threading
import time

import mail
from check import Failed, check, equal, inside, true
from demo import unverified
from pair import Planes, until

DELIVERING = 3
SUBMITTING = 2
READING = 2
# What each worker does before, during and after the failure.
ROUNDS = 12
LOAD_SECONDS_MAX = 120
# A mutation and a query at a data plane that does not answer.
HANGING_SECONDS_MAX = 15
REMOTE = "somebody@elsewhere.example"


class Load:
    """Deliveries, submissions and readers at the data plane; every refusal is kept."""

    def __init__(self, planes, accounts):
        self.planes, self.accounts = planes, accounts
        self.refused, self.incoming, self.outgoing = [], [], []
        self.stopping = threading.Event()
        self.done = [0] * (DELIVERING + SUBMITTING + READING)
        work = [self.deliver] * DELIVERING + [self.submit] * SUBMITTING + [self.read] * READING
        self.threads = [threading.Thread(target=self.work, args=(n, one), daemon=True) for n, one in enumerate(work)]
        for thread in self.threads:
            thread.start()

    def work(self, number, one):
        while not self.stopping.is_set():
            try:
                one(number, self.done[number])
            except Exception as error:  # what a client is told is the finding
                self.refused.append(f"{one.__name__}: {type(error).__name__}: {error}")
            self.done[number] += 1

    def deliver(self, number, turn):
        account = self.accounts[turn % len(self.accounts)]
        with self.planes.smtp() as client:
            for part in range(3):
                subject = f"in-{number}-{turn}-{part}"
                client.sendmail("friend@elsewhere.example", [account.address], mail.plain(turn, subject))
                self.incoming.append((account.address, subject))

    def submit(self, number, turn):
        sender, neighbour = self.accounts[turn % len(self.accounts)], self.accounts[(turn + 1) % len(self.accounts)]
        with self.planes.submission(sender) as client:
            subject = f"out-{number}-{turn}"
            text = mail.plain(turn, subject).replace(b"sender@elsewhere.example", sender.address.encode())
            client.sendmail(sender.address, [REMOTE, neighbour.address], text)
            self.outgoing.append(subject)
            self.incoming.append((neighbour.address, subject))

    def read(self, number, turn):
        client = self.planes.imap(self.accounts[(number + turn) % len(self.accounts)])
        client.select()
        equal(client.uid("FETCH", "1:*", "(FLAGS)")[0], "OK", "FETCH")
        client.logout()

    def rounds(self, count):
        """Lets every worker go round so often."""
        aim = [done + count for done in self.done]
        end = time.monotonic() + LOAD_SECONDS_MAX
        while any(done < wanted for done, wanted in zip(self.done, aim)):
            if time.monotonic() > end:
                raise Failed(f"the load stands still: {self.done} of {aim}; {self.refused[:3]}")
            time.sleep(0.05)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(LOAD_SECONDS_MAX)

    def arrived(self):
        """Everything that was taken is where it belongs, once."""
        for account in self.accounts:
            taken = sorted(subject for address, subject in self.incoming if address == account.address)
            stored = mail.stored(self.planes.imap(account)).values()
            got = sorted(line[9:].decode().strip() for text in stored for line in text.split(b"\r\n") if line.startswith(b"Subject: "))
            equal(got, taken, f"messages of {account.address}")
        until("outgoing mail leaves", lambda: set(self.outgoing) <= set(self.planes.sink.subjects))


@check("with the control plane killed and PostgreSQL stopped under load, no delivery is refused, in or out")
def data_plane_alone(demo):
    with Planes(demo.binary) as planes:
        accounts = [planes.create(f"box{n}", False) for n in range(4)]
        load = Load(planes, accounts)
        load.rounds(ROUNDS)
        planes.postgres.stop()
        load.rounds(ROUNDS)
        equal(planes.control_plane.get("/healthz").status, 200, "a control plane without its database lives")
        planes.control_plane.end(signal.SIGKILL)
        load.rounds(ROUNDS)
        planes.postgres.start()
        planes.control_plane.start()
        planes.fresh_ports()
        fresh = planes.create("after", False)
        load.rounds(ROUNDS)
        load.stop()
        equal(load.refused, [], "refused")
        load.arrived()
        true(planes.takes(fresh) and planes.opens(fresh), "a mailbox made afterwards works at once")
        equal(planes.data_plane.end(), 0, "exit code of the data plane")
        planes.data_plane.ctl("verify")


@check("the control plane comes back by itself when PostgreSQL does")
def database_back(demo):
    with Planes(demo.binary) as planes:
        planes.postgres.stop()
        status, body = planes.post(planes.tenant(0)["token"], "{ __typename node(id: \"x\") { id } }")
        true(status != 200 or "errors" in body, f"no database, and yet: {status} {body}")
        planes.postgres.start()
        def answered():
            status, body = planes.post(planes.info["operator_token"], "{ viewer { id } }")
            return status == 200 and "errors" not in body

        until("queries are answered", answered)
        account = planes.create("again", False)
        true(planes.takes(account), "mail for it")


@check("what is changed while the data plane is down is pending, and is so when it is back")
def data_plane_down(demo):
    with Planes(demo.binary) as planes:
        before, held = planes.create("before", False), planes.create("held", False)
        planes.data_plane.end(signal.SIGKILL)
        fresh = planes.create("fresh", True)
        held_now = planes.mutate(planes.tenant(0)["token"], "mailboxSuspend", "MailboxSuspendInput!", "mailbox { suspended } pending",
                                 {"mailboxId": held.node, "reason": "a check"})
        equal(held_now, {"mailbox": {"suspended": True}, "pending": True, "userErrors": []}, "mailboxSuspend")
        equal(usage(planes), None, "meters while the data plane is down")
        planes.data_plane.start()
        planes.fresh_ports()
        until("the new mailbox takes mail", lambda: planes.takes(fresh))
        until("the new mailbox opens", lambda: planes.opens(fresh))
        until("the held one does not open", lambda: not planes.opens(held))
        true(planes.opens(before), "the others are as before")
        true(usage(planes) is not None, "meters are back")
        planes.create("later", False)


@check("a data plane that hangs holds nobody up: changes are pending, meters are missing, and all is well when it goes on")
def data_plane_hangs(demo):
    with Planes(demo.binary) as planes:
        process = planes.data_plane.process
        process.send_signal(signal.SIGSTOP)
        try:
            begin = time.monotonic()
            fresh = planes.create("hanging", True)
            equal(usage(planes), None, "meters")
            took = time.monotonic() - begin
            true(took < HANGING_SECONDS_MAX, f"a mutation and a query took {took:.1f} s")
        finally:
            process.send_signal(signal.SIGCONT)
        until("the new mailbox takes mail", lambda: planes.takes(fresh))
        until("meters are back", lambda: usage(planes) is not None)


def usage(planes):
    return planes.query(planes.tenant(0)["token"], "{ viewer { id usage { usedBytes } } }")["viewer"]["usage"]


@check("everything killed at once under load and started again: nothing that was taken is lost, and the planes agree")
def everything_killed(demo):
    with Planes(demo.binary) as planes:
        accounts = [planes.create(f"box{n}", False) for n in range(3)]
        load = Load(planes, accounts)
        load.rounds(ROUNDS)
        planes.control_plane.end(signal.SIGKILL)
        planes.postgres.stop()
        planes.data_plane.end(signal.SIGKILL)
        load.stop()
        planes.postgres.start()
        planes.control_plane.start()
        planes.fresh_ports()
        waiting = planes.create("waiting", True)
        planes.data_plane.start()
        planes.fresh_ports()
        until("what waited arrives", lambda: planes.takes(waiting) and planes.opens(waiting))
        # A message whose answer was cut off may be there too.
        for account in accounts:
            taken = {subject for address, subject in load.incoming if address == account.address}
            text = b"".join(mail.stored(planes.imap(account)).values()).decode(errors="replace")
            missing = [subject for subject in taken if text.count(f"Subject: {subject}\r\n") != 1]
            equal(missing, [], f"messages of {account.address}")

        def left():
            return set(load.outgoing) <= set(planes.sink.subjects)

        until("outgoing mail leaves", left)


@check("a new store, and one restored from an older backup, are told everything by themselves")
def store_replaced(demo):
    with Planes(demo.binary) as planes:
        first = planes.create("first", False)
        planes.data_plane.end()
        backup = planes.data_plane.data + ".backup"
        shutil.copytree(planes.data_plane.data, backup)
        planes.data_plane.start()
        planes.fresh_ports()
        second = planes.create("second", False)
        until("the control plane has seen how far the store is", lambda: seen(planes) == planes.data_plane.status()["applied"])
        for restored in [backup, None]:
            planes.data_plane.end()
            shutil.rmtree(planes.data_plane.data)
            if restored:
                shutil.move(restored, planes.data_plane.data)
            else:
                os.mkdir(planes.data_plane.data)
            planes.data_plane.start()
            planes.fresh_ports()
            for account in [first, second]:
                until(f"{account.address} works again", lambda account=account: planes.takes(account) and planes.opens(account))


def seen(planes):
    """The batches that the control plane knows the store to have taken."""
    value = planes.postgres.ask("SELECT value FROM posthouse.setting WHERE name = 'plane_seen'")
    return json.loads(value)["applied"] if value else None


@check("ctl says what it cannot do at which plane, running and stopped; each plane refuses the other's folder")
def ctl(demo):
    with Planes(demo.binary, sql="sqlite") as planes:
        account = planes.create("ctl", False)
        data, control = planes.data_plane, planes.control_plane
        for running in [True, False]:
            if not running:
                equal((control.end(), data.end()), (0, 0), "exit codes")
            inside("control plane", data.ctl("tenant", "list", fails=True)["error"], "at the data plane")
            inside("data plane", control.ctl("queue", "list", fails=True)["error"], "at the control plane")
            inside("data plane", control.ctl("verify", fails=True)["error"], "at the control plane")
            equal(data.ctl("queue", "list")["rows"], [], "queue")
            data.ctl("verify")
            [row] = control.ctl("account", "show", account.address)["rows"]
            equal(row["address"], account.address, "account")
            equal(row["used_bytes"], 0 if running else None, "meters: known only while the data plane answers")
        control.ctl("account", "suspend", account.address, "--reason", "a check")
        inside("holds a store", control.refuses_to_start(POSTHOUSE_DATA=data.data), "the control plane on a store")
        open(os.path.join(data.data, "control.sqlite"), "wb").close()
        inside("leave it behind", data.refuses_to_start(), "a data plane beside a control plane's database")
        os.remove(os.path.join(data.data, "control.sqlite"))
        data.start()
        control.start()
        planes.fresh_ports()
        until("what ctl changed offline is told", lambda: not planes.opens(account))
        equal(control.ctl("status")["rows"][0]["data_plane"], "answers", "status")
        equal(data.get("/readyz").status, 200, "readiness of the data plane")
        equal(control.get("/readyz").status, 200, "readiness of the control plane")


@check("a caller of the plane's port without a certificate is shown out")
def no_certificate(demo):
    with Planes(demo.binary, sql="sqlite") as planes:
        port = planes.data_plane.ports["plane"]
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            try:
                with unverified().wrap_socket(plain) as client:
                    client.sendall(b"POST /plane/v1/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnull")
                    got = client.recv(1000)
                    raise Failed(f"it was answered: {got}") if got else EOFError
            except (ssl.SSLError, OSError, EOFError):
                pass
