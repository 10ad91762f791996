"""Posthouse as two processes: a data plane and a control plane, with a PostgreSQL server and a smart host beside them."""
import imaplib
import json
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
import urllib.request

from check import Failed
from demo import CLIENT_SECONDS_MAX, READY_SECONDS_MAX, Account, Demo, unverified
from postgres import Postgres, free_port
from sink import Sink

DOMAIN = "planes.example"
CONVERGE_SECONDS_MAX = 60
LOG_LINES = 30


class Process:
    """One plane: its folder, its variables, its process."""

    def __init__(self, binary, folder, role, variables):
        self.binary, self.data, self.role = binary, os.path.join(folder, role), role
        self.variables = {"POSTHOUSE_ROLE": role, "POSTHOUSE_HOSTNAME": f"{role}.provider.example", "POSTHOUSE_DATA": self.data,
                          "POSTHOUSE_LOG": "warn,posthouse=info", "POSTHOUSE_LISTEN_HTTP": "127.0.0.1:0", **variables}
        self.process = self.ports = None

    def environment(self):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("POSTHOUSE_")}
        return {**inherited, **self.variables}

    def start(self):
        """Starts it and waits until it says that it is ready."""
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = tempfile.mktemp(prefix="posthouse-notify-")
        told.bind(name)
        told.settimeout(READY_SECONDS_MAX)
        try:
            with open(self.data + ".log", "ab") as log:
                self.process = subprocess.Popen([self.binary, "serve"], stdin=subprocess.DEVNULL,
                                                stdout=subprocess.DEVNULL, stderr=log, env={**self.environment(), "NOTIFY_SOCKET": name})
            told.recv(64)
        except TimeoutError:
            raise Failed(f"the {self.role} plane does not become ready\n{self.log()}") from None
        finally:
            told.close()
            os.remove(name)
        self.ports = self.status()["ports"]

    def end(self, how=signal.SIGTERM):
        process, self.process = self.process, None
        process.send_signal(how)
        return process.wait(CLIENT_SECONDS_MAX)

    def ctl(self, *words, fails=False):
        """What `ctl --json` answers."""
        command = [self.binary, "ctl", "--data", self.data, "--json", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_SECONDS_MAX, env=self.environment(), check=False)
        if fails is not None and (done.returncode != 0) != fails:
            raise Failed(f"ctl {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}\n{self.log()}")
        return json.loads(done.stdout)

    def status(self):
        """What it says of itself, also when that is not all well."""
        return self.ctl("status", fails=None)["rows"][0]

    def refuses_to_start(self, **variables):
        """What it says when it does not start."""
        done = subprocess.run([self.binary, "serve"], capture_output=True, text=True, timeout=CLIENT_SECONDS_MAX,
                              env={**self.environment(), **variables}, check=False)
        if done.returncode == 0:
            raise Failed(f"the {self.role} plane started")
        return done.stderr

    def get(self, path):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.ports['http']}{path}", timeout=CLIENT_SECONDS_MAX)

    def log(self):
        with open(self.data + ".log", errors="replace") as log:
            return "".join(log.readlines()[-LOG_LINES:])


class Planes(Demo):
    """Both planes; GraphQL and clients as a demo's."""

    def __init__(self, binary, sql="postgres"):
        super().__init__(binary, tempfile.mkdtemp(prefix="posthouse-planes-"))
        self.sink, self.postgres = Sink(), None
        try:
            self.assemble(sql)
        except BaseException:
            self.remove()
            raise

    def assemble(self, sql):
        certificates = os.path.join(self.data, "certificates")
        subprocess.run([self.binary, "plane", "certificates", "--dir", certificates, "--name", "localhost"],
                       stdout=subprocess.DEVNULL, timeout=CLIENT_SECONDS_MAX, check=True)

        def files(plane):
            return {"POSTHOUSE_PLANE_CERTIFICATE": f"{certificates}/{plane}.pem", "POSTHOUSE_PLANE_KEY": f"{certificates}/{plane}.key",
                    "POSTHOUSE_PLANE_CA": f"{certificates}/ca.pem"}
        port = free_port()
        doors = {f"POSTHOUSE_LISTEN_{door}": "127.0.0.1:0" for door in ["SMTP", "SUBMISSION", "SUBMISSIONS", "LMTP", "IMAP", "IMAPS"]}
        self.data_plane = Process(self.binary, self.data, "data", {
            **files("data"), **doors, "POSTHOUSE_PLANE_LISTEN": f"127.0.0.1:{port}", "POSTHOUSE_CONNECTIONS_PER_ADDRESS": "100000",
            "POSTHOUSE_SMART_HOST_HOST": "127.0.0.1", "POSTHOUSE_SMART_HOST_PORT": str(self.sink.server_address[1])})
        control = {**files("control"), "POSTHOUSE_PLANE_URL": f"https://localhost:{port}"}
        if sql == "postgres":
            self.postgres = Postgres()
            control["POSTHOUSE_SQL_URL"] = self.postgres.url
        self.control_plane = Process(self.binary, self.data, "control", control)

    def __enter__(self):
        try:
            self.data_plane.start()
            self.control_plane.start()
            self.fresh_ports()
            self.customer()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            for plane in [self.data_plane, self.control_plane]:
                print(f"last lines of the {plane.role} plane:\n{plane.log()}", flush=True)
        self.remove()

    def remove(self):
        for plane in [getattr(self, "data_plane", None), getattr(self, "control_plane", None)]:
            if plane is not None and plane.process is not None:
                plane.end(signal.SIGKILL)
        if self.postgres is not None:
            self.postgres.remove()
        self.sink.shutdown()
        self.sink.server_close()
        shutil.rmtree(self.data, ignore_errors=True)

    def fresh_ports(self):
        """A plane that was started again has other ports."""
        ports = self.data_plane.ports
        self.info = {**(self.info or {}), "graphql_url": f"http://127.0.0.1:{self.control_plane.ports['http']}/graphql",
                     "smtp": {"mx_port": ports["smtp"], "submission_port": ports["submission"], "submissions_port": ports["submissions"]},
                     "imap": {"port": ports["imap"], "tls_port": ports["imaps"]}, "lmtp_port": ports["lmtp"]}

    def customer(self):
        with open(os.path.join(self.control_plane.data, "operator.token"), encoding="ascii") as file:
            operator = file.read().strip()
        made = self.mutate(operator, "tenantCreate", "TenantCreateInput!", "tenant { id } token pending",
                           {"name": "Customer", "maxDomains": 5, "maxMailboxes": 1000, "domain": DOMAIN, "vouch": True})
        if made["pending"]:
            raise Failed("the data plane did not take the first tenant")
        self.info.update(operator_token=operator,
                         tenants=[{"id": made["tenant"]["id"], "token": made["token"], "domains": [DOMAIN]}])

    def create(self, name, pending):
        """A mailbox, and whether the data plane knows it already."""
        account = Account(f"{name}@{DOMAIN}", f"a long enough password of {name}")
        made = self.mutate(self.tenant(0)["token"], "mailboxCreate", "MailboxCreateInput!", "mailbox { id } pending",
                           {"address": account.address, "password": account.password})
        if made["pending"] != pending:
            raise Failed(f"mailboxCreate: pending is {made['pending']}")
        account.node = made["mailbox"]["id"]
        return account

    def takes(self, account):
        """Whether the MX door takes mail for it."""
        try:
            with self.smtp() as client:
                client.ehlo()
                client.mail("friend@elsewhere.example")
                return client.rcpt(account.address)[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    def opens(self, account):
        """Whether its password opens it."""
        try:
            self.imap(account).logout()
            return True
        except imaplib.IMAP4.error:
            return False


def until(what, asked):
    """Asks until it is so."""
    end = time.monotonic() + CONVERGE_SECONDS_MAX
    while not asked():
        if time.monotonic() > end:
            raise Failed(f"not within {CONVERGE_SECONDS_MAX} s: {what}")
        time.sleep(0.1)
