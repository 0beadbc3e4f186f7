#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program on a terminal of so many columns, and prints what that terminal was sent.

    on_terminal.py COLUMNS PROGRAM [ARGUMENT]...
"""
import fcntl
import os
import pty
import struct
import sys
import termios


def main(columns, argv):
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = os.environ.get("TTY_TERM", "xterm")
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
        os.execv(argv[0], argv)
    seen = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # EIO: the program has ended
            break
        if not chunk:
            break
        seen += chunk
    sys.stdout.buffer.write(seen.replace(b"\r\n", b"\n"))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
