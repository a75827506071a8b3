"""Workers in processes of their own, which are killed."""

import os
import signal
import subprocess
import sys
import threading
import time

PATIENCE = 60


class Worker:
    """A process that tells what it does, a line for each step."""

    def __init__(self, file, kind, port, name):
        self.name, self.lines = name, []
        program = [sys.executable, file, kind, str(port), name]
        self.process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            # The last line of one that was killed may be cut short.
            if line.endswith("\n"):
                self.lines.append(tuple(line.split()))

    def kill_after(self, lines):
        until(lambda: len(self.lines) >= lines or self.process.poll() is not None, f"{self.name} does its work")
        assert self.process.poll() is None, f"{self.name} ended by itself"
        self.end(signal.SIGKILL)

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait()
        self.reader.join()


def tell(*words):
    # One write each, so that what was told is there whenever the process is killed.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"it takes too long: {what}"
        time.sleep(0.01)
