"""The picture of a run: a panel of bars for each phase and one for the repositories, as SVG."""

from xml.sax.saxutils import escape

from .run import BACKUPS, NEWEST
from .summary import rows

WIDTH, MARGIN = 960, 24
LABELS, VALUES = 150, 200  # room left of the bars for names and right of them for numbers
BAR, STEP, HEADING, GAP = 18, 26, 34, 18
KLUIS, PEER, FLOOR, INK, FAINT = "#0f766e", "#7c93b3", "#c9ced6", "#1f2933", "#5f6b7a"


def svg(run, machine, date):
    table = rows(run)
    panels = [timed_panel(run, table, *which) for which in (
        ("First backup of three machines", "first", images_of("first")),
        ("Daily backup, two days", "daily", images_of("day 2") + images_of("day 3")),
        ("Restore of a whole disk", "restore", [NEWEST[1]]))]
    panels.append(size_panel(table))
    parts, top = heading(machine, date), 76
    for name, bars in panels:
        parts += panel(name, bars, top)
        top += HEADING + STEP * len(bars) + GAP
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" '
        f'viewBox="0 0 {WIDTH} {top}" stroke="none" font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="{WIDTH}" height="{top}" fill="#ffffff"/>', *parts, "</svg>"]) + "\n"


def images_of(phase):
    return [image for name, steps in BACKUPS if name == phase for _, image in steps]


def heading(machine, date):
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {date}"
    legend = "Shorter is better. Grey bars are plain copies: no deduplication, no history."
    return [text(MARGIN, 34, "Kluis and its peers", 20, INK, weight="bold"),
            text(MARGIN, 56, f"{where}. {legend}", 12, FAINT)]


def timed_panel(run, table, name, phase, images):
    """Bars of seconds; beside them the rate at which the images' data went by."""
    sizes = run.as_json()["images"]
    data = sum(sizes[image]["data_bytes"] for image in images)
    bars = [(row.tool, row.seconds[phase],
             f"{row.seconds[phase]:.1f} s · {data / row.seconds[phase] / 1e6:,.0f} MB/s")
            for row in table]
    return f"{name} ({data / 1e9:.1f} GB of data)", bars


def size_panel(table):
    return "Repository after all backups", [
        (row.tool, row.allocated_bytes, f"{row.allocated_bytes / 1e6:,.0f} MB") for row in table]


def panel(name, bars, top):
    longest = max(value for _, value, _ in bars)
    room = WIDTH - 2 * MARGIN - LABELS - VALUES
    parts = [text(MARGIN, top + 18, name, 14, INK, weight="bold")]
    for number, (tool, value, label) in enumerate(bars):
        y = top + HEADING + number * STEP
        width = max(1, room * value / longest)
        left = MARGIN + LABELS
        parts += [
            text(left - 8, y + 13, tool.title, 12, INK, anchor="end"),
            f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" '
            f'fill="{colour(tool)}"/>',
            text(left + width + 8, y + 13, label, 12, FAINT)]
    return parts


def colour(tool):
    if tool.name.startswith("kluis"):
        return KLUIS
    return FLOOR if tool.is_floor else PEER


def text(x, y, words, size, fill, anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y}" font-size="{size}" fill="{fill}" '
            f'text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>')
