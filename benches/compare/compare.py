#!/usr/bin/env python3
"""kvstore beside its peers: what a request costs each of them, on one machine, in turn.

  compare.py setup            installs the peers, once
  compare.py run              the table of workloads
  compare.py families         the table of lists, hashes, sets and sorted sets
  compare.py elements         memory of lists, hashes, sets and sorted sets
  compare.py threads          two worker threads, and io-threads
  compare.py memory           bytes of a key and of a connection, and the time to the first PONG
  compare.py sizes            memory of values of 22 sizes, and what is left of it when they are deleted
  compare.py idle             10,000 connections of which 100 are active
  compare.py transactions     what MULTI and EXEC add to the commands between them
  compare.py scripting        what a script costs: a single GET, a rate limiter, a function
  compare.py bullmq           what a job of BullMQ costs: adding it, and processing it
  compare.py publishing       what a published message costs, by the number of its subscribers
  compare.py observing        what GET and SET cost while clients are told of changes
  compare.py tls              what GET and SET cost over TLS
  compare.py stalls           how long other clients wait while one runs a long command
  compare.py durable          what a journal costs, what it takes on disk, and how long a start from it takes
  compare.py saving           how long clients wait while a snapshot is taken, and the memory that it takes
  compare.py growth           how cost grows with keys, connections, value sizes and depth
  compare.py draw FILE.json   pictures of what run or growth have written

What is measured, and how to read it: README.md in this folder.
"""
import argparse
import os
import signal
import sys

import peers

COMMANDS = ("run", "families", "elements", "threads", "memory", "sizes", "idle", "transactions", "scripting", "bullmq", "publishing", "observing", "tls", "stalls", "durable", "saving", "growth")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("setup", *COMMANDS):
        command = commands.add_parser(name)
        command.add_argument("--peers", default=peers.PEERS, metavar="FOLDER", help="where the peers are [%(default)s]")
        if name != "setup":
            add_options(command)
    draw = commands.add_parser("draw")
    draw.add_argument("file", metavar="FILE.json")
    draw.add_argument("--to", metavar="FOLDER", help="where the pictures go [beside the file]")
    return parser.parse_args()


def add_options(command):
    command.add_argument("--binary", metavar="FILE", help="the kvstore to measure [the release build]")
    command.add_argument("--quick", action="store_true", help="fewer and shorter samples: a first look")
    command.add_argument("--only", metavar="NAMES", help="these servers alone: kvstore,valkey9,redis8,redis7,redcon,floor")
    command.add_argument("--match", metavar="REGEX", default="", help="these workloads alone (run, families, threads, transactions, scripting, bullmq, publishing, observing, tls, stalls, growth)")
    command.add_argument("--rounds", type=int, help="how often each server is visited")
    command.add_argument("--seconds", type=float, help="how long a sample takes")
    command.add_argument("--json", metavar="FILE", help="where all samples are written [results/COMMAND.json]")


def main():
    options = arguments()
    # As with Ctrl-C: what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.command == "setup":
        from setup import setup
        return setup(options.peers)
    if options.command == "draw":
        from draw import draw
        return draw(options.file, options.to)
    command = getattr(__import__(options.command), options.command)
    return command(servers(options), options)


def servers(options):
    if not peers.load_generator():
        sys.exit("there is no redis-benchmark: ./compare.py setup says how to get it")
    found = peers.find(options.binary or peers.build_kvstore(), options.peers)
    wanted = options.only.split(",") if options.only else [peer.key for peer in found]
    missing = set(wanted) - {peer.key for peer in found}
    if missing:
        sys.exit(f"not installed: {', '.join(sorted(missing))}")
    if os.cpu_count() < 2:
        sys.exit("two cores are needed: one for the server, one for the load")
    return [peer for peer in found if peer.key in wanted]


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
