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
        title: What the panel is called, if it does not say so itself.
        live: What follows the address of the live page, if that has a panel like this one.
        invitation: The words of the link there.
    """

    name: str
    alt: str = "The panel, with its sliders."
    title: str | None = None
    live: str | None = None
    invitation: str = "Drag one like it in this browser"

    def stills(self) -> dict[str, Path]:
        """Its pictures for light and for dark pages, as far as there are any."""
        paths = {theme: STILLS / f"{self.name}-{theme}.webp" for theme in ("light", "dark")}
        return {theme: path for theme, path in paths.items() if path.exists()}


# By chapter and by its number in the chapter.
TOLD: dict[str, dict] = {
    "00-1": {"live": ""},
    "00-2": {"live": ""},
    "01-1": {"live": ""},
    "05-1": {"live": ""},
    "07-1": {"title": "A live curve"},
    "08-1": {"live": ""},
    "08-2": {"live": ""},
    "08-3": {"live": ""},
    "08-4": {"live": ""},
    "09-1": {"live": ""},
    "09-3": {"live": ""},
}


def panels_of(chapter: str) -> Iterator[Panel]:
    """The panels of a chapter, one after the other as they stand in it."""
    for number in itertools.count(1):
        name = f"{chapter[:2]}-{number}"
        yield Panel(name, **TOLD.get(name, {}))
