"""Medians of a run's measurements, and the promises held against them."""

import statistics
from dataclasses import dataclass

from .run import BACKUPS, COLD_RESTORE, RESTORES

MIB = 1 << 20
PHASES = ["first", "day 2", "day 3", "daily", *RESTORES]
FIRST_IMAGES = len(BACKUPS[0][1])


@dataclass(frozen=True)
class Row:
    """One tool's medians; a phase that was not measured is not in its dictionary."""

    tool: object
    seconds: dict
    cpu_seconds: dict
    restore_way: str
    max_rss_bytes: int
    apparent_bytes: int
    allocated_bytes: int


@dataclass(frozen=True)
class Promise:
    text: str
    bar: float
    at_least: bool
    measured: float  # None: not measured in this run
    unit: str

    def verdict(self):
        if self.measured is None:
            return "not measured"
        met = self.measured >= self.bar if self.at_least else self.measured <= self.bar
        return "met" if met else "NOT MET"


def rows(run):
    return [row(run, tool) for tool in run.tools]


def row(run, tool):
    own = [measurement for measurement in run.measurements if measurement.tool == tool.name]
    sizes = [size for size in run.sizes if size.tool == tool.name]
    way = fastest_restore(own)
    kept = [m for m in own if m.phase not in RESTORES or m.step == way]
    return Row(
        tool=tool,
        seconds=medians(kept, lambda usage: usage.seconds),
        cpu_seconds=medians(kept, lambda usage: usage.cpu_seconds),
        restore_way=way,
        max_rss_bytes=max(m.usage.max_rss_bytes for m in kept),
        apparent_bytes=statistics.median(size.apparent_bytes for size in sizes),
        allocated_bytes=statistics.median(size.allocated_bytes for size in sizes))


def fastest_restore(measurements):
    """The way whose median is lowest, for tools that have more than one way to give a disk back."""
    ways = {}
    for measurement in measurements:
        if measurement.phase == "restore":
            ways.setdefault(measurement.step, []).append(measurement.usage.seconds)
    return min(ways, key=lambda way: statistics.median(ways[way]))


def medians(measurements, quantity):
    """Per phase the median over rounds of the sum of its steps; `daily` is both days together."""
    sums = {}
    for measurement in measurements:
        phases = [measurement.phase]
        if measurement.phase.startswith("day "):
            phases.append("daily")
        for phase in phases:
            rounds = sums.setdefault(phase, {})
            rounds[measurement.round] = (
                rounds.get(measurement.round, 0) + quantity(measurement.usage))
    return {phase: statistics.median(rounds.values()) for phase, rounds in sums.items()}


def promises(run, table):
    """DESIGN §10, as far as this run can tell."""
    by_name = {row.tool.name: row for row in table}

    def times(phase, rival):
        return ratio(by_name, rival, lambda row: row.seconds[phase])

    def encrypted(phase):
        return inverse(ratio(by_name, "kluis-encrypted", lambda row: row.seconds[phase]))

    size = ratio(by_name, "restic", lambda row: row.allocated_bytes)
    kluis = by_name.get("kluis")
    return [
        Promise("first backup, times restic's speed", 6, True, times("first", "restic"), "×"),
        Promise("first backup, times borg's speed", 5, True, times("first", "borg"), "×"),
        Promise("daily backup, times restic's speed", 7, True, times("daily", "restic"), "×"),
        Promise("restore, times restic's speed", 2.5, True, times("restore", "restic"), "×"),
        Promise("restore, times borg's speed", 7, True, times("restore", "borg"), "×"),
        Promise("restore, of the time of cp", 1.2, False, inverse(times("restore", "cp")), "×"),
        Promise("restore from a cold cache, of the time of cp", 1.2, False,
                inverse(times(COLD_RESTORE, "cp")), "×"),
        Promise("first backup, encrypted, of the speed without", 0.85, True, encrypted("first"), "×"),
        Promise("restore, encrypted, of the speed without", 0.85, True, encrypted("restore"), "×"),
        Promise("repository, of restic's", 0.87, False, inverse(size), "×"),
        Promise("resident memory", 256, False,
                kluis and kluis.max_rss_bytes / MIB, " MiB"),
        Promise("kluis --help", 20, False,
                statistics.median(run.starts) * 1000 if run.starts else None, " ms"),
    ]


def ratio(by_name, rival, quantity):
    """A rival's quantity in multiples of Kluis's."""
    if "kluis" in by_name and rival in by_name:
        return quantity(by_name[rival]) / quantity(by_name["kluis"])
    return None


def inverse(value):
    return None if value is None else 1 / value
