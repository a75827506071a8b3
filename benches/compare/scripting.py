"""`scripting`: what a script costs: a single GET, a rate limiter, and a function, beside GET by itself."""
import hashlib
import re
from dataclasses import dataclass

import report
import workloads
from connection import Connection, Keys
from measure import Measurement, listed
from run import print_all
from server import LOAD_CORE, SERVER_CORE, all_started

SERVERS = ("kvstore", "valkey9", "redis8", "redis7", "floor")
DEPTHS = (1, 16)
QUICK = {"rounds": 2, "seconds": 0.15}
FULL = {"rounds": 15, "seconds": 0.2}

ONE_LINE = "return redis.call('GET', KEYS[1])"
# A window that begins with its first request, as most programs have it: how many there were, and how long it is still open.
LIMITER = """local hits = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {hits, left}"""
LIBRARY = f"#!lua name=measured\nredis.register_function('one_line', function(KEYS, ARGV) {ONE_LINE} end)"


@dataclass(frozen=True)
class Scripted(workloads.Workload):
    # The command that makes the script known.
    known: tuple = ()

    def check(self, server):
        if server.peer.stores:
            with Connection(server.port) as connection:
                connection.call(*self.known)
        super().check(server)

    def fits(self, answer):
        if isinstance(self.expected, int):
            return answer is not None and len(answer) == self.expected
        return isinstance(answer, list) and all(isinstance(number, int) for number in answer)


def table():
    of_get, of_limiter = [(script, hashlib.sha1(script.encode()).hexdigest()) for script in (ONE_LINE, LIMITER)]
    for depth in DEPTHS:
        yield workloads.get(64, depth)
        yield Scripted(f"EVALSHA of a GET, depth {depth}", ("EVALSHA", of_get[1], "1", "v64:__rand_int__"), depth, workloads.keys(64), 64,
                       known=("SCRIPT", "LOAD", of_get[0]))
        yield Scripted(f"FCALL of a GET, depth {depth}", ("FCALL", "one_line", "1", "v64:__rand_int__"), depth, workloads.keys(64), 64,
                       known=("FUNCTION", "LOAD", "REPLACE", LIBRARY))
        # The counters are there, and each has its expiry once it was counted.
        yield Scripted(f"EVALSHA of a rate limiter, depth {depth}", ("EVALSHA", of_limiter[1], "1", "n:__rand_int__", "1", "3600000"), depth,
                       Keys("n:", workloads.COUNT, 4, b"1000"), None, known=("SCRIPT", "LOAD", of_limiter[0]))


def scripting(peers, options):
    peers = [peer for peer in peers if options.only or peer.key in SERVERS]
    chosen = [workload for workload in table() if re.search(options.match, workload.name)]
    effort, errors = QUICK if options.quick else FULL, []
    with all_started(peers, SERVER_CORE, errors) as servers:
        measurement = Measurement(servers, options.seconds or effort["seconds"], errors, cores=LOAD_CORE)
        samples = measurement.run(chosen, options.rounds or effort["rounds"])
    print_all([peer.name for peer in peers], [workload.name for workload in chosen], samples)
    report.save("scripting", options.json, peers, errors, samples=listed(samples))
