# SPDX-License-Identifier: MIT
"""A labgrid driver: files to and from an emulated board through QEMU's virtio port, past the slow console."""
import socket
import threading

import attr
from labgrid.driver.common import Driver
from labgrid.factory import target_factory
from labgrid.protocol import CommandProtocol, FileTransferProtocol

PORT = "/dev/vport0p1"


@target_factory.reg_driver
@attr.s(eq=False)
class VirtioPortDriver(Driver, FileTransferProtocol):
    """path: the socket of the port's chardev. The other end is a shell command that reads or writes so many bytes."""

    bindings = {"command": CommandProtocol}
    priorities = {FileTransferProtocol: 10}  # above a shell's, which would use XMODEM
    path = attr.ib(validator=attr.validators.instance_of(str))

    def _connect(self):
        port = socket.socket(socket.AF_UNIX)
        port.settimeout(60)
        port.connect(self.path)
        return port

    @Driver.check_active
    def put(self, filename, remotepath):
        with open(filename, "rb") as file, self._connect() as port:
            data = file.read()
            sender = threading.Thread(target=port.sendall, args=(data,))
            sender.start()
            self.command.run_check(f"head -c {len(data)} {PORT} >'{remotepath}'")
            sender.join()

    @Driver.check_active
    def get(self, filename, destination):
        size = int(self.command.run_check(f"wc -c <'{filename}'")[0])
        with open(destination, "wb") as file, self._connect() as port:
            sender = threading.Thread(target=self.command.run_check, args=(f"cat '{filename}' >{PORT}",))
            sender.start()
            while size:
                data = port.recv(min(size, 65536))
                if not data:
                    raise OSError(f"{filename}: the board's port was closed")
                file.write(data)
                size -= len(data)
            sender.join()
