"""One run: rounds of phases, and in each phase every tool in turn."""

import os
import random
import shutil
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path

from .measure import CommandFailed, Usage, data_bytes, settle, sizes_below, timed
from .tools import Command, full_environment

MIB = 1 << 20
WEB, DATABASE, BUILD = "web01", "db01", "build01"
BACKUPS = [
    ("first", [(WEB, "web-day1.img"), (DATABASE, "db.img"), (BUILD, "btrfs.img")]),
    ("day 2", [(WEB, "web-day2.img")]),
    ("day 3", [(WEB, "web-day3.img")]),
]
COLD_RESTORE = "cold restore"
RESTORES = ["restore", COLD_RESTORE]
NEWEST = (WEB, "web-day3.img")
IMAGES = [image for _, steps in BACKUPS for _, image in steps]

STARTS = 20
SPARSE_BYTES = 10 << 40
SPARSE_DATA_BYTES = 1 << 30


@dataclass(frozen=True)
class Measurement:
    """One timed command."""

    round: int
    tool: str
    phase: str
    step: str
    load_before: float
    usage: Usage


@dataclass(frozen=True)
class RepositorySize:
    """What a tool keeps when a round is over."""

    round: int
    tool: str
    apparent_bytes: int
    allocated_bytes: int


class RestoreDiffers(Exception):
    """A restored disk that is not the disk that was backed up."""


class Run:
    """The measurements of one run, and the means to take them."""

    def __init__(self, tools, images, work, say):
        self.tools = tools
        self.images = images
        self.work = work
        self.say = say
        self.measurements = []
        self.sizes = []
        self.starts = []

    def as_json(self):
        return {
            "images": {name: {"size_bytes": (self.images / name).stat().st_size,
                              "data_bytes": data_bytes(self.images / name)} for name in IMAGES},
            "measurements": [asdict(measurement) for measurement in self.measurements],
            "repository_sizes": [asdict(size) for size in self.sizes],
            "help_seconds": self.starts,
        }

    # What a round is made of.

    def round(self, number):
        order = rotated(self.tools, number - 1)
        for tool in order:
            self.make_repository(tool)
        for phase, steps in BACKUPS:
            for machine, image in steps:
                for tool in order:
                    self.back_up(number, tool, phase, machine, image)
        for phase in RESTORES:
            for tool in order:
                self.restore(number, tool, phase)
        for tool in order:
            self.sizes.append(RepositorySize(number, tool.name, *sizes_below(tool.repository)))
            shutil.rmtree(tool.folder)

    def make_repository(self, tool):
        shutil.rmtree(tool.folder, ignore_errors=True)
        for command in tool.prepare():
            self.take(tool, command)

    def back_up(self, number, tool, phase, machine, image):
        source = self.images / image
        self.measure(number, tool, phase, image, tool.backup(machine, source.name), [source])

    def restore(self, number, tool, phase):
        machine, image = NEWEST
        target = self.work / "restored"
        for restore in tool.restores(machine, image, target):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            self.measure(
                number, tool, phase, restore.way, restore.command,
                [tool.kept(machine, image)], cold=phase == COLD_RESTORE)
            self.compare(tool, restore.file, self.images / image)
            shutil.rmtree(target)

    def compare(self, tool, restored, original):
        same = self.work / "cmp.log"
        try:
            timed(Command(["cmp", restored, original]), os.environ, same)
        except CommandFailed as error:
            raise RestoreDiffers(f"{tool.name}: the restored disk is wrong: {error}") from error

    def measure(self, number, tool, phase, step, command, read, cold=False):
        others = [other.folder for other in self.tools if other is not tool]
        settle(read, cold, [self.images, *others])
        load = os.getloadavg()[0]
        usage = self.take(tool, command)
        self.measurements.append(Measurement(number, tool.name, phase, step, load, usage))
        self.say(f"round {number}  {phase:13} {tool.name:11} {step:14} {usage.seconds:8.2f} s  "
                 f"cpu {usage.cpu_seconds:8.2f} s  rss {usage.max_rss_bytes / MIB:6.0f} MiB")

    def take(self, tool, command):
        return timed(command, full_environment(tool), self.work / f"{tool.name}.log")

    # What is asked of Kluis alone.

    def start_ups(self, tool):
        help_command = Command([tool.program, "--help"])
        self.starts = [self.take(tool, help_command).seconds for _ in range(STARTS)]
        self.say(f"kluis --help: median {statistics.median(self.starts) * 1000:.1f} ms")

    def sparse_disk(self, number, tool):
        disk = self.work / "sparse-10T.img"
        if not disk.exists():
            make_sparse_disk(disk, self.images / IMAGES[0])
        self.make_repository(tool)
        for _ in data_pieces(disk):
            pass  # into the page cache: reading 10 TiB whole would take an hour
        command = tool.backup("sparse01", disk)
        self.measure(number, tool, "10 TiB", disk.name, command, [])
        shutil.rmtree(tool.folder)


def rotated(tools, count):
    count %= len(tools)
    return tools[count:] + tools[:count]


def make_sparse_disk(disk, source):
    """Scatters 1 GiB of a real disk's data, a MiB at a time, over a disk of 10 TiB."""
    choice = random.Random("10 TiB")
    places = choice.sample(range(SPARSE_BYTES // MIB), SPARSE_DATA_BYTES // MIB)
    part = Path(f"{disk}.part")
    with open(part, "wb") as target:
        target.truncate(SPARSE_BYTES)
        for place, piece in zip(places, data_pieces(source)):
            target.seek(place * MIB)
            target.write(piece)
    part.rename(disk)


def data_pieces(source):
    """The MiB-sized pieces of a sparse file that are data from end to end."""
    with open(source, "rb", buffering=0) as file:
        size, end = os.fstat(file.fileno()).st_size, 0
        while end < size:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError:  # ENXIO: no data after here
                return
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            for offset in range(start, end - MIB + 1, MIB):
                yield os.pread(file.fileno(), MIB, offset)
