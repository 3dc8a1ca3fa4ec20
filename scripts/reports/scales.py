# SPDX-License-Identifier: MIT
"""Axes that fit any numbers: tics in few letters, and lengths that one outlier does not decide."""
import math

PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
TIMES = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
FACTOR = 8  # what is so many times as long as the longest of the usual ones is an outlier
MARGIN = 1.3  # an outlier is drawn so many times as long as the longest of the usual ones


def short(value):
    """0, 500, 1.5M, -20k."""
    size, letter = next((prefix for prefix in PREFIXES if abs(value) >= prefix[0]), (1, ""))
    return f"{value / size:.6g}{letter}"


def limit(lengths):
    """What no length is drawn longer than. Outliers are a tenth of all at most, and at least one may be."""
    counted = sorted(length for length in lengths if length > 0)
    for i in range(len(counted) - max(1, len(counted) // 10), len(counted)):
        if i > 2 and counted[i] > FACTOR * counted[i - 1]:
            return counted[i - 1] * MARGIN
    return counted[-1] if counted else 0


def unit_of(span):
    """(seconds, name) of the unit of time in which a span has few digits."""
    return next((unit for unit in TIMES if span >= unit[0]), TIMES[-1])


def values(low, high, most, least=0.0):
    """At most so many round numbers; they are LEAST apart or more."""
    rough = max((high - low) / most, least)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def tics(axis, low, high, most, name=short, least=0.0):
    """gnuplot's line for an axis; NAME gives a number's letters."""
    return f"set {axis}tics nomirror (" + ", ".join(
        f'"{name(value)}" {value:.12g}' for value in values(low, high, most, least)) + ")"
