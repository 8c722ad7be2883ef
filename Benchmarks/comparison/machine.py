"""What this machine and the tools on it are called."""

import os
import platform
import re
import subprocess
from pathlib import Path


def describe(work, tools):
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": system_name(),
        "kernel": platform.release(),
        "file_system": file_system(work),
        "tools": {tool.name: version(tool) for tool in tools},
    }


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def cpu_slug(model):
    words = re.sub(r"\(r\)|\(tm\)|\bcpu\b|@.*", " ", model.lower())
    return "-".join(re.findall(r"[a-z0-9]+", words))


def system_name():
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())


def file_system(path):
    """The type of the mount that holds a path: the longest mount point that is a prefix of it."""
    best, found = "", "unknown"
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, point, kind = line.split(" ")[:3]
        holds = os.path.commonpath([point, path.resolve()]) == point
        if holds and len(point) >= len(best):
            best, found = point, kind
    return found


def version(tool):
    said = subprocess.run(
        tool.version_arguments(), capture_output=True, text=True, check=False).stdout
    return said.splitlines()[0].strip() if said else "unknown"


def one_line():
    """The machine in a sentence, for a page of results."""
    memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    return (f"{cpu_model()}, {len(os.sched_getaffinity(0))} cores, {memory} GiB, "
            f"{system_name()}, Linux {platform.release()}.")
