"""A PostgreSQL server of Debian's package on a free port, in a folder of its own, run by a system user.

As a command: `postgres.py COMMAND...` runs the tests of the control plane on it."""
import glob
import os
import shutil
import socket
import subprocess
import sys
import tempfile

from check import Failed

SECONDS_MAX = 60
USER = "postgres"
# Benchmarks set it: commits are on the disk when they are said to be. Tests stop the server, not the machine.
DURABLE = False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    def __init__(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_ctl"), key=lambda path: int(path.split("/")[4]))
        if not found:
            raise Failed("postgresql is not installed: ops/test installs it")
        self.bin = os.path.dirname(found[-1])
        self.folder = tempfile.mkdtemp(prefix="posthouse-postgres-")
        self.port = free_port()
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER)
        self.run("initdb", "--auth=trust", f"--username={USER}", "--locale=C", "--encoding=UTF8", "--no-sync")
        self.start()
        # Row-level security holds for a user that is no superuser.
        for statement in ("CREATE ROLE posthouse LOGIN", "CREATE DATABASE posthouse OWNER posthouse"):
            self.ask(statement, f"postgres://{USER}@127.0.0.1:{self.port}/postgres")

    @property
    def url(self):
        return f"postgres://posthouse@127.0.0.1:{self.port}/posthouse"

    def run(self, program, *words):
        command = [os.path.join(self.bin, program), "-D", os.path.join(self.folder, "data"), *words]
        if os.geteuid() == 0:
            command = ["runuser", "-u", USER, "--", *command]
        # A file, not a pipe: the server keeps it open.
        with open(self.folder + ".log", "ab") as log:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=SECONDS_MAX, check=False, cwd="/")
        if done.returncode != 0:
            with open(self.folder + ".log", errors="replace") as log:
                raise Failed(f"{program} ended with {done.returncode}: {log.read()[-1000:]}")

    def start(self):
        settings = {"listen_addresses": "127.0.0.1", "fsync": "on" if DURABLE else "off", "max_connections": 300}
        words = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self.run("pg_ctl", "-w", "-o", f"-p {self.port} -k {self.folder} {words}", "start")

    def stop(self):
        """At once, as when the machine fails."""
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")

    def ask(self, statement, url=None):
        """What psql prints of it."""
        command = [os.path.join(self.bin, "psql"), "-d", url or self.url, "-Atc", statement]
        everything = {**os.environ, "PGOPTIONS": "-c posthouse.reach=*"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=True, env=everything)
        return done.stdout.strip()

    def remove(self):
        try:
            if os.path.exists(os.path.join(self.folder, "data", "postmaster.pid")):
                self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            os.remove(self.folder + ".log")


def main():
    """Runs a command with POSTHOUSE_TEST_POSTGRES naming a server of its own; ends as the command does."""
    server = Postgres()
    try:
        environment = {**os.environ, "POSTHOUSE_TEST_POSTGRES": server.url}
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode
    finally:
        server.remove()


if __name__ == "__main__":
    sys.exit(main())
