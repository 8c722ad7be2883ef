"""How each tool makes a repository, takes a backup and gives a disk back."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    arguments: list
    directory: Path = None  # where it runs
    output: Path = None  # the file that receives what it prints


@dataclass(frozen=True)
class Restore:
    way: str
    command: Command
    file: Path  # the disk image that is there afterwards


class Tool:
    """One program with one repository, below a folder of its own."""

    name = title = program = ""
    is_floor = False  # a plain copy: no deduplication, no points in time

    def __init__(self, images, folder, program=None):
        self.images = images
        self.folder = folder
        self.repository = folder / "repository"
        self.program = program or self.program

    def is_installed(self):
        return shutil.which(self.program) is not None

    def environment(self):
        return {}

    def version_arguments(self):
        return [self.program, "--version"]

    def prepare(self):
        """Makes an empty repository's folder; returns what must run, untimed, to make the rest."""
        self.repository.mkdir(parents=True)
        return []

    def backup(self, machine, image):
        raise NotImplementedError

    def kept(self, machine, image):
        """Where that which a restore reads lies."""
        return self.repository

    def restores(self, machine, image, target):
        """The ways to get a machine's newest backup, which was of `image`, out below `target`."""
        raise NotImplementedError


class Kluis(Tool):
    name, title, program = "kluis", "Kluis", "kluis"

    def environment(self):
        return {"KLUIS_CACHE": self.folder / "cache"}

    def run(self, *arguments):
        return Command([self.program, "--vault", self.repository, *arguments, "--quiet"])

    def prepare(self):
        self.folder.mkdir(parents=True)
        return [Command([self.program, "init", self.repository,
                         "--redundancy", "single", "--snapshots", "none"])]

    def backup(self, machine, image):
        return self.run("backup", machine, "--disk", f"root={self.images / image}")

    def restores(self, machine, image, target):
        file = target / image
        return [Restore("restore", self.run("restore", "disk", machine, "--to", file), file)]


class KluisEncrypted(Kluis):
    name, title = "kluis-encrypted", "Kluis, encrypted"

    def environment(self):
        return super().environment() | {"KLUIS_KEY_FILE": self.folder / "key"}

    def prepare(self):
        (command,) = super().prepare()
        (self.folder / "key").write_bytes(os.urandom(32))
        return [Command([*command.arguments, "--encrypt"])]


class Restic(Tool):
    name, title, program = "restic", "restic", "restic"

    def environment(self):
        return {
            "RESTIC_CACHE_DIR": self.folder / "cache",
            "RESTIC_PASSWORD_FILE": self.folder / "password",
        }

    def run(self, *arguments, output=None):
        return Command(
            [self.program, "--repo", self.repository, "--quiet", *arguments], output=output)

    def version_arguments(self):
        return [self.program, "version"]

    def prepare(self):
        self.folder.mkdir(parents=True)
        (self.folder / "password").write_text("x\n", encoding="ascii")
        return [self.run("init", "--repository-version", "2")]

    def backup(self, machine, image):
        return self.run(
            "backup", "--compression", "auto", "--host", machine, self.images / image)

    def restore_options(self):
        """`--sparse`, from version 0.15 on."""
        said = subprocess.run(
            [self.program, "restore", "--help"], capture_output=True, text=True, check=True)
        return ["--sparse"] if "--sparse" in said.stdout else []

    def restores(self, machine, image, target):
        path = self.images / image
        dumped, restored = target / image, target / path.relative_to("/")
        newest = ["latest", "--host", machine]
        return [
            Restore("dump", self.run("dump", *newest, path, output=dumped), dumped),
            Restore(
                "restore",
                self.run("restore", *newest, "--target", target, *self.restore_options()),
                restored),
        ]


class Borg(Tool):
    name, title, program = "borg", "borg", "borg"
    chunking = []

    def environment(self):
        return {
            "BORG_BASE_DIR": self.folder / "cache",
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        }

    def archive(self, machine, image):
        return f"{self.repository}::{machine}-{image}"

    def prepare(self):
        self.folder.mkdir(parents=True)
        return [Command([self.program, "init", "--encryption", "none", self.repository])]

    def backup(self, machine, image):
        return Command(
            [self.program, "create", "--compression", "zstd,1", *self.chunking,
             self.archive(machine, image), image],
            directory=self.images)

    def restores(self, machine, image, target):
        command = Command(
            [self.program, "extract", "--sparse", self.archive(machine, image)], directory=target)
        return [Restore("extract", command, target / image)]


class BorgFixed(Borg):
    name, title = "borg-fixed", "borg, fixed 4 MiB"
    chunking = ["--sparse", "--chunker-params", "fixed,4194304"]


class Casync(Tool):
    name, title, program = "casync", "casync", "casync"

    def run(self, *arguments):
        return Command([self.program, "--store", self.repository / "store.castr", *arguments])

    def index(self, machine, image):
        return self.repository / f"{machine}-{image}.caibx"

    def backup(self, machine, image):
        return self.run("make", self.index(machine, image), self.images / image)

    def restores(self, machine, image, target):
        file = target / image
        return [Restore("extract", self.run("extract", self.index(machine, image), file), file)]


class Copy(Tool):
    name, title, program = "cp", "cp --sparse=auto", "cp"
    is_floor = True

    def run(self, source, destination):
        return Command([self.program, "--sparse=auto", source, destination])

    def kept(self, machine, image):
        return self.repository / image

    def backup(self, machine, image):
        return self.run(self.images / image, self.kept(machine, image))

    def restores(self, machine, image, target):
        file = target / image
        return [Restore("copy", self.run(self.kept(machine, image), file), file)]


class QemuImg(Tool):
    name, title, program = "qemu-img", "qemu-img convert", "qemu-img"
    is_floor = True

    def run(self, source, source_format, destination, destination_format):
        return Command([self.program, "convert", "-f", source_format, "-O", destination_format,
                        source, destination])

    def kept(self, machine, image):
        return self.repository / f"{image}.qcow2"

    def backup(self, machine, image):
        return self.run(self.images / image, "raw", self.kept(machine, image), "qcow2")

    def restores(self, machine, image, target):
        file = target / image
        return [Restore("convert", self.run(self.kept(machine, image), "qcow2", file, "raw"), file)]


TOOLS = {tool.name: tool for tool in (
    Kluis, KluisEncrypted, Restic, Borg, BorgFixed, Casync, Copy, QemuImg)}


def full_environment(tool):
    """This process's environment with the tool's own settings, and no others of its kind."""
    inherited = {
        name: value for name, value in os.environ.items()
        if not name.startswith(("KLUIS_", "RESTIC_", "BORG_"))}
    own = {name: str(value) for name, value in tool.environment().items()}
    return {**inherited, **own, "LC_ALL": "C.UTF-8"}
