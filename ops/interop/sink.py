"""A host for outgoing mail that takes everything and keeps it."""
import socketserver
import threading
import time

from check import Failed
from demo import CLIENT_SECONDS_MAX


class Sink(socketserver.ThreadingTCPServer):
    """`messages` are as they came over the wire, without the stuffed dots; `subjects` are theirs. While `hold` is an event that is not
    set, messages whose subjects begin with `held` are received and not answered: `holding` has who sends them, by subject."""

    allow_reuse_address = daemon_threads = True

    class Session(socketserver.StreamRequestHandler):
        def handle(self):
            name = ""
            self.wfile.write(b"220 sink\r\n")
            for line in self.rfile:
                word = line[:4].upper().strip()
                if word == b"EHLO":
                    name = line[5:].decode(errors="replace").strip()
                    self.wfile.write(b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
                    continue
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = []
                    for part in iter(self.rfile.readline, b".\r\n"):
                        if not part:
                            return
                        lines.append(part[1:] if part.startswith(b".") else part)
                    subjects = [part[9:].decode(errors="replace").strip() for part in lines if part.startswith(b"Subject: ")]
                    if self.server.hold is not None and any(subject.startswith(self.server.held) for subject in subjects):
                        self.server.holding.update({subject: name for subject in subjects})
                        self.server.hold.wait(CLIENT_SECONDS_MAX)
                    self.server.subjects += subjects
                    self.server.messages.append(b"".join(lines))
                self.wfile.write(b"250 ok\r\n" if word != b"QUIT" else b"221 bye\r\n")
                if word == b"QUIT":
                    return

    def __init__(self):
        self.messages, self.subjects = [], []
        self.hold, self.held, self.holding = None, "", {}
        super().__init__(("127.0.0.1", 0), Sink.Session)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Clients that are killed in the midst of a session are what some checks are about."""

    def take(self):
        """The next message."""
        end = time.monotonic() + CLIENT_SECONDS_MAX
        while not self.messages:
            if time.monotonic() > end:
                raise Failed("the sink got no message")
            time.sleep(0.05)
        return self.messages.pop(0)
