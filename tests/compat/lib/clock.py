"""A clock that a test sets, for the servers that it starts: see clock.c."""

import mmap
import pathlib
import struct
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).with_name("clock.c")
# 2030-01-01, so that nothing depends on the day of the test.
START = 1_893_456_000_000


class Clock:
    """The time is in milliseconds since the Unix epoch. It advances when it is told to."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        library, file = f"{self.folder.name}/clock.so", f"{self.folder.name}/now"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        with open(file, "w+b") as opened:
            opened.write(bytes(8))
            opened.flush()
            self.page = mmap.mmap(opened.fileno(), 8)
        self.preload = {"LD_PRELOAD": library, "TEST_CLOCK": file}
        self.set(START)

    def set(self, now):
        self.now = now
        self.page[:] = struct.pack("=q", now * 1000)

    def advance(self, milliseconds):
        self.set(self.now + milliseconds)
