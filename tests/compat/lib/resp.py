"""The protocol, as far as a comparison needs it: bytes are kept as they came, and parsed when they differ."""

import socket


def encode(words):
    return b"*%d\r\n%s" % (len(words), b"".join([b"$%d\r\n%s\r\n" % (len(word), word) for word in words]))


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.position = b"", 0

    def send(self, commands):
        self.socket.sendall(b"".join(map(encode, commands)))

    def ask(self, *words):
        self.send([words])
        return self.reply()

    def reply(self):
        """Returns the bytes of the next reply."""
        while True:
            end = end_of_reply(self.buffer, self.position)
            if end is not None:
                raw = self.buffer[self.position:end]
                self.position = end
                return raw
            self.receive()

    def receive(self):
        received = self.socket.recv(1 << 18)
        if not received:
            raise ConnectionError("the server closed the connection")
        self.buffer = self.buffer[self.position:] + received
        self.position = 0

    def close(self):
        self.socket.close()


def end_of_reply(buffer, start):
    """Returns where the reply at `start` ends; None if it has not arrived as a whole."""
    pending, position = 1, start
    while pending:
        line = buffer.find(b"\r\n", position)
        if line < 0:
            return None
        kind = buffer[position]
        if kind in b"$=!":
            length = int(buffer[position + 1:line])
            position = line + 2 + (length + 2 if length >= 0 else 0)
            if position > len(buffer):
                return None
        else:
            if kind in b"*~>":
                pending += max(int(buffer[position + 1:line]), 0)
            elif kind in b"%|":
                pending += 2 * int(buffer[position + 1:line])
            position = line + 2
        pending -= 1
    return position


def parse(raw):
    """Parses a reply to `(type, payload)`: bytes or None, or a list for an array, a set, a push or a map (flat)."""
    return parse_at(raw, 0)[0]


def parse_at(raw, position):
    line = raw.index(b"\r\n", position)
    kind, head = raw[position:position + 1], raw[position + 1:line]
    position = line + 2
    if kind in b"$=!":
        length = int(head)
        if length < 0:
            return (kind, None), position
        return (kind, raw[position:position + length]), position + length + 2
    if kind in b"*~>%|":
        count = int(head) * (2 if kind in b"%|" else 1)
        if count < 0:
            return (kind, None), position
        items = []
        for _ in range(count):
            item, position = parse_at(raw, position)
            items.append(item)
        return (kind, items), position
    return (kind, None if kind == b"_" else head), position


def is_error(raw):
    return raw[:1] in b"-!"


def show(raw, limit=400):
    """A reply or a word as one line of text, cut after `limit` bytes."""
    text = "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02x}" for byte in raw[:limit])
    text = text.replace("\\x0d\\x0a", "|")
    return text + ("…" if limit and len(raw) > limit else "")
