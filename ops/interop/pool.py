"""A tenant's storage fills up over many connections while the server is killed: it ends at the limit and its grace, and every counter is right."""
import json
import os
import shutil
import signal
import smtplib
import subprocess
import tempfile
import threading
import time

import mail
from check import check, equal, true
from demo import CLIENT_SECONDS_MAX, Demo

WRITERS = 16
MAILBOXES = 24
LIMIT, GRACE = 1_500_000, 500_000
BODY_BYTES = 4_000
MESSAGE_BYTES_MAX = 6_000  # with its header and what the server puts in front
KILLS = 2
REFUSALS = 3  # in a row, each of another mailbox: the tenant is full
SECONDS_MAX = 120


class Pool(Demo):
    """A demo whose limits stay as they are set."""

    def widen(self, tenant):
        pass

    def change(self, **limits):
        self.mutate(self.info["operator_token"], "tenantUpdate", "TenantUpdateInput!", "tenant { id }",
                    {"tenantId": self.tenant(0)["id"], **limits})


class Writers:
    """Connections that deliver, across all kills, until the tenant is full."""

    def __init__(self, server, mailboxes):
        self.server, self.mailboxes = server, mailboxes
        self.lock, self.taken, self.sent, self.failures = threading.Lock(), 0, 0, []
        self.threads = [threading.Thread(target=self.write, daemon=True) for _ in range(WRITERS)]

    def next(self):
        with self.lock:
            self.sent += 1
            return self.sent, self.mailboxes[self.sent % len(self.mailboxes)]

    def write(self):
        refusals, end = 0, time.monotonic() + SECONDS_MAX
        while refusals < REFUSALS and time.monotonic() < end:
            try:
                with self.server.lmtp() as client:
                    while refusals < REFUSALS:
                        number, to = self.next()
                        message = mail.plain(number) + (b"x" * 78 + b"\r\n") * (BODY_BYTES // 80)
                        try:
                            client.sendmail("friend@elsewhere.example", [to], message)
                        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
                            code = error.smtp_code if isinstance(error, smtplib.SMTPDataError) else error.recipients[to][0]
                            if code not in (452, 552):
                                raise
                            refusals += 1
                            continue
                        refusals = 0
                        with self.lock:
                            self.taken += 1
            except (smtplib.SMTPServerDisconnected, OSError):
                time.sleep(0.02)  # it is being killed or starts
            except smtplib.SMTPException as error:
                self.failures.append(repr(error))
                return


@check("16 writers fill a pooled quota under SIGKILL: it ends at the limit and its grace, drift 0")
def fill(demo):
    folder = tempfile.mkdtemp(prefix="posthouse-pool-")
    server = Pool(demo.binary, os.path.join(folder, "data"))
    try:
        server.start()
        run(server)
    except Exception:
        print(server.log_tail())
        raise
    finally:
        server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def run(server):
    customer = server.tenant(0)
    server.change(maxMailboxes=MAILBOXES + 10)
    mailboxes = [f"pool{n}@{customer['domains'][0]}" for n in range(MAILBOXES)]
    server.mutate(customer["token"], "mailboxesCreate", "MailboxesCreateInput!", "results { mailbox { id } }",
                  {"mailboxes": [{"address": a} for a in mailboxes], "errorPolicy": "ALL_OR_NOTHING"})
    server.change(storageBytesMax=str(LIMIT), storageGraceBytes=str(GRACE))
    writers = Writers(server, mailboxes)
    for thread in writers.threads:
        thread.start()
    expected = (LIMIT + GRACE) // (MESSAGE_BYTES_MAX - 1_000)
    for kill in range(1, KILLS + 1):
        end = time.monotonic() + CLIENT_SECONDS_MAX
        while writers.taken < expected * kill // (KILLS + 1) and time.monotonic() < end:
            time.sleep(0.01)
        server.stop(signal.SIGKILL)
        server.start()
    for thread in writers.threads:
        thread.join(SECONDS_MAX)
    equal((writers.failures, [t.is_alive() for t in writers.threads].count(True)), ([], 0), "writers")
    equal(server.stop(), 0, "exit code")
    used = ctl(server, "tenant", "show", customer["id"])["rows"][0]["used_bytes"]
    true(used <= LIMIT + GRACE, f"{used} bytes are used of {LIMIT} and a grace of {GRACE}")
    true(used > LIMIT + GRACE - MESSAGE_BYTES_MAX, f"refused at {used} bytes though a message would have found room")
    equal(ctl(server, "quota", "verify", "--tenant", customer["id"])["rows"], [], "counters that differ")
    equal(ctl(server, "verify", "--tenant", customer["id"])["ok"], True, "verify")


def ctl(server, *words):
    done = subprocess.run([server.binary, "ctl", "--data", server.data, "--json", *words], capture_output=True, text=True, timeout=120)
    equal(done.returncode, 0, f"ctl {' '.join(words)}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)
