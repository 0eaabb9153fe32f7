"""What is printed: tables of scores and of diagnostics."""

import sys
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

# What an MMD is multiplied by in the table, how that is said, and how many digits are shown.
SCALES = {"cd": (1e3, " × 10³", 2), "emd-512": (1e2, " × 10²", 2)}
GOOD = {"mmd": "↓", "cov": "↑", "1-nna": "→"}
WIDEST = 1000  # columns of text; a screen that has fewer breaks lines, and cuts no number off
# How the same is said where the output is not in Unicode.
PLAIN = str.maketrans({"↓": "v", "↑": "^", "→": ">", "±": "+-", "×": "x", "²": "^2", "³": "^3"})


def show(title: str, table: Table, notes: str = "") -> None:
    """Print a table; what is written in brackets, by colons or too long for the screen stays."""
    print(title)  # as a table's title it would be wrapped
    console = Console(markup=False, emoji=False, highlight=False)
    wide = console.options.update(max_width=WIDEST)
    console.width = max(console.width, Measurement.get(console, wide, table).maximum)
    with console.capture() as drawn:
        console.print(table)
    print(drawn.get(), end="")
    if notes:
        print(readable(notes))


def readable(text: str) -> str:
    """Return a text in signs that the output has, whatever its encoding."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text if encoding.lower().startswith("utf") else text.translate(PLAIN)


def value_table(found: Mapping[str, float]) -> Table:
    """Return the table that `pcvae diagnose` prints."""
    table = Table()
    table.add_column("diagnostic")
    table.add_column("value", justify="right")
    for name, value in found.items():
        table.add_row(name, f"{value:g}")
    return table


def scorecard(found: dict[str, Any]) -> Table:
    """Return the table that `pcvae evaluate` prints of what it found."""
    made, rebuilt = found["generation"], found["reconstruction"]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for name in ("model", "floor", "above floor"):
        table.add_column(name, justify="right", no_wrap=True)
    for title, floor, rows in (
        (f"{rebuilt['shapes']} shapes rebuilt", "two samples", _reconstruction_rows(rebuilt)),
        (f"{made['shapes']} new shapes", "held-out ones", _generation_rows(made)),
        ("nearest training shapes", "held-out ones", _memorization_rows(found["memorization"])),
    ):
        table.add_row(Text(title, "bold"), "", Text(floor, "italic"))
        for row in rows:
            table.add_row(*map(readable, row))
        table.add_section()
    return table


def _reconstruction_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    times = f"{found['cd_style_over_floor']:.2f} times"
    rebuilt, alone, floor = (
        f"{1e3 * found[name]:.2f}" for name in ("cd_posterior", "cd_style", "cd_floor")
    )
    return [
        ("CD from z and h ↓ × 10³", rebuilt),
        ("CD from z alone ↓ × 10³", alone, floor, times),
        ("F-score from z and h ↑", f"{found['f_posterior']:.3f}"),
        ("F-score from z alone ↑", f"{found['f_style']:.3f}", f"{found['f_floor']:.3f}"),
    ]


def _generation_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for distance in ("cd", "emd-512"):
        for name, score in found.get(distance, {}).items():
            scale, unit, digits = SCALES[distance] if name == "mmd" else (1.0, "", 3)
            label = f"{name.upper()}-{distance.upper()} {GOOD[name]}{unit}"
            rows.append((label, *_columns(score, scale, digits)))
    rows.append(("JSD ↓ nats", *_columns(found["jsd"], 1.0, 3)))
    return rows


def _columns(score: dict[str, float], scale: float, digits: int) -> tuple[str, str, str]:
    """Return a score, its floor and their difference, with the spread of each."""

    def written(name: str, spread: str, sign: str = "") -> str:
        return f"{scale * score[name]:{sign}.{digits}f} ± {scale * score[spread]:.{digits}f}"

    return (
        written("value", "std"),
        written("floor", "floor_std"),
        written("excess", "excess_std", sign="+"),
    )


def _memorization_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    medians = (
        f"{1e3 * found[name]:.2f}" for name in ("median_distance", "median_distance_of_held_out")
    )
    return [
        ("median CD → × 10³", *medians),
        ("nearer than held-out →", f"{found['nearer_than_held_out']:.3f}", "0.500"),
    ]


def explained(found: dict[str, Any]) -> str:
    """Return what is said below the scores, on lines of their own."""
    settings, made, rebuilt = (found[k] for k in ("settings", "generation", "reconstruction"))
    return (
        "↓ low is good, ↑ high, → near the floor. CD is squared, both ways summed.\n"
        f"Units: {settings['units']}.\n"
        f"Rebuilt from {rebuilt['points']} points. New shapes from {settings['drawn_from']}:\n"
        f"sets of {made['shapes']}, of {made['points']} points each; "
        f"± is the standard deviation over {made['splits']} splits.\n"
        f"{settings['unseen']}"
    )
