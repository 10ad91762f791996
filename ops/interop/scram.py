"""SCRAM-SHA-256 (RFC 5802, RFC 7677) by a client written here: the server proves itself too."""
import base64
import hashlib
import hmac
import os
import smtplib

from check import check, equal, inside, refused
from demo import unverified
from lines import Lines


class Client:
    def __init__(self, name, password):
        self.password = password.encode()
        self.bare = "n=" + name.replace("=", "=3D").replace(",", "=2C") + ",r=" + base64.b64encode(os.urandom(18)).decode()
        self.signature = None

    def first(self):
        return ("n,," + self.bare).encode()

    def final(self, challenge):
        parts = dict(part.split("=", 1) for part in challenge.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(parts["s"]), int(parts["i"]))
        without = "c=biws,r=" + parts["r"]
        message = ",".join([self.bare, challenge.decode(), without]).encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        proof = bytes(a ^ b for a, b in zip(key, hmac.digest(hashlib.sha256(key).digest(), message, "sha256")))
        self.signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        return (without + ",p=" + base64.b64encode(proof).decode()).encode()

    def verify(self, final):
        inside(b"v=" + base64.b64encode(self.signature), final, "the server's signature")


@check("IMAP AUTHENTICATE SCRAM-SHA-256")
def imap(demo):
    account = demo.mailbox()
    client, lines = Client(account.address, account.password), Lines(demo)
    tag = lines.send(b"AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(client.first()))
    lines.write(base64.b64encode(client.final(base64.b64decode(lines.line()[2:]))) + b"\r\n")
    line = lines.line()
    if line.startswith(b"+ "):
        client.verify(base64.b64decode(line[2:]))
        lines.write(b"\r\n")
        equal(lines.until(tag)[1][:2], b"OK", "AUTHENTICATE")
    else:
        equal(line[len(tag) + 1:][:2], b"OK", "AUTHENTICATE")
    lines.ok("SELECT INBOX")


@check("SMTP AUTH SCRAM-SHA-256, and a wrong password")
def smtp(demo):
    account = demo.mailbox()
    for password in [account.password, "wrong"]:
        scram = Client(account.address, password)

        def answer(challenge=None):
            if challenge is None:
                return scram.first().decode()
            if challenge.startswith(b"v="):
                scram.verify(challenge)
                return ""
            return scram.final(challenge).decode()
        with demo.smtp("submission_port") as client:
            client.starttls(context=unverified())
            client.ehlo()

            def bytewise(challenge=None):
                return answer(None if challenge is None else challenge if isinstance(challenge, bytes) else challenge.encode())
            if password == "wrong":
                refused(smtplib.SMTPAuthenticationError, "a wrong password", client.auth, "SCRAM-SHA-256", bytewise)
            else:
                equal(client.auth("SCRAM-SHA-256", bytewise)[0], 235, "AUTH")
