#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program on a terminal of so many columns, and prints what that terminal was sent.

    on_terminal.py COLUMNS PROGRAM [ARGUMENT]...
    on_terminal.py COLUMNS --lines PROGRAM    its arguments from standard input, a line a run; each
                                              answer stands between "$ LINE" and "exit status N"
"""
import fcntl
import os
import pty
import shlex
import struct
import sys
import termios


def each_line(columns, program):
    for line in sys.stdin.read().splitlines():
        print("$ " + line, flush=True)
        status = run(columns, [program, *shlex.split(line)])
        print("exit status %d" % status, flush=True)
    return 0


def run(columns, argv):
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = os.environ.get("TTY_TERM", "xterm")
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
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
    sys.stdout.buffer.flush()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if sys.argv[2] == "--lines":
        sys.exit(each_line(sys.argv[1], sys.argv[3]))
    sys.exit(run(sys.argv[1], sys.argv[2:]))
