"""Checks of one cluster under several processes that are killed, and whose connections are cut; `foundationdb.py` runs them."""
import os
import random
import signal
import subprocess
import sys
import time

import check
import fdbcluster

WORKERS = 3
SECONDS = 6
COUNT_SECONDS_MAX = 60


def work(fdb, name):
    """Counts for ever: every increment leaves a mark, in the transaction that counts it; what was told is printed."""
    db = fdb.open()

    @fdb.transactional
    def increment(tr, mark):
        if tr[mark].present():
            return  # an attempt of which nobody knew was applied
        before = tr[b"count"]
        tr[b"count"] = b"%d" % (int(before.wait()) + 1 if before.present() else 1)
        tr.add(b"added", (1).to_bytes(8, "little"))
        tr.set_versionstamped_key(b"log" + b"\0" * 10 + b"\x03\0\0\0", mark)
        tr[mark] = b""
    number = 0
    while True:
        mark = b"mark/%s.%d" % (name.encode(), number)
        increment(db, mark)
        print(mark.decode(), flush=True)
        number += 1


def judge(fdb):
    """What the workers left: the counters, the marks, the log; one line."""
    db = fdb.open()

    @fdb.transactional
    def look(tr):
        marks = [row.key for row in tr.get_range_startswith(b"mark/")]
        log = [row.value for row in tr.get_range_startswith(b"log")]
        return int(tr[b"count"].wait()), int.from_bytes(tr[b"added"].wait(), "little"), marks, log
    count, added, marks, log = look(db)
    print(count, added, len(marks), len(log), len(set(log)), " ".join(sorted(mark.decode() for mark in marks)), flush=True)


class Worker:
    """A process that counts; killed and replaced at any time."""

    def __init__(self, command, environment, name):
        self.output = open(f"{environment['WORKERS_FOLDER']}/{name}", "wb")
        self.process = subprocess.Popen([*command, "worker", name], env=environment, stdout=self.output, stdin=subprocess.DEVNULL)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.output.close()


@check.check("processes are killed and the cluster is cut off, and every increment counts once")
def processes(command, environment, cluster):
    dice, names, told = random.Random(3), iter(range(1000)), []
    workers = [Worker(command, environment, f"w{next(names)}") for _ in range(WORKERS)]
    deaths = cuts = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(dice.uniform(0.2, 0.6))
        if dice.random() < 0.6:
            workers.pop(0).kill()
            deaths += 1
            workers.append(Worker(command, environment, f"w{next(names)}"))
        else:
            cluster.away()
            time.sleep(dice.uniform(0, 0.2))
            cluster.back()
            cuts += 1
    for worker in workers:
        worker.kill()
    for name in os.listdir(environment["WORKERS_FOLDER"]):
        with open(os.path.join(environment["WORKERS_FOLDER"], name), encoding="ascii") as file:
            told += [line.strip() for line in file if line.endswith("\n")]
    done = subprocess.run([*command, "judge"], env=environment, capture_output=True, text=True, timeout=COUNT_SECONDS_MAX, check=True)
    count, added, marks, log, different, *names = done.stdout.split()
    print(f"     {count} increments by {WORKERS} processes, {deaths} killed, {cuts} cuts", flush=True)
    check.true(int(count) >= 100 and deaths and cuts, "enough happened")
    check.equal([count, added, log, different], [marks] * 4, "counters, marks and log agree")
    check.equal([mark for mark in told if mark not in set(names)], [], "what was told is there")


def run(script, environment, folder):
    """The checks, each over a cluster of its own: title and failure."""
    results = []
    for title, function in check.take():
        workers = os.path.join(folder, "workers")
        os.mkdir(workers)
        cluster = fdbcluster.Shared(library=os.path.realpath(os.path.join(environment["LD_LIBRARY_PATH"], "libfdb_c.so")))
        own = {**environment, "FDB_CLUSTER_FILE": cluster.cluster_file, "WORKERS_FOLDER": workers}
        failure = None
        try:
            function([sys.executable, script, "--inside"], own, cluster)
        except Exception as error:  # told by the caller
            failure = f"{type(error).__name__}: {error}"
        finally:
            cluster.remove()
        results.append([title, failure])
    return results
