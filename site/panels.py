"""The panels of the chapters: which still picture stands for each, and where one like it lives."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STILLS = Path(__file__).resolve().parent / "stills"


@dataclass(frozen=True)
class Panel:
    """What a page says in place of a panel.

    Attributes:
        name: Chapter and number, as in the file names of its pictures.
        alt: What the picture shows.
        live: What follows the address of the live page, if that has a panel like this one.
        title: What the panel is called, if it does not say so itself.
        invitation: The words of the link to the live page.
    """

    name: str
    alt: str
    live: str | None = None
    title: str | None = None
    invitation: str = "Drag one like it in this browser"

    def stills(self) -> dict[str, Path]:
        """Its pictures by theme; where there is none for dark pages, the light one is inverted."""
        paths = {theme: STILLS / f"{self.name}-{theme}.webp" for theme in ("light", "dark")}
        return {theme: path for theme, path in paths.items() if path.exists()}


EXPLORER = (
    "The explorer: {shape} as input, its latent points and the decoded shape side by side; below "
    "them tabs, of which the first has sliders for directions of z and for the noise in h."
)
FACTORS = (
    "Three clouds of a chair: input, latent points and decoded. Below them a slider for each "
    "factor, from leg height to base, with the value asked for and the one measured."
)
SWAP = (
    "The style swap: a chair, a sofa, and what the model decodes from the latents of both. Below "
    "them lists to choose the shapes from, and a slider that says how much of z is the sofa's."
)
PANELS = (
    Panel("00-1", FACTORS, live="#shape=chair-1"),
    Panel("00-2", EXPLORER.format(shape="a dining chair"), live="#shape=chair-1"),
    Panel(
        "01-1",
        "A cloud of a chair, legs blue, seat orange, back green. Beside it a slider for each "
        "measure, lists for back style, armrests and base, and how long 10 cm are in the cloud.",
        live="#shape=chair-1",
    ),
    Panel(
        "02-1",
        "The latent plane: a grid of chairs seen from the side, whose seats get higher and whose "
        "backs tilt across it, under ellipses of posteriors. Beside it the chair decoded at one "
        "place; below sliders for beta, z1 and z2.",
    ),
    Panel(
        "03-1",
        "A chair with arms twice: the points that are shown, and the few that win a channel of "
        "the maximum. Below, boxes that hide parts, and a table of what z says of the chair.",
    ),
    Panel(
        "04-1",
        "A chair as input and its latent points, nearly the same, beside a curve of what a "
        "coordinate costs by its sigma. Below, sliders for sigma offset, skip weight and others.",
    ),
    Panel("05-1", SWAP, live="#shape=chair-1&other=table-1&take=z&amount=1"),
    Panel("05-2", SWAP),
    Panel(
        "06-1",
        "Three curves over a run: the KL weight, the effective weight and the sigma of h. Below, "
        "sliders for reduction, batch size, both weights and the share of the ramp.",
    ),
    Panel(
        "07-1",
        "Curves of a run on a logarithmic axis: the errors of training and validation and both "
        "KL terms, as they were when the run was finished.",
        title="A live curve",
    ),
    Panel("08-1", EXPLORER.format(shape="a shape"), live="#shape=chair-1"),
    Panel("08-2", EXPLORER.format(shape="the same shape"), live="#shape=chair-1"),
    Panel("08-3", FACTORS, live="#shape=chair-1"),
    Panel(
        "08-4",
        "A chair on a column, nothing of a table mixed in yet. Beside it lists of what is mixed "
        "and how h is held, and a slider for the amount.",
        live="#shape=chair-1&other=table-1",
    ),
    Panel(
        "09-1",
        "A new shape, a chair with four legs. Beside it sliders for seed and steps, and a list "
        "of solvers.",
        live="#shape=new-5",
    ),
    Panel("09-2", "A round heap of particles, before they set out. Beside it a slider for time."),
    Panel(
        "09-3",
        "A chair on a column. Beside it sliders for two directions of z, and for the noise.",
        live="#shape=chair-1",
    ),
    Panel(
        "10-1",
        "One of the shapes that are scored. Beside it sliders for families kept, blur, copies "
        "and the number of shapes, and five scores, each with its floor.",
    ),
    Panel(
        "11-1",
        "A cloud with as many points as a model would see. Beside it sliders for points, batch "
        "size, shapes and epochs, and an estimate of steps, hours and memory.",
    ),
    Panel("11-2", EXPLORER.format(shape="a stool")),
    Panel(
        "12-1",
        "A chair; one of its points, and those it hears of, are colored. Beside it sliders for "
        "the point, the radius of its ball and the resolution of the grid.",
    ),
    Panel("12-2", EXPLORER.format(shape="a chair")),
)


def panels_of(chapter: str) -> Iterator[Panel]:
    """The panels of a chapter, one after the other as they stand in it."""
    told = {panel.name: panel for panel in PANELS}
    for number in itertools.count(1):
        name = f"{chapter[:2]}-{number}"
        yield told.get(name) or Panel(name, "The panel, with what it shows and its sliders.")
