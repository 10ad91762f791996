"""A wire between a node and a server that can be cut: no byte passes and nobody is told, as when a switch fails."""
import selectors
import socket
import threading
import time

BYTES = 65536
LOOK_SECONDS = 0.05


class Wire:
    """Listens on `port`, leads to `target`, a port of this machine."""

    def __init__(self, target):
        self.target, self.whole, self.stopping = target, threading.Event(), False
        self.whole.set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def cut(self):
        self.whole.clear()

    def heal(self):
        self.whole.set()

    def carry(self):
        selector = selectors.DefaultSelector()
        selector.register(self.listener, selectors.EVENT_READ)
        while not self.stopping:
            if not self.whole.is_set():
                time.sleep(LOOK_SECONDS)
                continue
            for key, _ in selector.select(LOOK_SECONDS):
                if key.fileobj is self.listener:
                    self.connect(selector)
                elif key.fileobj.fileno() >= 0:
                    self.pass_on(selector, key.fileobj, key.data)
        for key in list(selector.get_map().values()):
            key.fileobj.close()
        selector.close()

    def connect(self, selector):
        near, _ = self.listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(one, selectors.EVENT_READ, other)

    @staticmethod
    def pass_on(selector, source, sink):
        try:
            data = source.recv(BYTES)
            if data:
                sink.sendall(data)
                return
        except OSError:
            pass
        for end in (source, sink):
            selector.unregister(end)
            end.close()

    def remove(self):
        self.stopping = True
        self.thread.join()
