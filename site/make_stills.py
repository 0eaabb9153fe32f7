"""Take the still pictures of the chapters' panels: `python site/make_stills.py [CHAPTER ...]`.

A real JupyterLab is opened as in the browser tests (needs Chromium), the cells of each chapter's
panels are run, and what each panel shows is kept in `stills/`, for light pages and for dark ones:
`00-1-light.webp` and `00-1-dark.webp` are the first panel of chapter 00.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import nbformat
import numpy as np
from PIL import Image, ImageChops

from build import ROOT, is_panel
from panels import STILLS

sys.path.append(str(ROOT / "tests"))

from browser.harness import Lab, find_chromium, open_page, running_server

WINDOW = {"width": 1330, "height": 1500}
EDGE = 8  # pixels of empty ground that stay
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
TEST = """
import torch
from pcvae.data.procedural import generate
test = torch.from_numpy(generate(["chair"], count=1200, num_points=512, seed=0).points)
test = (test / test.std())[1000:]
"""
# What cells that are not run, as they take long, would have left behind.
BEFORE = {
    "03": TEST,
    "05": "import pcvae.models as package",
}
# Views outside of the explorer stay white in a dark JupyterLab, unless they are told.
DARKEN = """
import gc
from pcvae.widgets import CloudView, SingleView
for thing in gc.get_objects():
    if isinstance(thing, (CloudView, SingleView)):
        thing.dark = True
"""
# Chapters that color some clouds themselves, which a view that darkens would not know.
OWN_COLORS = {"05"}
CHANGE_THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
SHOW_CELL = """index => {
    const { content } = window.jupyterapp.shell.currentWidget;
    content.activeCellIndex = index;
    return content.scrollToItem(index, 'start').then(() => true);
}"""


def cells_of_panels(path: Path) -> list[int]:
    """Places of the cells whose output is a panel."""
    return [
        index
        for index, cell in enumerate(nbformat.read(path, 4).cells)
        for output in cell.get("outputs", [])
        if is_panel(output)
    ]


def still(lab: Lab, index: int, theme: str) -> bytes | None:
    """What the panel of a cell shows, once it has come to rest; None if it keeps a white ground."""
    lab.page.evaluate(SHOW_CELL, index)
    panel = lab.page.locator(".jp-Cell.jp-mod-active .jp-OutputArea-output:visible").last
    panel.wait_for()
    for plot in panel.locator(".js-plotly-plot").all():
        plot.scroll_into_view_if_needed()
    try:
        lab.until(lambda: has_ground(panel.screenshot(), theme), seconds=20)
    except AssertionError:
        return None
    return lab.settled(panel.screenshot)


def has_ground(png: bytes, theme: str) -> bool:
    """Whether hardly anything of a picture has the ground of the other theme."""
    gray = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    return float((gray > 225 if theme == "dark" else gray < 30).mean()) < 0.05


def trimmed(png: bytes) -> Image.Image:
    """A picture without the empty ground around it, but for a little."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    ground = Image.new("RGB", picture.size, picture.getpixel((2, picture.height - 2)))
    left, top, right, bottom = ImageChops.difference(picture, ground).getbbox()
    low = [max(place - EDGE, 0) for place in (left, top)]
    return picture.crop(
        (*low, min(right + EDGE, picture.width), min(bottom + EDGE, picture.height))
    )


def take(lab: Lab, path: Path) -> None:
    """Take all stills of a chapter."""
    chapter = path.name[:2]
    lab.open_notebook(path.name)
    lab.page.set_viewport_size(WINDOW)
    lab.run_widgets(BEFORE.get(chapter, ""), seconds=900)
    for theme, name in THEMES.items():
        lab.page.evaluate(CHANGE_THEME, name)
        if theme == "dark" and chapter not in OWN_COLORS:
            lab.run_code(DARKEN)
        for number, index in enumerate(cells_of_panels(path), start=1):
            target = STILLS / f"{chapter}-{number}-{theme}.webp"
            target.unlink(missing_ok=True)
            if (png := still(lab, index, theme)) is not None:
                trimmed(png).save(target, quality=80, method=6)
            print(target.name, "left out" if png is None else target.stat().st_size, flush=True)


def main() -> None:
    """Take the stills of the chapters that are named, or of all."""
    STILLS.mkdir(exist_ok=True)
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    chosen = [path for path in paths if path.name[:2] in sys.argv[1:] or not sys.argv[1:]]
    for path in chosen:
        with (
            tempfile.TemporaryDirectory() as folder,
            running_server(Path(folder)) as server,
            open_page(server, find_chromium()) as lab,
        ):
            take(lab, path)


if __name__ == "__main__":
    main()
