# SPDX-License-Identifier: MIT
"""Colours, for a person at a terminal who has not said no (https://no-color.org)."""
import os
import sys

GOOD, BAD = 32, 31  # green and red


def painted(text, good, stream=None):
    """TEXT in the colour of good or bad news, if STREAM, which is standard output by default, shows colours."""
    stream = stream or sys.stdout
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return text
    return f"\033[{GOOD if good else BAD}m{text}\033[m"
