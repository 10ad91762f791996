"""Deliveries, submissions and readers at all nodes, which go to another node when theirs is gone."""
import base64
import itertools
import os
import re
import threading
import time
from collections import Counter

import mail
from check import Failed, equal
from nodes import until

DELIVERING, SUBMITTING, READING = 3, 2, 1
LOAD_SECONDS_MAX = 240
# What a client says, or is told, of a node that is gone or going: it asks another one.
GONE = ("connection", "eof", "socket error", "not connected", "going down", "shutting down", "421")
REMOTE = "somebody@elsewhere.example"


class Load:
    """`taken` was answered with 250; `cut` was given to a node whose answer did not come; `refused` was refused by an answer.
    Every worker pauses so many seconds after each thing it did."""

    def __init__(self, cluster, accounts, size=0, pause=0.0):
        self.cluster, self.accounts, self.size, self.pause = cluster, accounts, size, pause
        self.taken, self.sent, self.cut, self.refused = [], [], set(), []
        self.stopping = threading.Event()
        work = [self.deliver] * DELIVERING + [self.submit] * SUBMITTING + [self.read] * READING
        self.done = [0] * len(work)
        self.numbers = itertools.count()
        self.threads = [threading.Thread(target=self.work, args=(n, one), daemon=True) for n, one in enumerate(work)]
        for thread in self.threads:
            thread.start()

    def work(self, worker, one):
        turn = worker
        while not self.stopping.is_set():
            alive = self.cluster.alive()
            if not alive:
                return  # the check is over
            turn += 1
            node = alive[turn % len(alive)]
            try:
                one(node, worker, turn)
            except (ConnectionError, EOFError, TimeoutError):
                time.sleep(0.05)  # the node is gone, or is going
            except Exception as error:  # what a client is told is the finding
                if any(word in str(error).lower() for word in GONE):
                    time.sleep(0.05)
                else:
                    self.refused.append((time.monotonic(), f"{one.__name__} at {node}: {type(error).__name__}: {error}"))
                    time.sleep(0.05)
            self.done[worker] += 1
            self.stopping.wait(self.pause)

    def send(self, client, sender, recipients, text, subjects):
        self.cut |= subjects
        client.sendmail(sender, recipients, text)
        self.cut -= subjects

    def deliver(self, node, worker, turn):
        account = self.accounts[turn % len(self.accounts)]
        with self.cluster.smtp_at(node) as client:
            for _ in range(3):
                number = next(self.numbers)
                subject = f"in-{number}"
                text = mail.plain(number, subject) + base64.encodebytes(os.urandom(self.size)).replace(b"\n", b"\r\n")
                self.send(client, "friend@elsewhere.example", [account.address], text, {(account.address, subject)})
                self.taken.append((account.address, subject))

    def submit(self, node, worker, turn):
        sender, neighbour = self.accounts[turn % len(self.accounts)], self.accounts[(turn + 1) % len(self.accounts)]
        with self.cluster.submission_at(node, sender) as client:
            number = next(self.numbers)
            subject = f"out-{number}"
            text = mail.plain(number, subject).replace(b"sender@elsewhere.example", sender.address.encode())
            self.send(client, sender.address, [REMOTE, neighbour.address], text, {(neighbour.address, subject)})
            self.sent.append(subject)
            self.taken.append((neighbour.address, subject))

    def read(self, node, worker, turn):
        client = self.cluster.imap_at(node, self.accounts[turn % len(self.accounts)])
        client.select()
        equal(client.uid("FETCH", "1:*", "(FLAGS)")[0], "OK", "FETCH")
        client.logout()

    def rounds(self, count):
        """Lets every worker go round so often."""
        aim = [done + count for done in self.done]
        end = time.monotonic() + LOAD_SECONDS_MAX
        while any(done < wanted for done, wanted in zip(self.done, aim)):
            if time.monotonic() > end:
                raise Failed(f"the load stands still: {self.done} of {aim}; {self.refused[-3:]}")
            time.sleep(0.05)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(LOAD_SECONDS_MAX)

    def check(self):
        """Everything that was taken is in its mailbox once, as every node shows it, and what was to leave has left."""
        for account in self.accounts:
            taken = Counter(subject for address, subject in self.taken if address == account.address)
            unsure = {subject for address, subject in self.cut if address == account.address}
            for node in self.cluster.alive():
                got = Counter()
                for part in mail.parts(self.cluster.imap_at(node, account)):
                    got.update(re.search(rb"^Subject: (.*?)\r?$", text, re.M).group(1).decode().strip() for text in part.values())
                equal([s for s in taken if got[s] == 0], [], f"lost of {account.address} at node {node}")
                equal([s for s in got if got[s] > 1], [], f"doubled for {account.address} at node {node}")
                equal([s for s in got if s not in taken and s not in unsure], [], f"unknown to the senders to {account.address}")
        until("outgoing mail leaves", lambda: set(self.sent) <= set(self.cluster.sink.subjects), 120)
