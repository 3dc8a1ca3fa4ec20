# SPDX-License-Identifier: MIT
"""What a board's kernel says on its console."""
import collections
import re

LINES = 60  # two reports of a stall
STALL = re.compile(r"rcu: INFO: \w+ (self-)?detected stall")


class Console:
    """The last lines, whether the kernel panicked, and whether it hangs."""

    def __init__(self):
        self.lines = collections.deque(maxlen=LINES)
        self.rest = b""
        self.panicked = False
        self.stalls = 0

    def take(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            self.panicked = self.panicked or "Kernel panic - not syncing" in text
            self.stalls += bool(STALL.search(text))
            self.lines.append(text)

    @property
    def hangs(self):
        """One report of a stall is a busy machine's; the second comes after a minute without a CPU's sign of life."""
        return self.stalls > 1
