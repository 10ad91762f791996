"""Where the nodes of a cluster keep mail and metadata: PostgreSQL, or FoundationDB beside it. The control plane's SQL is PostgreSQL's in both."""
import uuid

import fdbcluster

KINDS = ("postgres", "foundationdb")


class InPostgres:
    """The same server as the control plane's."""

    outage = "PostgreSQL is killed and comes back"

    def __init__(self, postgres):
        self.postgres = postgres

    def variables(self):
        return {"POSTHOUSE_STORE_KIND": "postgres", "POSTHOUSE_STORE_POSTGRES_URL": self.postgres.url}

    @staticmethod
    def of_another():
        """Variables of a store beside it that nobody has used."""
        return {"POSTHOUSE_STORE_POSTGRES_SCHEMA": "another_kv"}

    def away(self):
        self.postgres.stop()

    def back(self):
        self.postgres.start()

    def remove(self):
        """Whoever started the server removes it."""

    @staticmethod
    def told():
        return "postgres"


class InFoundationDb:
    """Our own cluster in a process that outlives the nodes, or a directory of its own in the live one of FDB_CLUSTER_FILE."""

    outage = "FoundationDB's cluster is cut off and comes back"

    def __init__(self, _postgres):
        self.cluster = fdbcluster.cluster()
        self.name = f"cluster-{uuid.uuid4().hex[:12]}"

    def variables(self):
        return self.cluster.variables(self.name)

    def of_another(self):
        return self.cluster.variables(f"{self.name}-another")

    def away(self):
        self.cluster.away()

    def back(self):
        self.cluster.back()

    def remove(self):
        self.cluster.remove()

    @staticmethod
    def told():
        return fdbcluster.told()


# What `run` was asked for.
chosen = InPostgres


def choose(kind):
    global chosen
    chosen = InFoundationDb if kind == "foundationdb" else InPostgres


def outage():
    """What happens to the store while it serves; None where nobody may do that to it."""
    return None if chosen is InFoundationDb and fdbcluster.is_live() else chosen.outage
