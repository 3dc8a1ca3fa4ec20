# SPDX-License-Identifier: MIT
"""A labgrid driver: files to and from a board as text, through its shell on a serial console.

labgrid's own way there is XMODEM, for which it wants programs that Debian names in other ways.
"""
import base64
import hashlib

import attr
from labgrid.driver.common import Driver
from labgrid.driver.exception import ExecutionError
from labgrid.factory import target_factory
from labgrid.protocol import FileTransferProtocol

PUT_PIECE = 2400  # a line shorter than the 4096 characters that a terminal keeps
GET_PIECE = 12000  # the shell driver looks through all that it has with each character that it gets
# Nothing comes twice over the console, and each line only when the one before it has been read.
RECEIVE = """stty -echo; while echo 'next''piece' >/dev/tty; read -r line && [ "$line" ]; do \
echo "$line" | base64 -d; done >'{}'; stty echo"""


@target_factory.reg_driver
@attr.s(eq=False)
class ConsoleFilesDriver(Driver, FileTransferProtocol):
    """The board needs base64, dd, sha256sum and stty: coreutils or a busybox."""

    bindings = {"shell": "ShellDriver"}
    priorities = {FileTransferProtocol: 10}  # above a shell's, which is XMODEM

    @Driver.check_active
    def put(self, filename, remotepath):
        with open(filename, "rb") as file:
            data = file.read()
        self.shell.console.sendline(RECEIVE.format(remotepath))
        for at in range(0, len(data) + PUT_PIECE, PUT_PIECE):  # the last one is empty, which ends it
            self.shell.console.expect("nextpiece", timeout=30)
            self.shell.console.sendline(base64.b64encode(data[at:at + PUT_PIECE]).decode())
        self._compare(data, remotepath)

    @Driver.check_active
    def get(self, filename, destination):
        size = int(self.shell.run_check(f"wc -c <'{filename}'")[0])
        data = b""
        for piece in range(-(-size // GET_PIECE)):
            lines = self.shell.run_check(f"dd if='{filename}' bs={GET_PIECE} skip={piece} count=1 2>/dev/null | base64")
            data += base64.b64decode("".join(lines))
        self._compare(data, filename)
        with open(destination, "wb") as file:
            file.write(data)

    def _compare(self, data, remotepath):
        """The board may have written something else to its console in between."""
        if self.shell.run_check(f"sha256sum <'{remotepath}'")[0].split()[0] != hashlib.sha256(data).hexdigest():
            raise ExecutionError(f"{remotepath} is not what the console carried")
