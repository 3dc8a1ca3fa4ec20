# SPDX-License-Identifier: MIT
"""What a long command is at, on stderr: never silent for more than ten seconds."""
import contextlib
import re
import sys
import threading
import time

SILENCE = 9  # seconds, and one to spare
CASES = re.compile(r"pmu-regress: (\d+) of (\d+) cases")  # what --progress says in the kernel's log


class Progress:
    """Says what it is told to, and in between what is going on."""

    def __init__(self, name, silence=SILENCE, out=sys.stderr):
        self.name, self.silence, self.out = name, silence, out
        self.lock = threading.Lock()
        self.last = time.monotonic()

    def __call__(self, text):
        with self.lock:
            print(f"{self.name}: {text}", file=self.out, flush=True)
            self.last = time.monotonic()

    @contextlib.contextmanager
    def during(self, text):
        """While the block runs, says what TEXT() gives whenever there was silence."""
        start, ended = time.monotonic(), threading.Event()

        def watch():
            while not ended.wait(max(self.last + self.silence - time.monotonic(), 0.01)):
                if time.monotonic() >= self.last + self.silence:
                    self(f"{text()} ({time.monotonic() - start:.0f} s)")
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


class Boards:
    """How far boards are that run cases, each known by a name."""

    def __init__(self, names, clock=time.monotonic):
        self.names, self.clock, self.start = list(names), clock, clock()
        self.cases = {}  # {name: [done, of all]} of those that have said so
        self.done = set()

    def hear(self, name, line):
        """A line of that board's console."""
        if match := CASES.search(line):
            self.cases[name] = [int(match[1]), int(match[2])]

    def end(self, name):
        """That board is done."""
        self.done.add(name)

    def left(self):
        """About how many seconds; None if nothing is known yet."""
        ran = sum(done for done, _ in self.cases.values())
        if not ran:
            return None
        most = max(total for _, total in self.cases.values())
        cases = sum(total - done for done, total in (self.cases.get(name, (0, most)) for name in self.names if name not in self.done))
        return cases * (self.clock() - self.start) / ran

    def text(self):
        """What runs, how far it is, and about how long it will take."""
        running = [f"{name}: {done} of {total} cases" for name, (done, total) in self.cases.items() if name not in self.done]
        left = self.left()
        time_left = "" if left is None else f"; about {round(left)} s left" if left < 100 else f"; about {round(left / 60)} min left"
        return f"{len(self.done)} of {len(self.names)} boards are done; {', '.join(running) or 'boards start'}{time_left}"
