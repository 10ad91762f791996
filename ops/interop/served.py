"""What `posthouse demo` makes, by `posthouse serve` over a FoundationDB cluster: two tenants, their people, sample mail."""
import glob
import os
import shutil
import signal
import subprocess
import time
import uuid

import fdbcluster
from demo import VERIFY_SECONDS_MAX, Demo
from pair import Process
from postgres import free_port
from sink import Sink

DOORS = ["SMTP", "SUBMISSION", "SUBMISSIONS", "LMTP", "IMAP", "IMAPS"]
TENANTS = [("Bakery", "bakery.example", ["anna", "ben", "orders"]), ("Studio", "studio.example", ["clara", "dario"])]


class Served(Demo):
    """The cluster outlives the server; SQL and packs are in the data folder."""

    def __init__(self, binary, data):
        super().__init__(binary, data)
        self.cluster, self.sink, self.http = fdbcluster.cluster(), Sink(), free_port()
        self.node = Process(binary, os.path.dirname(data), "all", {
            **self.cluster.variables(f"interop-{uuid.uuid4().hex[:12]}"),
            "POSTHOUSE_STORE_MASTER_KEY": data + ".key", "POSTHOUSE_OBJECTS_KIND": "files", "POSTHOUSE_OBJECTS_FOLDER": data + ".packs",
            "POSTHOUSE_HOSTNAME": "mail.posthouse.example", "POSTHOUSE_DATA": data, "POSTHOUSE_LISTEN_HTTP": f"127.0.0.1:{self.http}",
            "POSTHOUSE_PORTAL": f"http://localhost:{self.http}", "POSTHOUSE_PLAIN_AUTH": "true", "POSTHOUSE_GRAPHIQL": "true",
            "POSTHOUSE_WEBHOOK_NETWORKS": "127.0.0.0/8", "POSTHOUSE_CONNECTIONS_PER_ADDRESS": "100000",
            "POSTHOUSE_CONNECTIONS_PER_MINUTE": "6000000", "POSTHOUSE_SMART_HOST_HOST": "127.0.0.1",
            "POSTHOUSE_SMART_HOST_PORT": str(self.sink.server_address[1]), **{f"POSTHOUSE_LISTEN_{door}": "127.0.0.1:0" for door in DOORS}})
        self.node.data = data

    def start(self):
        begin = time.monotonic()
        if not os.path.exists(self.data + ".key"):
            with open(self.data + ".key", "wb") as key:
                key.write(os.urandom(32))
        self.node.start()
        self.process = self.node.process
        self.ready_ms = int((time.monotonic() - begin) * 1000)
        ports, url = self.node.ports, f"http://127.0.0.1:{self.http}"
        made = self.info or {}
        self.info = {
            "imap": {"port": ports["imap"], "tls_port": ports["imaps"]}, "lmtp_port": ports["lmtp"], "http_port": self.http,
            "smtp": {"mx_port": ports["smtp"], "submission_port": ports["submission"], "submissions_port": ports["submissions"]},
            "graphql_url": f"{url}/graphql", "metrics_url": f"{url}/metrics",
            **{name: made[name] for name in ("operator_token", "tenants") if name in made}}
        if not made:
            self.provision()

    def stop(self, how=signal.SIGINT):
        if self.process is None:
            return None
        self.process = None
        return self.node.end(how)

    def remove(self):
        self.stop(signal.SIGKILL)
        self.cluster.remove()
        self.sink.shutdown()
        self.sink.server_close()
        for path in glob.glob(self.data + ".*"):
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def verify(self):
        """What a server that is started once more says of the store: `ctl` opens a store by itself only where that is in the data folder."""
        self.start()
        done = subprocess.run([self.binary, "ctl", "--data", self.data, "verify"], capture_output=True, text=True, timeout=VERIFY_SECONDS_MAX,
                              env=self.node.environment(), check=False)
        code = self.stop()
        return done.returncode == 0 and code == 0, (done.stdout + done.stderr).strip()

    # what a demo makes

    def provision(self):
        with open(os.path.join(self.data, "operator.token"), encoding="ascii") as file:
            self.info.update(operator_token=file.read().strip(), tenants=[])
        for name, domain, people in TENANTS:
            tenant = self.customer(name, domain)
            for person in people:
                account = {"address": f"{person}@{domain}", "password": f"{person}-likes-{name.lower()}"}
                self.mutate(tenant["token"], "mailboxCreate", "MailboxCreateInput!", "mailbox { id }", {**account, "displayName": person})
                tenant["accounts"].append(account)
            hello = {"address": f"hello@{domain}", "targets": [tenant["accounts"][0]["address"]]}
            self.mutate(tenant["token"], "aliasCreate", "AliasCreateInput!", "alias { address }", hello)
            self.info["tenants"].append(tenant)
        self.deliver()

    def customer(self, name, domain):
        operator = self.info["operator_token"]
        made = self.mutate(operator, "tenantCreate", "TenantCreateInput!", "tenant { id } token", {
            "name": name, "maxDomains": 5, "maxMailboxes": 50, "storageBytesMax": "53687091200"})
        tenant = {"id": made["tenant"]["id"], "name": name, "token": made["token"], "domains": [domain], "accounts": []}
        self.mutate(operator, "domainVouch", "DomainCreateInput!", "domain { name }", {"tenantId": tenant["id"], "name": domain})
        self.widen(tenant["id"])
        return tenant

    def deliver(self):
        """A message for everybody."""
        with self.smtp() as client:
            for tenant in self.info["tenants"]:
                for account in tenant["accounts"]:
                    text = f"From: friend@elsewhere.example\r\nTo: {account['address']}\r\nSubject: Welcome\r\n\r\nWelcome.\r\n"
                    client.sendmail("friend@elsewhere.example", [account["address"]], text.encode())
