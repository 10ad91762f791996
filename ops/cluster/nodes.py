"""Several nodes over one store, one bucket, one bus and one Redis; the first `control` of them have the control plane, too, whose SQL is PostgreSQL's."""
import os
import shutil
import signal
import smtplib
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import stores
from check import Failed
from demo import CLIENT_SECONDS_MAX, Account, Demo, Imap, unverified
from pair import Process
from postgres import Postgres
from services import Bucket, Nats, Redis
from sink import Sink
from wire import Wire

DOMAIN = "cluster.example"
DOORS = ["SMTP", "SUBMISSION", "SUBMISSIONS", "LMTP", "IMAP", "IMAPS"]


class Cluster(Demo):
    """`nodes` is by name; clients take the node they connect to."""

    def __init__(self, binary, names=("a", "b", "c"), control=1, wired=(), **variables):
        self.wires, self.wired = [], wired
        super().__init__(binary, tempfile.mkdtemp(prefix="posthouse-cluster-"))
        self.sink, self.postgres, self.store, self.nodes = Sink(), None, None, {}
        self.services = self.bucket, self.bus, self.cells = Bucket(), Nats(), Redis()
        try:
            self.assemble(names, control, variables)
        except BaseException:
            self.remove()
            raise

    def assemble(self, names, control, variables):
        self.postgres = Postgres()
        self.store = stores.chosen(self.postgres)
        for service in self.services:
            service.start()
        self.bucket.make()
        key = os.path.join(self.data, "master.key")
        with open(key, "wb") as file:
            file.write(os.urandom(32))
        self.shared = {
            **self.store.variables(), "POSTHOUSE_STORE_MASTER_KEY": key,
            "POSTHOUSE_OBJECTS_KIND": "s3", "POSTHOUSE_OBJECTS_ENDPOINT": self.bucket.url, "POSTHOUSE_OBJECTS_BUCKET": self.bucket.NAME,
            "POSTHOUSE_OBJECTS_ACCESS_KEY": self.bucket.ACCESS, "POSTHOUSE_OBJECTS_SECRET_KEY": self.bucket.SECRET,
            "POSTHOUSE_OBJECTS_PATH_STYLE": "true", "POSTHOUSE_BUS_KIND": "nats", "POSTHOUSE_BUS_URL": self.bus.url,
            "POSTHOUSE_CELLS_REDIS_URL": self.cells.url, "POSTHOUSE_CONNECTIONS_PER_ADDRESS": "100000",
            "POSTHOUSE_SMART_HOST_HOST": "127.0.0.1", "POSTHOUSE_SMART_HOST_PORT": str(self.sink.server_address[1]),
            **{f"POSTHOUSE_LISTEN_{door}": "127.0.0.1:0" for door in DOORS}, **variables}
        for number, name in enumerate(names):
            plane = {"POSTHOUSE_SQL_URL": self.postgres.url} if number < control else {}
            own = {**self.shared, **plane, "POSTHOUSE_HOSTNAME": f"{name}.provider.example"}
            if name in self.wired:
                own = self.over_wires(own)
            node = Process(self.binary, self.data, "all" if plane else "data", own)
            node.data = os.path.join(self.data, name)
            node.variables["POSTHOUSE_DATA"] = node.data
            self.nodes[name] = node

    def __enter__(self):
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(Process.start, self.nodes.values()))
            self.fresh_ports()
            self.customer()
        except BaseException:
            self.tell()
            self.remove()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            self.tell()
        self.remove()

    def tell(self):
        for name, node in self.nodes.items():
            if os.path.exists(node.data + ".log"):
                print(f"last lines of node {name}:\n{node.log()}", flush=True)

    def remove(self):
        for node in self.nodes.values():
            if node.process is not None:
                node.end(signal.SIGKILL)
        for wire in self.wires:
            wire.remove()
        for service in self.services:
            service.remove()
        if self.store is not None:
            self.store.remove()
        if self.postgres is not None:
            self.postgres.remove()
        self.sink.shutdown()
        self.sink.server_close()
        shutil.rmtree(self.data, ignore_errors=True)

    def fresh_ports(self, name=None):
        """The API is asked at node `name`, or at the first."""
        first = self.nodes[name] if name else next(iter(self.nodes.values()))
        self.info = {**(self.info or {}), "graphql_url": f"http://127.0.0.1:{first.ports['http']}/graphql"}

    def customer(self, domain=DOMAIN):
        # Of several control planes the one that was first has it.
        tokens = [os.path.join(node.data, "operator.token") for node in self.nodes.values()]
        with open(next(filter(os.path.exists, tokens)), encoding="ascii") as file:
            operator = file.read().strip()
        made = self.mutate(operator, "tenantCreate", "TenantCreateInput!", "tenant { id } token pending",
                           {"name": f"Customer of {domain}", "maxDomains": 5, "maxMailboxes": 1000, "storageBytesMax": "53687091200", "domain": domain, "vouch": True})
        if made["pending"]:
            raise Failed("the tenant is pending")
        tenant = {"id": made["tenant"]["id"], "token": made["token"], "domains": [domain]}
        self.info.update(operator_token=operator, tenants=[*self.info.get("tenants", []), tenant])

    def over_wires(self, variables):
        """The same servers at the ends of wires that can be cut."""
        for port in [self.postgres.port, *(service.port for service in self.services)]:
            wire = Wire(port)
            self.wires.append(wire)
            variables = {name: value.replace(f":{port}", f":{wire.port}") for name, value in variables.items()}
        return variables

    def alive(self):
        return [name for name, node in self.nodes.items() if node.process is not None]

    # clients

    def imap_at(self, name, account):
        client = Imap(self.nodes[name].ports["imap"], self.source(), False)
        client.starttls(unverified())
        client.login(account.address, account.password)
        return client

    def smtp_at(self, name, door="smtp"):
        return smtplib.SMTP("127.0.0.1", self.nodes[name].ports[door], "client.example", timeout=CLIENT_SECONDS_MAX,
                            source_address=(self.source(), 0))

    def submission_at(self, name, account):
        client = self.smtp_at(name, "submission")
        client.starttls(context=unverified())
        client.ehlo()
        client.login(account.address, account.password)
        return client

    def counter(self, metric, label=""):
        """Of all nodes that live; what has this label, added up."""
        total = 0.0
        for name in self.alive():
            with self.nodes[name].get("/metrics") as answer:
                for line in answer.read().decode().splitlines():
                    if line.split("{")[0].split(" ")[0] == metric and label in line:
                        total += float(line.rsplit(" ", 1)[1])
        return total


def until(what, asked, seconds=60):
    """Asks until it is so; how long that took."""
    begin = time.monotonic()
    while not asked():
        if time.monotonic() > begin + seconds:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - begin


__all__ = ["Account", "Cluster", "DOMAIN", "until"]
