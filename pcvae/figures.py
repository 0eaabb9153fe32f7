"""Static pictures of point clouds. Every function returns a matplotlib Figure and shows nothing."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.spines import Spine
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from PIL import Image

from pcvae import toys
from pcvae.diagnostics import Diagnosis

# Seen from the front right and a little above: +Z comes towards the reader, Y is up.
AZIMUTH = 35.0
ELEVATION = 20.0
COLORMAP = "viridis"
# Where the color map is cut: its first purples vanish on black, its last yellows on white.
DARKEST, BRIGHTEST = 0.22, 0.92
# Of text, axes and whatever else would be black or white: legible on both.
INK = "#767676"
NEARLY_BLACK = 0.25
DOT = 0.035  # diameter of one point among 2,048, in units of half a panel
VIEWS = (INK, "#e69f00")  # strokes of a side view, and ellipses behind them
DEAD = 0.05  # of what h moves: a z that moves less than this is called dead
# A shape from its z alone is known if it is nearer to itself than this share of the way to another.
KNOWN = 0.25
MOST_FACTORS = 16
# A decoder from latents (S, 2) to side views; means and standard deviations of q(z | x) for some x.
Decoder = Callable[[np.ndarray], np.ndarray]
Plane = tuple[Decoder, Float[np.ndarray, "S 2"], Float[np.ndarray, "*S 2"]]
HEADROOM, LINE = 0.12, 0.15  # above a panel, and for each line of its title, in half panels


def cloud_grid(
    points: Sequence[Float[np.ndarray, "_ 3"]],
    titles: Sequence[str] | None = None,
    colors: Sequence[np.ndarray] | None = None,
    columns: int = 5,
    *,
    azimuth: float | int = AZIMUTH,
    elevation: float | int = ELEVATION,
    color_range: tuple[float | int, float | int] | None = None,
    panel_inches: float | int = 2.0,
    heading: str | None = None,
) -> Figure:
    """Draw clouds side by side, all at one scale, each about its own panel's middle.

    Args:
        points: Clouds (N, 3), Y up; their sizes may differ, and so may the numbers of points.
        titles: A line above each cloud.
        colors: For each cloud a number a point (N,), shown by the color map, or an RGB color a
            point (N, 3) within 0..1. By default color tells depth: bright is near.
        columns: Panels in a row.
        azimuth: Degrees by which the viewer walks from the front (+Z) to the right (+X).
        elevation: Degrees by which the viewer looks down.
        color_range: Numbers at the ends of the color map; by default the lowest and the highest
            of all `colors`.
        panel_inches: Width of a panel.
        heading: A line above everything.

    Returns:
        The figure.

    Raises:
        ValueError: There are no clouds, or lists do not match in length.
    """
    _check_lists(points, titles, colors, columns)
    columns = min(columns, len(points))
    rows = -(-len(points) // columns)
    seen = [_project(cloud, azimuth, elevation) for cloud in points]
    # One half-width for all panels: a cloud that came out too large should look too large.
    dots = [DOT * min((2048 / len(cloud)) ** 0.5, 3.0) for cloud in points]
    margin = max(dots) / 2 + 0.03
    half = max(float(np.abs(cloud[:, :2]).max()) for cloud in seen) / (1 - margin) or 1.0
    lines = max((title.count("\n") + 1 for title in titles or []), default=0)
    height = 2 + HEADROOM + LINE * lines  # of a panel, in units of `half`
    top = 0.35 if heading else 0.0  # inches
    size = (columns * panel_inches, rows * panel_inches * height / 2 + top)
    figure = new_figure(size)
    axes = figure.add_axes((0, 0, 1, 1 - top / size[1]))
    axes.set(xlim=(0, 2 * columns), ylim=(-height * rows, 0), aspect="equal")
    axes.axis("off")
    middles = [
        (2 * (k % columns) + 1, -height * (k // columns) - (height - 1)) for k in range(len(points))
    ]
    flat = [cloud[:, :2] / half + middle for cloud, middle in zip(seen, middles, strict=True)]
    shades = _shades([cloud[:, 2] for cloud in seen], colors, color_range)
    for cloud, spots, shade, dot in zip(seen, flat, shades, dots, strict=True):
        order = np.argsort(cloud[:, 2])  # the nearest is painted last
        diameter = dot * panel_inches / 2 * 72  # in points
        axes.scatter(*spots[order].T, s=diameter**2, c=shade[order], linewidths=0)
    for title, (x, y) in zip(titles or [], middles, strict=False):
        axes.text(x, y + 1.05, title, ha="center", va="bottom", fontsize=4 * panel_inches)
    if heading:
        figure.text(0.5, 1 - 0.5 * top / size[1], heading, ha="center", va="center", fontsize=13)
    return figure


@dataclass(frozen=True)
class Described:
    """A figure as a notebook shows it: a picture with a text for readers who cannot see it.

    Attributes:
        figure: the figure.
        alt: what there is to see in it, in words.
    """

    figure: Figure
    alt: str

    def __repr__(self) -> str:
        """Return the text, for everything that shows no pictures."""
        return f"[Picture: {self.alt}]"

    def _repr_html_(self) -> str:
        """Return the picture, in HTML: JupyterLab gives no alt text to PNG output."""
        data = base64.b64encode(as_png(self.figure)).decode()
        width = round(self.figure.get_figwidth() * 96)
        return (
            f'<img src="data:image/png;base64,{data}" alt="{html.escape(self.alt)}" '
            f'width="{width}" style="max-width:100%;height:auto">'
        )


def described(figure: Figure, alt: str) -> Described:
    """Give a figure its alt text; the last line of a notebook's cell shows it.

    Args:
        figure: any of matplotlib's.
        alt: what there is to see in it, in words.

    Raises:
        ValueError: the text is empty.
    """
    if not alt.strip():
        raise ValueError("Say in words what the figure shows, for readers who cannot see it.")
    plt.close(figure)  # else pyplot would show it a second time
    return Described(figure, alt)


def as_png(figure: Figure) -> bytes:
    """Return a figure as a PNG that can be read on a light and on a dark page.

    Its ground is transparent, and what would be black is gray.
    """
    for_any_ground(figure)
    drawn, page = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", transparent=True)
    # 256 colors are enough for dots, and make notebooks a third as large.
    few = Image.open(drawn).quantize(256, method=Image.Quantize.FASTOCTREE)
    few.save(page, format="png", optimize=True)
    return page.getvalue()


def for_any_ground(figure: Figure) -> None:
    """Turn black lines and letters gray, and take the grounds of legends away.

    Letters on a picture (a table of colors) stay as they are: they have a ground of their own.
    """
    on_pictures = {id(text) for axes in figure.axes if axes.images for text in axes.texts}
    for artist in figure.findobj(lambda one: isinstance(one, Line2D | Text)):
        if id(artist) not in on_pictures and _is_black(artist.get_color()):
            artist.set_color(INK)
    for line in figure.findobj(Line2D):  # ticks are markers of lines
        if _is_black(line.get_markeredgecolor()):
            line.set_markeredgecolor(INK)
    for spine in figure.findobj(Spine):
        spine.set_edgecolor(INK)
    for legend in figure.findobj(Legend):
        legend.get_frame().set(facecolor="none", edgecolor=INK)


def _is_black(color: Any) -> bool:
    """Whether a color of matplotlib's is black, or so nearly that it vanishes on black."""
    return max(to_rgb(color)) < NEARLY_BLACK


def new_figure(inches: tuple[float, float]) -> Figure:
    """Return a figure that pyplot has forgotten again.

    Made by pyplot, it shows as a picture at the end of a notebook's cell; forgotten, it does not
    show a second time, and its memory is freed.
    """
    figure = plt.figure(figsize=inches, dpi=120)
    plt.close(figure)
    return figure


def _check_lists(
    points: Sequence[np.ndarray],
    titles: Sequence[str] | None,
    colors: Sequence[np.ndarray] | None,
    columns: int,
) -> None:
    if not points or columns < 1:
        raise ValueError(f"Expected clouds and one column or more, got {len(points)}, {columns}.")
    for what, values in (("titles", titles), ("colors", colors)):
        if values is not None and len(values) != len(points):
            raise ValueError(f"Expected {len(points)} {what}, one a cloud, got {len(values)}.")
    for row, (cloud, shade) in enumerate(zip(points, colors or [], strict=False)):
        if shade.shape not in ((len(cloud),), (len(cloud), 3)):
            raise ValueError(
                f"colors[{row}] should be ({len(cloud)},) or ({len(cloud)}, 3), got {shade.shape}."
            )


def _project(
    points: Float[np.ndarray, "N 3"], azimuth: float | int, elevation: float | int
) -> Float[np.ndarray, "N 3"]:
    """Return what the viewer sees: right, up, and towards the viewer. No perspective."""
    a, e = np.deg2rad([azimuth, elevation])
    right = np.array([np.cos(a), 0.0, -np.sin(a)])
    towards = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    return points @ np.stack([right, np.cross(towards, right), towards], axis=1)


def _shades(
    depths: Sequence[np.ndarray],
    colors: Sequence[np.ndarray] | None,
    color_range: tuple[float | int, float | int] | None,
) -> list[np.ndarray]:
    """Return colors (N, 3 or 4) of every cloud."""
    if colors is None:
        return [_mapped(depth, (float(depth.min()), float(depth.max()))) for depth in depths]
    numbers = np.concatenate([shade for shade in colors if shade.ndim == 1] or [np.zeros(1)])
    ends = color_range or (float(numbers.min()), float(numbers.max()))
    return [_mapped(shade, ends) if shade.ndim == 1 else shade for shade in colors]


def _mapped(values: np.ndarray, ends: tuple[float | int, float | int]) -> np.ndarray:
    """Return colors of numbers between two ends."""
    low, high = ends
    return colormaps[COLORMAP](
        DARKEST + (BRIGHTEST - DARKEST) * (values - low) / ((high - low) or 1.0)
    )


def latent_planes(planes: Mapping[str, Plane]) -> Figure:
    """Draw latent planes of the toy of chapter 02 side by side, whole.

    Args:
        planes: for each title the decoder (from latents (S, 2) to side views), and means and
            standard deviations of q(z | x) for some x.

    Returns:
        The figure: at each place z the view it decodes to, and each q(z | x) as an ellipse of one
        standard deviation.
    """
    figure = new_figure((4.2 * len(planes), 4.4))
    panels = figure.subplots(1, len(planes), squeeze=False)[0]
    for panel, (title, (decode, means, sigma)) in zip(panels, planes.items(), strict=True):
        panel.plot(*toys.ellipses(means, sigma).T, color=VIEWS[1], lw=0.7)
        panel.plot(*toys.lattice_of_views(decode).T, color=VIEWS[0], lw=1.2)
        panel.set(xlim=(-toys.REACH, toys.REACH), ylim=(-toys.REACH, toys.REACH), aspect="equal")
        panel.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    figure.set_layout_engine("constrained")
    return figure


def diagnosis_figure(found: Diagnosis, expected_sigma: float | None = None) -> Figure:
    """Draw the diagnostics of a model: a dead z is seen in the first panel.

    Args:
        found: from `pcvae.diagnostics.examine`.
        expected_sigma: the closed form of the standard deviations of h, see
            `pcvae.objective.equilibrium_sigma`; None leaves it out.

    Returns:
        The figure.
    """
    figure = new_figure((11.0, 6.2))
    panels = figure.subplots(2, 3)
    _draw_swap(panels[0, 0], found, "z")
    _draw_swap(panels[0, 1], found, "h")
    _draw_chamfer(panels[0, 2], found)
    _draw_shares(panels[1, 0], found)
    _draw_sigmas(panels[1, 1], found, expected_sigma)
    _draw_factors(panels[1, 2], found)
    figure.suptitle(f"{_verdict(found)}  ({found.shapes} shapes)", fontweight="bold")
    figure.set_layout_engine("constrained")
    return figure


def _verdict(found: Diagnosis) -> str:
    """Say in a line what z does: beside a given h, or by way of a learned prior that draws h."""
    swap = found.swaps["z"]
    if swap.displacement >= DEAD * found.swaps["h"].displacement:
        return "z moves the shape"
    if found.from_style < KNOWN * swap.to_donor:
        return "z decides the shape by way of the prior: beside a given h it moves nothing"
    return "z is dead: it moves nothing"


def _draw_swap(panel: Axes, found: Diagnosis, latent: str) -> None:
    """Draw how far the swapped clouds are from both shapes that gave a latent."""
    swap = found.swaps[latent]
    held = {"z": "h", "h": "z"}[latent]
    bars = panel.bar([f"gave {held}", f"gave {latent}"], [swap.to_own, swap.to_donor], 0.6)
    bars[1].set_color("tab:orange")
    panel.bar_label(bars, fmt="%.3g")
    panel.margins(y=0.15)
    title = f"{latent} swapped, {held} held: points move by {swap.displacement:.2g}"
    panel.set_title(title, fontsize=9)
    panel.set_ylabel("Chamfer distance to the shape that", fontsize=8)


def _draw_chamfer(panel: Axes, found: Diagnosis) -> None:
    """Draw the error of z alone beside its floor, and that of means beside that of samples."""
    names = ["floor:\ntwo halves", "from z\nalone", "from\nmeans", "from\nsamples"]
    errors = found.errors
    values = [found.floor, found.from_style, errors.from_means, errors.from_samples]
    bars = panel.bar(names, values, 0.6, color=["0.6", "tab:blue", "tab:green", "tab:green"])
    panel.bar_label(bars, fmt="%.3g")
    panel.margins(y=0.15)
    panel.axvline(1.5, color="0.8")
    panel.set_title("Chamfer distance | mean error of a coordinate", fontsize=9)
    panel.tick_params(axis="x", labelsize=8)


def _draw_shares(panel: Axes, found: Diagnosis) -> None:
    """Draw the spectrum of mu_z."""
    shares = found.variance_shares[:16]
    panel.bar(np.arange(1, len(shares) + 1), shares, label="each")
    panel.plot(np.arange(1, len(shares) + 1), np.cumsum(shares), "o-", color="0.4", label="sum")
    panel.set(ylim=(0, 1.05), xlabel="principal direction of the means of z")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_title("share of the variance of z", fontsize=9)
    panel.legend(fontsize=8)


def _draw_sigmas(panel: Axes, found: Diagnosis, expected: float | None) -> None:
    """Draw the spread of the local posteriors, beside the prior's and the closed form's."""
    ends = [*found.sigmas, 1.0, *([expected] if expected else [])]
    edges = np.geomspace(min(ends) / 1.3, max(ends) * 1.3, 50)
    panel.hist(found.sigmas, edges)
    panel.axvline(1, color="0.4", ls=":", label="the prior's: 1")
    if expected:
        label = f"closed form: {expected:.3g}"
        panel.axvline(expected, color="tab:orange", label=label)
    panel.set(xscale="log", xlabel="standard deviation of a coordinate of h", yticks=[])
    decades = np.log10(edges[-1] / edges[0])
    labeled = (1, 2, 5) if decades < 1.5 else (1, 3) if decades < 3 else (1,)  # or they overlap
    panel.xaxis.set_major_locator(LogLocator(subs=labeled))
    panel.xaxis.set_major_formatter("{x:g}")
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_title(f"local posteriors: {found.errors.sigma_xyz:.3g} on average", fontsize=9)
    panel.legend(fontsize=8)


def _draw_factors(panel: Axes, found: Diagnosis) -> None:
    """Draw how well each known factor is read off the means of z, the best on top."""
    panel.set_title("$R^2$ of factors read off z", fontsize=9)
    if not found.factors:
        panel.axis("off")
        panel.text(0.5, 0.5, "no factors are known", ha="center", transform=panel.transAxes)
        return
    best = sorted(found.factors.items(), key=lambda pair: pair[1])[-MOST_FACTORS:]
    panel.barh([name for name, _ in best], [max(value, 0) for _, value in best])
    panel.set_xlim(0, 1)
    panel.tick_params(axis="y", labelsize=7)
