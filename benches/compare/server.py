"""A server under measurement: its process, and what the kernel tells of it."""
import contextlib
import ctypes
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from connection import Connection, ServerError

SERVER_CORE, LOAD_CORE = {0}, {1}
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def settle_down(cores):
    """What a child does before it becomes a server or a load generator: takes its cores, and dies with us."""
    def child():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if cores:
            os.sched_setaffinity(0, cores & os.sched_getaffinity(0) or os.sched_getaffinity(0))
    return child


def all_cores():
    return set(range(os.cpu_count()))


def allow_files(files):
    """Lets this process and its children open so many files, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for highest in (max(hard, files), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, highest) if highest > soft else soft, highest))
            break
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A running server. Ends with the `with` block, or when this process dies. A folder that is given is kept."""

    def __init__(self, peer, cores=SERVER_CORE, folder=None):
        self.peer, self.name, self.port, self.dead = peer, peer.name, free_port(), None
        self.load_port = free_port() if peer.load_flags else self.port
        self.folder, self.keeps_folder = folder or tempfile.mkdtemp(prefix="compare-"), folder is not None
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.started = time.perf_counter()
        self.process = subprocess.Popen(peer.command(self.port, self.load_port), cwd=self.folder, env={**os.environ, **peer.environment},
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True, preexec_fn=settle_down(cores))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def await_pong(self, seconds=15):
        """Seconds from the start of the process to its first PONG."""
        while time.perf_counter() - self.started < seconds and self.process.poll() is None:
            try:
                with Connection(self.port, timeout=1) as connection:
                    if connection.call("PING") == b"PONG":
                        return time.perf_counter() - self.started
            except (OSError, ServerError):
                time.sleep(0.0002)
        self.log.flush()
        with open(self.log.name, errors="replace") as log:
            raise ServerError(f"{self.name} does not answer (exit code {self.process.poll()}): {log.read()[-300:]}")

    def fill(self, keys, first=0, anew=False):
        if self.peer.stores:
            with Connection(self.port) as connection:
                if anew:
                    connection.call("FLUSHALL")
                connection.fill(keys, first)

    def cpu_seconds(self):
        """The CPU time of all threads, ended ones too, to the nanosecond."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def come_to_rest(self, seconds=10):
        """Waits until what is left of earlier work is done: connections closed, memory given back."""
        end, before = time.monotonic() + seconds, self.cpu_seconds()
        while time.monotonic() < end:
            time.sleep(0.05)
            now = self.cpu_seconds()
            if now - before < 0.001:
                return
            before = now

    def resident_bytes(self):
        return self._status("VmRSS")

    def peak_bytes(self):
        """The most that was resident at a time."""
        return self._status("VmHWM")

    def _status(self, name):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(rf"{name}:\s+(\d+)", status.read())[1]) * 1024

    def is_running(self):
        return self.process.poll() is None

    def stop(self):
        if self.is_running():
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        if not self.keeps_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def all_started(peers, cores, errors):
    """All servers at once. Those that do not answer are told of, and marked."""
    servers = []
    try:
        for peer in peers:
            servers.append(Server(peer, cores))
            try:
                servers[-1].await_pong()
            except ServerError as error:
                servers[-1].dead = str(error)
                errors.append(servers[-1].dead)
        yield servers
    finally:
        for server in servers:
            server.stop()
