# SPDX-License-Identifier: MIT
"""What fuzzing begins with: for each target a few inputs as its file takes them apart, among them
every one that once showed a fault."""
import struct


def text(*parts):
    """Texts as input_text() takes them."""
    return b"".join(part.encode() + b"\0" for part in parts)


def image(file, ram=1, initrd=None, more=0xff):
    """An image, and perhaps an initrd; no zeroes at their ends."""
    used = 0x8000 | len(initrd) if initrd else 0
    return struct.pack("<BH", ram, used) + bytes([more]) + (initrd or b"") + bytes([more]) + file


def linux(text_offset, image_size):
    """The header of an arm64 Image."""
    return struct.pack("<2L6Q2L", 0x14000010, 0, text_offset, image_size, 0xa, 0, 0, 0, 0x644d5241, 0)


def elf(*segments, entry=0x40080000):
    """An executable of (offset, address, filesz, memsz) segments."""
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<2HL3QL6H", 2, 183, 1, entry, 64, 0, 0, 64, 56,
                                                      len(segments), 0, 0, 0)
    for offset, address, filesz, memsz in segments:
        header += struct.pack("<2L6Q", 1, 5, offset, address, address, filesz, memsz, 4096)
    return header


TWO_PMUS = bytes([0, 1, 2, 0, 2, 0, 0]) + b"\0" + text("0-3\n") + b"\0" + text("0-3\n") + b"".join(
    text(name) + b"\0" + text(cpus) + b"\0" + text(number)
    for name, cpus, number in [("rmv8_cortex_a53", "0-1\n", "8\n"), ("rmv8_cortex_a72", "2-3\n", "9\n")])

SEEDS = {
    "bus": [bytes([0, 0, 8, 0, 0, 0x10] * 5) + bytes([15, 0, 0, 1] * 8)],
    "cpulist": [b"\x40" + text(list) for list in ("", "0-3,6\n", "0,2,4-7", "1023", "3-1", "0-")],
    "fdt": [bytes(1) + struct.pack("<2B4QBH", 3, 1, 0x40000000, 64 << 20, 0, 0, 1, 2048) + b"\0" + b"quiet",
            bytes([1, 63, 1]) + struct.pack("<4Q", 0x40000000, 1 << 40, 0x48000000, 0x48100000) + b"\0\0"],
    "host": [TWO_PMUS],
    "image": [image(b"\1flat"), image(b"\1flat", initrd=b"initrd"), image(linux(0, 0x10000)),
              image(linux(0x80000, 1 << 36)), image(elf((0, 0x40080000, 200, 4096))),
              image(elf((0, 0x40000000, 64, 64), (64, 0x40080000, 20, 8192)), initrd=b"x"),
              image(elf((0, 0x40020000, 64, 34 << 30), entry=0x40020000), initrd=b"x"),
              image(b"MZ\0\0zimg" + struct.pack("<4L", 64, 99, 0, 0) + b"zstd22".ljust(40, b"\0")),
              image(b"\x1f\x8b\x08\0gzip"), image(b"\x28\xb5\x2f\xfdzstd"), image(b"070701"),
              image(b"MZ".ljust(60, b"\1") + b"\x40\0\0\0PE\0\0"), image(b"MZ".ljust(514, b"\1") + b"HdrS"),
              image(elf((200, 0xffff800080000000, 64, 64)).ljust(256, b"\0") + b"ARM\x64")],
    "json": [bytes([2]) + text("armv8_cortex_a53") + b"\3" + text('a"\\\1\xff') + b"\xc2\1" + text("one\ntwo") +
             bytes(range(60))],
    "lab": [bytes([1]) + bytes(8) + b"\1\0" + bytes([0x15, 0, 0, 0x33, 0x43, 7, 0x55, 0, 2]),
            bytes([0]) + bytes(8) + b"\0\x0f" + struct.pack("<3L", 0, 0, 0) + bytes([0x15, 1, 0])],
    "options": [text(*line.split()) for line in (
        "guest.bin", "--help", "--probe=json", "--pmu=explicit:armv8_cortex_a53 --cpus=2 --mem=1G guest.bin",
        "--pmu=explicit:cpu2 --affinity=0:0-1;1:2 --cpus 2 guest.bin", "--affinity=0-3,6 -- -x",
        "--migrate=step:0,2 --settle --on-refusal=return guest.bin", "--migrate=random:5ms:42 guest.bin",
        "--pmu-filter=allow:0x11,0x8-0xb --pmu-counters=3 --gic=3 --el2=e2h0 guest.bin",
        "--record=- --trace=t --initrd=i --dtb-out=d --append a --timeout=9 --no-reboot --jail=log --quiet g")],
    "pl011": [bytes(2) + bytes([0x29, 65, 0, 0x29, 10, 0, 9, 0x2c, 0x10, 0, 2, 40, 7, 0x28, 3, 9, 0x38, 0x50, 0])],
    "plan": [b"\1\0\1\2\3" + text(plan) for plan in (
        "none", "step:0,2-3,1", "every:5ms", "every:100us:0,2", "random:3600s:0x2a", "random:1s", "every:1h")],
}
