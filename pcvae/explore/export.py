"""Clouds as a picture, and walks as a page that plays them without a kernel."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pcvae.files import atomic_path, write_atomically

SCRIPT = Path(__file__).parents[1] / "widgets/clouds.js"
TITLES = ("Input x", "Latent points h_xyz", "Decoded")


def write_png(
    path: Path,
    clouds: Sequence[Float[np.ndarray, "N 3"]],
    rgb: UInt8[np.ndarray, "N 3"],
    titles: Sequence[str] = TITLES,
) -> Path:
    """Write a picture of clouds side by side, seen from the right, the front and above."""
    figure = Figure(figsize=(3.2 * len(clouds), 3.4), dpi=150)
    FigureCanvasAgg(figure)
    for index, (cloud, title) in enumerate(zip(clouds, titles, strict=True)):
        axes = figure.add_axes((index / len(clouds), 0, 1 / len(clouds), 0.9))
        across, up, depth = _seen(cloud)
        order = np.argsort(depth)  # the nearest last, on top
        axes.scatter(across[order], up[order], s=2, c=rgb[order] / 255, linewidths=0)
        reach = 1.05 * max(np.abs(across).max(), np.abs(up).max(), 1e-9)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.set_axis_off()
        axes.set_title(title, fontsize=10)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
    return path


def _seen(cloud: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "3 N"]:
    """Return coordinates to the right, upward and towards the reader."""
    turn, tilt = np.radians(38.0), np.radians(20.0)
    x, y, z = cloud.T.astype(float)
    across = np.cos(turn) * x - np.sin(turn) * z
    toward = np.sin(turn) * x + np.cos(turn) * z
    up = np.cos(tilt) * y - np.sin(tilt) * toward
    return np.stack([across, up, np.sin(tilt) * y + np.cos(tilt) * toward])


def write_walk(
    path: Path,
    frames: Float[np.ndarray, "F N 3"],
    rgb: UInt8[np.ndarray, "N 3"],
    captions: Sequence[str],
    title: str,
    radius: float = 1.0,
) -> Path:
    """Write one HTML file that plays a walk: with no kernel, no network and no other file.

    Args:
        path: the file.
        frames: clouds, in data units.
        rgb: the points' colors.
        captions: a few words for each frame.
        title: of the page.
        radius: of the ball that stays in sight however it is turned.

    Raises:
        ValueError: if there is no frame, or not one caption for each.
    """
    if len(frames) == 0 or len(captions) != len(frames):
        raise ValueError(f"Expected a caption for each of {len(frames)} frames, one or more.")
    data = {
        "count": int(frames.shape[1]),
        "radius": radius,
        "captions": list(captions),
        "title": title,
        "frames": _base64(frames.astype("<f4")),
        "rgb": _base64(rgb),
    }
    # A "<" could end the script early or begin another; JSON has this other way to write it.
    text = json.dumps(data).replace("<", "\\u003c")
    script = SCRIPT.read_text(encoding="utf-8")
    page = PAGE.replace("TITLE", html.escape(title)).replace("DATA", text)
    write_atomically(path, page.replace("SCRIPT", script))
    return path


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>TITLE</title>
<style>
  :root { color-scheme: light dark; font-family: system-ui, sans-serif; }
  body { margin: 1rem auto; max-width: 900px; padding: 0 1rem; }
  #view { height: min(70vh, 700px); }
  #controls { display: flex; gap: 1rem; align-items: center; }
  #frame { flex: 1; }
</style>
</head>
<body>
<h1>TITLE</h1>
<div id="view"></div>
<p id="controls">
  <button id="play">Play</button>
  <label for="frame">Frame</label><input id="frame" type="range" min="0" value="0">
  <output id="caption" for="frame"></output>
</p>
<p>Drag the cloud to turn it; the wheel, or + and -, zooms; the arrow keys turn it too.</p>
<script id="data" type="application/json">DATA</script>
<script type="module">
SCRIPT
playWalk(JSON.parse(document.getElementById("data").textContent));
</script>
</body>
</html>
"""
