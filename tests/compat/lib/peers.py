"""Starts servers: ours, and those that it is compared with."""

import os
import pathlib
import re
import shlex
import socket
import subprocess
import tempfile
import time

from .resp import Connection

OURS = f"{pathlib.Path(__file__).resolve().parents[3]}/target/release/kvstore --port {{port}} --log warn --appendonly no"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A server process on a free port, in a scratch folder, for as long as the `with` block runs."""

    def __init__(self, command, preload=None):
        self.command = command
        self.preload = preload

    def __enter__(self):
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory()
        environment = dict(os.environ)
        if self.preload:
            environment.update(self.preload)
        self.process = subprocess.Popen(
            shlex.split(self.command.format(port=self.port)),
            cwd=self.folder.name, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        self.wait_until_it_listens()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def wait_until_it_listens(self):
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit(f"{self.command} ended with {self.process.returncode}")
                time.sleep(0.05)
        raise SystemExit(f"{self.command} does not listen")

    @property
    def is_alive(self):
        return self.process.poll() is None


class Folder:
    """A server whose folder stays when it ends."""

    def __init__(self, command):
        self.folder, self.port = tempfile.TemporaryDirectory(), free_port()
        self.process = start(command.format(port=self.port), self.folder.name)
        self.name, self.version = identify_when_up(self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def start(command, folder):
    return subprocess.Popen(shlex.split(command), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def identify_when_up(port):
    """The same of a server that starts, once it has loaded its data."""
    for _ in range(200):
        try:
            identity = identify(port)
            if "\nloading:0" in Connection(port).ask(b"INFO", b"persistence").decode():
                return identity
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def identify(port):
    """Returns the name and the version of a server, such as ("valkey", (9, 1, 2))."""
    info = Connection(port).ask(b"INFO", b"server").decode()
    name = "valkey" if "valkey_version" in info else "redis"
    version = re.search(rf"{name}_version:([\d.]+)", info)[1]
    return name, tuple(map(int, version.split(".")))
