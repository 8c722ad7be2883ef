"""The tables of a run, as Markdown."""

from .run import IMAGES, SPARSE_BYTES
from .summary import MIB, PHASES, promises, rows

NOTES = """\
- Medians over the rounds. In a round every phase runs for all tools, one after the other, and
  each round begins with another tool. Before each timed command its input (the image, or for a
  restore the repository) is read whole, and `sync` empties the queue of dirty pages. Before a
  *cold restore* the repository, for cp and qemu-img their copy, is out of the page cache instead.
- *First* is the sum of three commands, one machine each, into a new repository; *daily* is days 2
  and 3 together. *Restore* is day 3 whole to a new file; every restored file was compared with
  its image, bit for bit, outside of the timing.
- A command is timed to its own end. restic, borg and Kluis sync what they store before they end;
  casync, cp and qemu-img leave that to the kernel.
- restic always encrypts (AES-256-CTR, Poly1305), and so does `Kluis, encrypted` (AES-256-GCM);
  nothing else here does. restic stores format 2
  with `--compression auto`, borg `zstd,1`, Kluis `zstd:1`, casync its default.
- `borg` cuts by content (`buzhash`), `borg, fixed 4 MiB` as its manual advises for raw disks.
- restic's restore is the faster of `dump` to a file and `restore`, with `--sparse` where it has it.
- Memory is the largest resident set of any one process of a command; the process that starts and
  waits for it has some 10 MiB, the least that can show.
"""


def markdown(run, machine, date, rounds, plot_name):
    table = rows(run)
    parts = [
        f"# Kluis and its peers, {date}, {machine['cpu']}",
        machine_lines(machine, rounds),
        f"![Seconds and sizes by tool]({plot_name})",
        "## Time and space", results_table(table),
        "## Processor seconds (user and system)", cpu_table(table),
        "## The promises", promises_table(promises(run, table)),
    ]
    sparse = sparse_line(table)
    if sparse:
        parts += ["## A large, nearly empty disk", sparse]
    parts += ["## Images", images_table(run), "## Notes", NOTES]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def machine_lines(machine, rounds):
    versions = "; ".join(dict.fromkeys(machine["tools"].values()))
    return (
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Linux {machine['kernel']}, {machine['file_system']}; {rounds} "
        f"{'round' if rounds == 1 else 'rounds'}. Versions: {versions}.")


def grid(header, lines):
    """A Markdown table whose columns are aligned in the source, too."""
    cells = [header, *lines]
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]

    def joined(line):
        padded = [line[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    return "\n".join([joined(header), joined(rule), *map(joined, lines)])


def seconds_cell(row, phase, kluis, quantity="seconds"):
    value = getattr(row, quantity)[phase]
    cell = f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    if kluis and kluis is not row:
        cell += f" ({value / getattr(kluis, quantity)[phase]:.1f}×)"
    return cell


def size_cell(row, kluis):
    cell = f"{row.allocated_bytes / 1e6:,.0f}"
    if kluis and kluis is not row:
        cell += f" ({row.allocated_bytes / kluis.allocated_bytes:.2f}×)"
    return cell


def kluis_of(table):
    return next((row for row in table if row.tool.name == "kluis"), None)


def title(row):
    way = f" ({row.restore_way})" if row.tool.name == "restic" else ""
    return row.tool.title + way


def results_table(table):
    kluis = kluis_of(table)
    header = ["", "first s", "day 2 s", "day 3 s", "daily s", "restore s", "cold restore s",
              "repository MB", "memory MiB"]
    return grid(header, [
        [title(row), *(seconds_cell(row, phase, kluis) for phase in PHASES),
         size_cell(row, kluis), f"{row.max_rss_bytes / MIB:.0f}"]
        for row in table])


def cpu_table(table):
    kluis = kluis_of(table)
    return grid(["", *PHASES], [
        [row.tool.title, *(seconds_cell(row, phase, kluis, "cpu_seconds") for phase in PHASES)]
        for row in table])


def promises_table(promised):
    lines = []
    for promise in promised:
        asked = f"{'≥' if promise.at_least else '≤'} {promise.bar:g}{promise.unit}"
        measured = "–" if promise.measured is None else f"{promise.measured:.2f}{promise.unit}"
        lines.append([promise.text, asked, measured, promise.verdict()])
    return grid(["promise", "asked", "measured", ""], lines)


def sparse_line(table):
    kluis = kluis_of(table)
    if kluis is None or "10 TiB" not in kluis.seconds:
        return None
    return (f"First backup of a disk of {SPARSE_BYTES >> 40} TiB that holds 1 GiB of data, "
            f"Kluis only: {kluis.seconds['10 TiB']:.1f} s, "
            f"{kluis.cpu_seconds['10 TiB']:.1f} s of processor time.")


def images_table(run):
    images = run.as_json()["images"]
    lines = [[name, f"{images[name]['size_bytes'] / 2**30:.1f}",
              f"{images[name]['data_bytes'] / 1e6:,.0f}"] for name in IMAGES]
    return grid(["image", "size GiB", "data MB"], lines)
