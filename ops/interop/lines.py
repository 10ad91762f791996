"""A line-by-line IMAP client for what imaplib cannot say: literals come back joined to their line."""
import re
import socket
import zlib

from demo import CLIENT_SECONDS_MAX, unverified


class Lines:
    def __init__(self, demo, account=None):
        plain = socket.create_connection(("127.0.0.1", demo.info["imap"]["tls_port"]), CLIENT_SECONDS_MAX,
                                         (demo.source(), 0))
        self.socket = unverified().wrap_socket(plain)
        self.buffer = b""
        self.number = 0
        self.inflate = self.deflate = None
        self.greeting = self.line()
        if account is not None:
            self.ok(f'LOGIN "{account.address}" "{account.password}"')

    def write(self, data):
        if self.deflate:
            data = self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        self.socket.sendall(data)

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server closed the connection")
        self.buffer += self.inflate.decompress(data) if self.inflate else data

    def exact(self, size):
        while len(self.buffer) < size:
            self.more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def line(self):
        """One line with its literals, without the line end."""
        out = b""
        while True:
            while b"\r\n" not in self.buffer:
                self.more()
            part, self.buffer = self.buffer.split(b"\r\n", 1)
            out += part
            literal = re.search(rb"~?\{(\d+)\}$", part)
            if not literal:
                return out
            out += b"\r\n" + self.exact(int(literal.group(1)))

    def send(self, command):
        self.number += 1
        tag = b"x%d" % self.number
        self.write(tag + b" " + (command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return tag

    def until(self, tag):
        """Untagged lines, and the tagged one without its tag."""
        untagged = []
        while True:
            line = self.line()
            if line.startswith(tag + b" "):
                return untagged, line[len(tag) + 1:]
            untagged.append(line)

    def command(self, command):
        return self.until(self.send(command))

    def ok(self, command):
        """Untagged lines of a command that must succeed; the tagged text is the last."""
        untagged, tagged = self.command(command)
        if not tagged.upper().startswith(b"OK"):
            raise AssertionError(f"{command!r}: {tagged!r}")
        return untagged + [tagged]

    def fails(self, command, code=b"NO"):
        untagged, tagged = self.command(command)
        if not tagged.upper().startswith(code):
            raise AssertionError(f"{command!r}: expected {code!r}, got {tagged!r}")
        return tagged

    def append(self, mailbox, message, flags="", literal="+"):
        head = f'APPEND "{mailbox}" ({flags}) {{{len(message)}{literal}}}\r\n'.encode()
        return self.ok(head + message)

    def compress(self):
        self.ok("COMPRESS DEFLATE")
        self.deflate, self.inflate = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.decompressobj(-15)

    def close(self):
        self.socket.close()
