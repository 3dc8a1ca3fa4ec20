# SPDX-License-Identifier: MIT
"""Mails as files hold them, and the diffs in them, in the meaning that git am gives them."""
import bz2
import email
import email.header
import gzip
import lzma
import re
from typing import NamedTuple

# What begins a mail of an mbox, also one that format-patch wrote: a time, and a year after it.
SEPARATOR = re.compile(rb"^From [^\n]*\d[^\n]\d\d:\d\d[ \t]+\+?(\d+)[^\n:]*$", re.M)
HEADERS = re.compile(rb"\A(?:[\w-]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+(?:\n|\Z)")
TELLING = re.compile(rb"^(From|Subject|Date):", re.M | re.I)
DIFF = re.compile(r"^(diff --git |--- \S.*\n\+\+\+ \S)", re.M)
PACKED = {b"\x1f\x8b": gzip.decompress, b"\xfd7zXZ\0": lzma.decompress, b"BZh": bz2.decompress}


class Mail(NamedTuple):
    """What is of use of one."""
    subject: str
    diff: str  # from its first line on; empty if there is none


def unpacked(data):
    """What a compressed file holds; of others, itself. Raises what the decompressors raise."""
    for magic, unpack in PACKED.items():
        if data.startswith(magic):
            return unpack(data)
    return data


def text(data):
    """As text, from which every byte can be had back."""
    return data.decode("utf-8", "surrogateescape")


def without_cr(data):
    """Lines as programs save them with CRLF. A diff of a file that has CRLF itself is not all in such lines."""
    lines = data.split(b"\n")
    return data.replace(b"\r\n", b"\n") if all(line.endswith(b"\r") for line in lines[:-1]) else data


def diff_of(words):
    """TEXT from its first diff on."""
    found = DIFF.search(words)
    return words[found.start():] if found else ""


def starts(data):
    """Where the mails of an mbox begin."""
    return [match.start() for match in SEPARATOR.finditer(data) if int(match[1]) > 90]


def is_mail(data):
    """Whether the file holds mails, and not just a diff with words before it."""
    head = data[:65536].replace(b"\r\n", b"\n")
    headers = HEADERS.match(head)
    return starts(head)[:1] == [0] or bool(headers and TELLING.search(headers[0]))


def decoded(value):
    """A header's text, whatever its charset is called."""
    words = ""
    try:
        parts = email.header.decode_header(value)
    except email.errors.HeaderParseError:
        parts = [(value, None)]
    for part, charset in parts:
        part = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        for name in (charset or "utf-8", "utf-8", "latin-1"):
            try:
                words += part.decode(name)
                break
            except (LookupError, UnicodeDecodeError):
                continue
    return " ".join(words.split())


def unflowed(lines, joined):
    """Text that a mail program has broken into lines at spaces (RFC 3676); JOINED: without these spaces."""
    paragraph = ""
    for line in lines:
        if line == "-- ":  # a signature begins
            yield from filter(None, (paragraph, line))
            paragraph = ""
            continue
        line = line.removeprefix(" ")
        if line.endswith(" "):
            paragraph += line[:-1] if joined else line
        else:
            yield paragraph + line
            paragraph = ""
    if paragraph:
        yield paragraph


def part_text(part):
    """A part's text, as the sender wrote it."""
    data = without_cr(part.get_payload(decode=True) or b"")
    if str(part.get_param("format", "")).lower() != "flowed":
        return text(data)
    joined = str(part.get_param("delsp", "")).lower() == "yes"
    return "\n".join(unflowed(text(data).split("\n"), joined))


def one(data):
    """A Mail. A patch may be in any of its parts, whatever type the mail program gave it."""
    message = email.message_from_bytes(data.replace(b"\r\n", b"\n"))
    subject = next((value for name, value in message.raw_items() if name.lower() == "subject"), "")
    parts = [part_text(part) for part in message.walk()
             if not part.is_multipart() and part.get_content_type() != "text/html"]
    return Mail(decoded(str(subject)), diff_of("\n".join(parts)))


def read(data):
    """The Mails of a file."""
    where = starts(data)
    if where[:1] != [0]:
        return [one(data)]  # which may quote such a line
    return [one(data[start:end]) for start, end in zip(where, [*where[1:], len(data)])]
