#!/usr/bin/env python3
"""10,000 connections that misbehave at once, each in one of ten ways, and one client that does not.

    ./misbehaving.py                     # a minute, against the release build
    ./misbehaving.py --seconds 20 --connections 2000
    ./misbehaving.py pipeline            # 400,000 GETs of 1 KB, and 4,000,000, by a client that reads late

Checks that the answers of the healthy client come within 10 ms in 99 of 100 cases, that the buffers of all clients and the
memory of the server stay within their bounds, and that each connection that is cut is logged once. Fails if not.
"""
import argparse
import collections
import errno
import json
import os
import re
import resource
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

from connection import Connection, Keys, encode
from peers import ROOT
from server import allow_files, free_port

PASSWORD = "secret"
AUTH = encode("AUTH", PASSWORD)
MIB = 1 << 20
# What a cut connection, a connection itself and the store take beside the buffers that are bounded.
SLACK = 256 * MIB
TINY, CHUNK = 100_000, 1 << 16


class Client:
    """A connection that misbehaves. What it sends is in `unsent`."""

    opening = AUTH
    reads = True

    def __init__(self, driver, number):
        self.driver, self.number = driver, number
        self.received, self.last = 0, b""
        self.connect()

    def connect(self):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        # There are fewer ports than connections if they are opened again and again.
        self.socket.bind((f"127.0.{self.number % 100}.{1 + self.driver.opened % 100}", 0))
        self.driver.opened += 1
        try:
            self.socket.connect(("127.0.0.1", self.driver.port))
        except BlockingIOError:
            pass
        self.unsent, self.is_open, self.since = memoryview(self.opening + self.request()), True, time.monotonic()
        self.driver.add(self)

    def request(self):
        return b""

    def tick(self, age):
        """Once a second."""

    def on_writable(self):
        while self.unsent:
            sent = self.socket.send(self.unsent[:CHUNK])
            self.unsent = self.unsent[sent:]
        self.driver.watch(self)

    def on_readable(self):
        for _ in range(8):
            came = self.socket.recv(CHUNK)
            if not came:
                return self.close("by the server")
            self.received += len(came)
            self.last = (self.last + came)[-200:]

    def send(self, bytes_):
        self.unsent = memoryview(bytes(self.unsent) + bytes_)
        self.driver.watch(self)

    def close(self, how):
        if self.is_open:
            self.is_open = False
            self.driver.forget(self)
            self.socket.close()
            if how != "by itself":
                self.driver.closed[self.name] += 1
                self.driver.told[self.name] += b"-ERR this connection is closed" in self.last or b"-ERR Protocol" in self.last


class Silent(Client):
    name, opening = "silent", b""


class Half(Client):
    name = "half a command"

    def request(self):
        return b"*3\r\n$3\r\nSET\r\n$1"


class Drip(Client):
    name = "a byte a second"

    def request(self):
        return b"*3\r\n$3\r\nSET\r\n$4\r\nslow\r\n$1000\r\n"

    def tick(self, age):
        self.send(b"x")


class NeverReads(Client):
    name, reads = "never reads", False

    def request(self):
        return encode("GET", "large") * 1000


class ReadsLate(Client):
    name, reads = "reads late", False

    def request(self):
        return encode("GET", "small") * 1000

    def tick(self, age):
        if age > self.driver.seconds / 2 and not self.reads:
            self.reads = True
            self.driver.watch(self)


class Flood(Client):
    name, opening, reads = "floods before AUTH", b"", False

    def request(self):
        return b"GET a\r\n" * 20_000

    def tick(self, age):
        if not self.unsent:
            self.send(self.request())


class Drops(Client):
    name = "drops in a value"

    def request(self):
        return b"*3\r\n$3\r\nSET\r\n$4\r\ndrop\r\n$1000000\r\n" + b"x" * 20_000

    def tick(self, age):
        if age > 6 + self.number % 6:
            self.close("by itself")
            self.connect()


class Announces(Client):
    name = "announces 512 MB"

    def request(self):
        return b"*3\r\n$3\r\nSET\r\n$4\r\nhuge\r\n$536870912\r\n" + b"x" * CHUNK


class Hello(Client):
    name = "TLS hello"
    opening = bytes.fromhex("16030100c8010000c40303") + bytes(190)


class Tiny(Client):
    name = "100,000 tiny commands"

    def request(self):
        return b"PING\r\n" * TINY


WAYS = [Silent, Half, Drip, NeverReads, ReadsLate, Flood, Drops, Announces, Hello, Tiny]


class Driver:
    def __init__(self, port, connections, seconds):
        self.port, self.count, self.seconds = port, connections, seconds
        self.poll, self.clients, self.opened = select.epoll(), {}, 0
        self.closed, self.told = collections.Counter(), collections.Counter()
        self.all = []

    def add(self, client):
        self.clients[client.socket.fileno()] = client
        self.poll.register(client.socket, select.EPOLLOUT | select.EPOLLIN * client.reads)

    def watch(self, client):
        if client.is_open:
            self.poll.modify(client.socket, select.EPOLLOUT * bool(client.unsent) | select.EPOLLIN * client.reads)

    def forget(self, client):
        del self.clients[client.socket.fileno()]

    def run(self):
        end, tick = time.monotonic() + self.seconds, time.monotonic() + 1
        while (now := time.monotonic()) < end:
            # All of them within some seconds: the rest of the minute they are there together.
            for _ in range(200):
                if len(self.all) < self.count:
                    self.all.append(WAYS[len(self.all) % len(WAYS)](self, len(self.all)))
            if now >= tick:
                tick += 1
                for client in self.all:
                    if client.is_open:
                        client.tick(now - client.since)
            for descriptor, event in self.poll.poll(0.005, 500):
                if descriptor in self.clients:
                    self.handle(self.clients[descriptor], event)

    def handle(self, client, event):
        try:
            if event & select.EPOLLIN:
                client.on_readable()
            if client.is_open and event & select.EPOLLOUT:
                client.on_writable()
            if client.is_open and event & (select.EPOLLHUP | select.EPOLLERR) and not event & select.EPOLLIN:
                client.close("by the server")
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                raise
            client.close("by the server")


def hasten(niceness):
    """So that other work on the machine is not measured, if that is allowed."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    except PermissionError:
        pass


def healthy(port, seconds):
    """Milliseconds of each answer, of a client that asks 200 times a second."""
    taken = []
    with Connection(port) as connection:
        connection.call("AUTH", PASSWORD)
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            number += 1
            before = time.perf_counter()
            connection.call("SET", "healthy", number) if number % 2 else connection.call("GET", "healthy")
            taken.append((time.perf_counter() - before) * 1000)
            time.sleep(0.005)
    print(json.dumps(taken))


class Started:
    """The server, with its log in a file."""

    def __init__(self, binary, bound):
        self.port, self.log = free_port(), tempfile.NamedTemporaryFile(prefix="misbehaving-", suffix=".log")
        command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD, "--max-clients", "15000",
                   "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, preexec_fn=lambda: hasten(-16))
        for _ in range(200):
            try:
                self.control = Connection(self.port)
                break
            except OSError:
                time.sleep(0.02)
        self.control.call("AUTH", PASSWORD)
        self.control.call("CLIENT", "NO-EVICT", "on")
        self.control.call("CONFIG", "SET", "maxmemory-clients", bound)

    def info(self, name):
        return int(re.search(rb"\r\n%s:(\d+)" % name.encode(), b"\r\n" + self.control.call("INFO", "everything"))[1])

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) * 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        with open(self.log.name) as log:
            return log.read().splitlines()


class Watch(threading.Thread):
    """Notes the most memory that was seen."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.buffers, self.resident, self.clients, self.ends = server, 0, 0, 0, threading.Event()

    def run(self):
        while not self.ends.wait(0.25):
            self.buffers = max(self.buffers, self.server.info("mem_clients_normal"))
            self.clients = max(self.clients, self.server.info("connected_clients"))
            self.resident = max(self.resident, self.server.resident())


def misbehave(options):
    bound = options.memory * MIB
    server = Started(options.binary, bound)
    server.control.call("SET", "large", b"x" * CHUNK)
    server.control.call("SET", "small", b"x" * 1024)
    watch = Watch(server)
    command = [sys.executable, __file__, "healthy", "--port", str(server.port), "--seconds", str(options.seconds)]
    probe = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=lambda: hasten(-20))
    watch.start()
    driver = Driver(server.port, options.connections, options.seconds)
    hasten(-14)
    driver.run()
    taken = sorted(json.loads(probe.communicate(timeout=60)[0]))
    watch.ends.set()
    watch.join()
    answered = server.info("total_commands_processed")
    for client in driver.all:
        client.close("by itself")
    log = server.stop()
    return verdict(options, driver, watch, taken, answered, log, bound)


def verdict(options, driver, watch, taken, answered, log, bound):
    at = lambda share: taken[min(len(taken) - 1, int(len(taken) * share))]
    cuts = [line for line in log if "connection cut" in line]
    reasons = collections.Counter(re.sub(r".*reason=", "", line) for line in cuts)
    ids = collections.Counter(re.search(r" id=(\d+)", line)[1] for line in cuts)
    print(f"{options.connections} connections, {options.seconds} s, maxmemory-clients {bound // MIB} MiB\n")
    print(f"healthy client, {len(taken)} answers: median {at(0.5):.2f} ms, p99 {at(0.99):.2f}, p99.9 {at(0.999):.2f}, most {taken[-1]:.1f}")
    print(f"most connections {watch.clients}, commands {answered}")
    print(f"most memory of buffers {watch.buffers / MIB:.0f} MiB, resident {watch.resident / MIB:.0f} MiB\n")
    print("| misbehaves | connections | closed by the server | read why |\n|---|---|---|---|")
    for way in WAYS:
        print(f"| {way.name} | {sum(isinstance(client, way) for client in driver.all)} | {driver.closed[way.name]} | {driver.told[way.name]} |")
    print("\n| cut because | logged |\n|---|---|")
    for reason, count in reasons.most_common():
        print(f"| {reason} | {count} |")
    failures = []
    if at(0.99) > 10:
        failures.append(f"p99 of the healthy client is {at(0.99):.1f} ms")
    if watch.buffers > bound * 1.1:
        failures.append(f"the buffers took {watch.buffers / MIB:.0f} MiB")
    if watch.resident > bound + SLACK:
        failures.append(f"{watch.resident / MIB:.0f} MiB were resident")
    if twice := [number for number, count in ids.items() if count > 1]:
        failures.append(f"{len(twice)} connections were logged more than once")
    if sum(driver.closed.values()) > len(cuts):
        failures.append(f"{sum(driver.closed.values())} connections were closed, and {len(cuts)} logged")
    panics = [line for line in log if "panic" in line or "ERROR" in line]
    failures += panics[:3]
    return failures


def pipeline(options):
    """A client that writes its whole pipeline before it reads: 400,000 GETs of 1 KB, and ten times as many."""
    failures = []
    for count in (400_000, 4_000_000):
        server = Started(options.binary, 0)
        server.control.call("SET", "key", b"x" * 1024)
        one = len(b"$1024\r\n" + b"x" * 1024 + b"\r\n")
        began = time.monotonic()
        with Connection(server.port, timeout=300) as client:
            client.call("AUTH", PASSWORD)
            client.socket.sendall(encode("GET", "key") * count)
            wrote = time.monotonic() - began
            resident = server.resident()
            time.sleep(2)
            left = count * one
            while left > 0 and (came := client.socket.recv(1 << 20)):
                left -= len(came)
        took = time.monotonic() - began
        print(f"{count} GETs of 1 KB: written in {wrote:.1f} s, read in {took:.1f} s with a pause of 2, {resident / MIB:.0f} MiB resident meanwhile")
        if left:
            failures.append(f"{left} bytes of the replies to {count} GETs are missing")
        server.stop()
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="misbehave", choices=["misbehave", "pipeline", "healthy"])
    parser.add_argument("--binary", default=os.path.join(ROOT, "target", "release", "kvstore"))
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--memory", type=int, default=256, help="the bound on the buffers of all clients, in MiB")
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    if options.what == "healthy":
        return healthy(options.port, options.seconds)
    allow_files(25_000)
    failures = pipeline(options) if options.what == "pipeline" else misbehave(options)
    for failure in failures:
        print(f"!! {failure}")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
