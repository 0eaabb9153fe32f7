"""Film the explorer for README: `python notebooks/images/film.py` (needs Chromium).

A real JupyterLab is opened as in the browser tests, and the mouse drags the sliders. What the panel
shows on the way becomes `explorer.gif`; its last picture, in full colors, `explorer.png`.
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "tests"))

from browser.harness import find_chromium, open_page, running_server, write_notebook  # noqa: E402

PANEL = """
import torch
import pcvae
from pcvae.data import generate
from pcvae.explore import explore
torch.set_num_threads(1)
explore(pcvae.load("shapes"), generate(["chair"], 300, 2048, seed=1), start=4, view="webgl")
"""
DRAGS = (("leg height", 0.95), ("seat width", 0.9), ("back height", 0.95), ("armrests", 0.02))
FRAMES = 9  # of a drag
SETTLED = 350  # milliseconds for a picture through the prior
WIDTH = 640  # pixels of the animation


def pictures(lab) -> Iterator[Image.Image]:
    """Drag one slider after the other, and yield what the panel shows; then turn the clouds."""
    panel = lab.page.locator(".jp-OutputArea-output .widget-vbox").first
    lab.page.get_by_role("tab", name="Factors", exact=True).click()
    for label, place in DRAGS:
        slider = lab.page.locator(".widget-slider:visible").filter(has_text=label).first
        slider.wait_for()
        handle, track = (slider.locator(s).bounding_box() for s in (".noUi-handle", ".noUi-target"))
        start, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        end = track["x"] + place * track["width"]
        lab.page.mouse.move(start, y)
        lab.page.mouse.down()
        for x in np.linspace(start, end, FRAMES):
            lab.page.mouse.move(x, y)
            lab.page.wait_for_timeout(SETTLED)
            yield picture(panel)
        lab.page.mouse.up()
    lab.page.locator("canvas[role=img]").focus()
    for _ in range(FRAMES):
        lab.page.keyboard.press("ArrowLeft")
        lab.page.wait_for_timeout(SETTLED)
        yield picture(panel)


def picture(panel) -> Image.Image:
    """Return what the panel shows."""
    return Image.open(io.BytesIO(panel.screenshot())).convert("RGB")


def main() -> None:
    """Write both pictures."""
    chromium = find_chromium()
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        path = write_notebook(server.folder / "notebooks" / "film.ipynb", PANEL)
        with open_page(server, chromium) as lab:
            lab.page.set_viewport_size({"width": 1280, "height": 900})
            lab.open_notebook(path.name)
            lab.run_all()
            frames = list(pictures(lab))
    frames[-1].save(HERE / "explorer.png", optimize=True)
    small = [frame.resize((WIDTH, WIDTH * frame.height // frame.width)) for frame in frames]
    drawn = [frame.quantize(64, dither=Image.Dither.NONE) for frame in small]
    times = [120] * (len(drawn) - 1) + [1500]
    drawn[0].save(
        HERE / "explorer.gif", save_all=True, append_images=drawn[1:], duration=times, loop=0
    )


if __name__ == "__main__":
    main()
