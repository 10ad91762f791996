"""A FoundationDB cluster for checks: our own, in a process that several share, or the live one that FDB_CLUSTER_FILE names.

As a command: `fdbcluster.py COMMAND...` runs the live suite of the store (core/store/fdb) on our own, in the place of the real one."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from check import Failed

READY_SECONDS_MAX = 20
STOP_SECONDS_MAX = 20


def built(name):
    return os.path.abspath(os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "debug", name))


class Shared:
    """`fake-fdb`: clients come and go, the rows stay as long as it runs; it ends with the process that started it."""

    def __init__(self, program=None, library=None):
        self.program, self.library = program or built("fake-fdb"), library or built("libfake_fdb.so")
        for path in (self.program, self.library):
            if not os.path.exists(path):
                raise Failed(f"{path} is not built (cargo build -p fake-fdb)")
        self.folder = tempfile.mkdtemp(prefix="posthouse-fdb-")
        self.cluster_file = os.path.join(self.folder, "fdb.cluster")
        self.process = subprocess.Popen([self.program, self.cluster_file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        end = time.monotonic() + READY_SECONDS_MAX
        while not os.path.exists(self.cluster_file):
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed("fake-fdb does not serve")
            time.sleep(0.01)
        self.process.stdout.readline()

    def say(self, word):
        self.process.stdin.write(word + "\n")
        answer = self.process.stdout.readline().strip()
        if answer != word:
            raise Failed(f"fake-fdb answered {answer!r} to {word!r}")

    def away(self):
        """Cuts every connection off, and takes no other."""
        self.say("away")

    def back(self):
        self.say("back")

    def remove(self):
        self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def variables(self, name):
        """What a node of the deployment `name` is configured with."""
        return {"POSTHOUSE_STORE_KIND": "foundationdb", "POSTHOUSE_STORE_FOUNDATIONDB_CLUSTER": self.cluster_file,
                "POSTHOUSE_STORE_FOUNDATIONDB_LIBRARY": self.library, "POSTHOUSE_STORE_FOUNDATIONDB_NAME": name}


class Live:
    """The cluster of FDB_CLUSTER_FILE with the client library that the system has. Deployments get names of their own, and are left there."""

    def __init__(self):
        self.cluster_file = os.path.abspath(os.environ["FDB_CLUSTER_FILE"])
        self.library = os.environ.get("POSTHOUSE_TEST_FDB_LIBRARY")

    def away(self):
        raise Failed("nobody cuts a live cluster off")

    back = away

    def remove(self):
        pass

    def variables(self, name):
        library = {"POSTHOUSE_STORE_FOUNDATIONDB_LIBRARY": self.library} if self.library else {}
        return {"POSTHOUSE_STORE_KIND": "foundationdb", "POSTHOUSE_STORE_FOUNDATIONDB_CLUSTER": self.cluster_file,
                "POSTHOUSE_STORE_FOUNDATIONDB_NAME": name, **library}


def is_live():
    return bool(os.environ.get("FDB_CLUSTER_FILE"))


def cluster():
    """The live one where there is one, else our own."""
    return Live() if is_live() else Shared()


def told():
    """Which of both, for people."""
    return f"foundationdb (live, {os.environ['FDB_CLUSTER_FILE']})" if is_live() else "foundationdb (fake)"


def main():
    """Runs a command for which our cluster is the live one and our library the system's; ends as the command does."""
    cluster = Shared()
    try:
        os.symlink(cluster.library, os.path.join(cluster.folder, "libfdb_c.so"))
        paths = os.pathsep.join(filter(None, [cluster.folder, os.environ.get("LD_LIBRARY_PATH")]))
        environment = {**os.environ, "FDB_CLUSTER_FILE": cluster.cluster_file, "LD_LIBRARY_PATH": paths, "STORE_FDB_LIVE": "1"}
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode
    finally:
        cluster.remove()


if __name__ == "__main__":
    sys.exit(main())
