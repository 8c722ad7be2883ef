"""Timing one command, and making every command start from the same state of the machine."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

READ_BYTES = 1 << 20
TOUCHED_BYTES = 8 << 30
LAUNCH = Path(__file__).with_name("launch.py")


class CommandFailed(Exception):
    """A command that ended with another status than 0, with the end of what it said."""


@dataclass(frozen=True)
class Usage:
    seconds: float
    cpu_seconds: float
    max_rss_bytes: int


def timed(command, environment, log):
    """Runs a command to its own end and says what it used, its child processes included.

    What the command says lies in `log` afterwards.
    """
    usage = log.with_suffix(".usage")
    usage.unlink(missing_ok=True)
    arguments = [str(argument) for argument in command.arguments]
    with open(log, "wb") as errors, open(command.output or log, "ab") as output:
        subprocess.run(
            [sys.executable, "-I", "-S", LAUNCH, usage, *arguments], cwd=command.directory,
            env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, check=False)
    status, *used = usage.read_text().split() if usage.exists() else ["none"]
    if status != "0":
        said = log.read_text(errors="replace").strip()[-600:]
        raise CommandFailed(f"{' '.join(arguments)}: status {status}: {said}")
    seconds, cpu_seconds, max_rss_bytes = used
    return Usage(float(seconds), float(cpu_seconds), int(max_rss_bytes))


def settle(paths, cold=False, aside=()):
    """Lets the writes of former steps reach the disk, touches free memory, and has the paths whole
    in the page cache, or not at all if `cold`.

    What lies in the folders `aside` and is not wanted leaves the page cache: it would take the
    room of what is, since a sparse image that was read takes as much as a full one.
    """
    files = [file for path in paths for file in files_below(path)]
    os.sync()
    unwanted = {file for path in aside for file in files_below(path)}.difference(files)
    for file in unwanted.union(files if cold else ()):
        forget(file)
    if not cold:
        for file in files:
            read_whole(file)
    touch_free_memory()


def touch_free_memory():
    """Fills memory and gives it back. A virtual machine hands pages that it does not use to its
    host, and whoever needs them first pays for getting them again; nobody should here."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    len(b"\x01" * min(TOUCHED_BYTES, free // 4 * 3))


def read_whole(file):
    buffer = bytearray(READ_BYTES)
    with open(file, "rb", buffering=0) as stream:
        while stream.readinto(buffer):
            pass


def forget(file):
    """Takes a file, which must be synced, out of the page cache."""
    with open(file, "rb", buffering=0) as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def files_below(path):
    if path.is_file():
        return [path]
    return [file for file in sorted(path.rglob("*")) if file.is_file()]


def sizes_below(path):
    """The apparent and the allocated bytes of all files below a path."""
    states = [file.stat() for file in files_below(path)]
    return sum(state.st_size for state in states), sum(state.st_blocks * 512 for state in states)


def data_bytes(image):
    return image.stat().st_blocks * 512
