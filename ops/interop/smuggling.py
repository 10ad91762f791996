"""SMTP smuggling: no byte sequence but CRLF.CRLF ends a message, on any door, and none hides a second message.

https://smtpsmuggling.com tells the attack: two servers that disagree on where a message ends. A message is sent that contains a false
end and, behind it, a whole second transaction. Safe is: one message or a refusal, and never a second message in a mailbox.
"""
import socket

import mail
from check import check, equal, true
from demo import unverified

FALSE_ENDS = [b"\n.\n", b"\n.\r\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n",
              b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n.\r\0\n", b"\n\n.\r\n", b"\r\n. \r\n", b"\r\n.\x85\n", b"\0\r\n.\0\r\n", b"\r\n\n.\r\n",
              b"\r\n.\t\r\n", b"\x85.\x85", b"\r\n..\r\n", b"\n\r.\n\r", b"\r\n.\x0b\r\n"]


class Door:
    def __init__(self, port, hello=b"EHLO", tls=False, login=None):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        if tls:
            self.socket = unverified().wrap_socket(self.socket)
        self.replies = self.socket.makefile("rb")
        self.reply()
        self.say(hello + b" client.example")
        if login:
            import base64
            secret = base64.b64encode(b"\0" + login.address.encode() + b"\0" + login.password.encode())
            true(self.say(b"AUTH PLAIN " + secret).startswith(b"235"), "login")

    def reply(self):
        while True:
            line = self.replies.readline()
            if not line:
                raise EOFError
            if line[3:4] != b"-":
                return line

    def say(self, command):
        self.socket.sendall(command + b"\r\n")
        return self.reply()

    def close(self):
        self.replies.close()
        self.socket.close()


def attack(door, sender, recipient, end, mark):
    """Sends the attack; the reply codes up to the end of the connection."""
    codes = []
    try:
        door.say(b"MAIL FROM:<" + sender + b">")
        door.say(b"RCPT TO:<" + recipient + b">")
        if not door.say(b"DATA").startswith(b"354"):
            return ["no DATA"]
        author = b"From: <" + sender + b">\r\n"
        second = b"MAIL FROM:<" + sender + b">\r\nRCPT TO:<" + recipient + b">\r\nDATA\r\n" + author + b"Subject: smuggled " + mark + b"\r\n\r\nx"
        door.socket.sendall(author + b"Subject: first " + mark + b"\r\n\r\nbody" + end + second + b"\r\n.\r\nNOOP\r\nQUIT\r\n")
        while True:
            codes.append(door.reply()[:3].decode())
    except (EOFError, ConnectionError):
        return codes


def probe(demo, opened, sender, account):
    for number, end in enumerate(FALSE_ENDS):
        mark = b"n%dn" % number
        door = opened()
        codes = attack(door, sender, account.address.encode(), end, mark)
        door.close()
        true("354" not in codes, f"{end!r}: the second DATA was answered: {codes}")
    messages = list(mail.stored(demo.imap(account)).values())
    for number, end in enumerate(FALSE_ENDS):
        mark = b"n%dn" % number
        first = [m for m in messages if b"Subject: first " + mark in m.split(b"\r\n\r\n")[0]]
        smuggled = [m for m in messages if b"Subject: smuggled " + mark in m.split(b"\r\n\r\n")[0]]
        equal(smuggled, [], f"{end!r} on the way in")
        true(len(first) <= 1, f"{end!r}: {len(first)} messages")


@check("no false end of data on the MX door")
def mx(demo):
    account = demo.mailbox()
    probe(demo, lambda: Door(demo.info["smtp"]["mx_port"]), b"friend@elsewhere.example", account)


@check("no false end of data on LMTP")
def lmtp(demo):
    account = demo.mailbox()
    probe(demo, lambda: Door(demo.info["lmtp_port"], b"LHLO"), b"friend@elsewhere.example", account)


@check("no false end of data on submission")
def submission(demo):
    account = demo.mailbox()
    probe(demo, lambda: Door(demo.info["smtp"]["submissions_port"], tls=True, login=account), account.address.encode(), account)


@check("what is sent with STARTTLS before the handshake is not a command")
def injection(demo):
    door = Door(demo.info["smtp"]["mx_port"])
    account = demo.mailbox()
    door.socket.sendall(b"STARTTLS\r\nMAIL FROM:<injected@elsewhere.example>\r\nRCPT TO:<" + account.address.encode() + b">\r\n")
    reply = door.reply()
    if reply.startswith(b"220"):
        try:
            secure = unverified().wrap_socket(door.socket)
            secure.sendall(b"EHLO client.example\r\nRSET\r\n")
            replies = secure.makefile("rb")
            lines = []
            while not (lines and lines[-1].startswith(b"250 2.0.0")):
                line = replies.readline()
                if not line:
                    break
                lines.append(line)
            true(not any(b"injected" in line or b"2.1." in line for line in lines), f"an injected command was answered: {lines}")
        except OSError:
            pass  # the server dropped the connection: safe
    else:
        true(reply[:1] in b"45", f"STARTTLS with pipelined commands: {reply!r}")


@check("what is sent with IMAP STARTTLS before the handshake is not a command")
def imap_injection(demo):
    connection = socket.create_connection(("127.0.0.1", demo.info["imap"]["port"]), 30)
    connection.recv(4096)
    connection.sendall(b'a STARTTLS\r\nb CREATE injected\r\n')
    first = connection.recv(4096)
    true(first.startswith(b"a "), f"STARTTLS: {first!r}")
    if first.startswith(b"a OK"):
        try:
            secure = unverified().wrap_socket(connection)
            secure.sendall(b"c NOOP\r\n")
            answer = secure.recv(4096)
            true(b"b " not in answer[:2], f"an injected command was answered: {answer!r}")
        except OSError:
            pass  # the server dropped the connection: safe
    connection.close()
