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
import select
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


# Sent behind a program's last word. A terminal whose last program has gone may drop what was not read
# yet, so it is kept open, and read up to here.
END = b"\0"


def run(columns, argv):
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
    pid = os.fork()
    if pid == 0:
        os.close(master)
        login(terminal)
        os.environ["TERM"] = os.environ.get("TTY_TERM", "xterm")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execv(argv[0], argv)
    seen, status = b"", None
    while not seen.endswith(END):
        if status is None:
            done, status_word = os.waitpid(pid, os.WNOHANG)
            if done:
                status = os.waitstatus_to_exitcode(status_word)
                os.write(terminal, END)
        if select.select([master], [], [], 0.01)[0]:
            seen += os.read(master, 65536)
    os.close(terminal)
    os.close(master)
    sys.stdout.buffer.write(seen[: -len(END)].replace(b"\r\n", b"\n"))
    sys.stdout.buffer.flush()
    return status


def login(terminal):
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(terminal, fd)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if sys.argv[2] == "--lines":
        sys.exit(each_line(sys.argv[1], sys.argv[3]))
    sys.exit(run(sys.argv[1], sys.argv[2:]))
