# SPDX-License-Identifier: MIT
"""What scripts share that run other scripts and boards, several at a time."""
import concurrent.futures
import contextlib
import os
import signal
import subprocess
import sys
import threading

from runs.command_line import main_of

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUNNING = set()  # process groups
STOPPING = threading.Event()


def listen(stream, heard):
    """Starts to read its lines; returns the list that they are in when the thread has ended, and the thread."""
    lines = []

    def read():
        for line in stream:
            lines.append(line)
            heard(line)
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return lines, thread


def run(*command, stderr=None, heard=None):
    """Its status, output and, with stderr=subprocess.PIPE, its errors, of which HEARD gets each line when it comes.
    It has a session of its own, so that it hears of Ctrl-C only from stop()."""
    with subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=stderr, start_new_session=True, text=True,
                          errors="replace") as process:
        RUNNING.add(process.pid)
        if STOPPING.is_set():
            stop()
        try:
            if heard:
                lines, listener = listen(process.stderr, heard)
                output = process.stdout.read()
                listener.join()
                process.wait()
                errors = "".join(lines)
            else:
                output, errors = process.communicate()
        except BaseException:
            stop()
            raise
        RUNNING.discard(process.pid)
    return process.returncode, output, errors


def stop():
    """Ends all that is running, and what is started after it."""
    STOPPING.set()
    for group in list(RUNNING):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)


def script(name, *args):
    """What one of our scripts prints, or None if it fails: it says why itself."""
    status, output, _ = run(os.path.join("scripts", name), *args)
    return None if status else output.strip()


@contextlib.contextmanager
def workers(number):
    """A pool of threads; a block that is left by an exception leaves nothing running."""
    with concurrent.futures.ThreadPoolExecutor(number) as pool:
        try:
            yield pool
        except BaseException:
            stop()  # or the pool would wait for them
            raise


def guarded(name, main, failed=1):
    """main_of(), and whatever ends it, a signal too, leaves nothing running."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda received, _: sys.exit(128 + received))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        main_of(name, main, failed)
    finally:
        stop()
