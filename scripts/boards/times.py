# SPDX-License-Identifier: MIT
"""Times on command lines."""
import argparse
import re

SECONDS = {"s": 1, "m": 60, "h": 3600}


def duration(unit, name):
    """The parser of an option for a time: a number, which is in UNIT, which NAME names; or a number with its own unit."""
    def parse_time(text):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
        if not match or not float(match[1]):
            raise argparse.ArgumentTypeError(f"'{text}' is not a time above 0; use {name}, or e.g. 90s, 15m or 2h")
        value = float(match[1]) * SECONDS[match[2] or unit] / SECONDS[unit]
        return int(value) if value.is_integer() else value
    return parse_time


seconds = duration("s", "seconds")
minutes = duration("m", "minutes")
