"""Runs a program and writes what it used to a file: launch.py REPORT PROGRAM ARGUMENT…

It is a process of its own because Linux counts the largest resident set of the process that
starts a program as the program's own. This one is small; `compare` with its tables is not.
"""

import os
import signal
import sys
import time


def main(report, *arguments):
    start = time.monotonic()
    child = os.posix_spawnp(arguments[0], arguments, os.environ, setsigdef=[signal.SIGPIPE])
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - start
    with open(report, "w", encoding="ascii") as file:
        file.write(f"{os.waitstatus_to_exitcode(status)} {seconds} "
                   f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss * 1024}")


if __name__ == "__main__":
    main(*sys.argv[1:])
