"""Still pictures, by matplotlib, of what plotly or WebGL draws on a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcvae.figures import cloud_grid, new_figure
from pcvae.widgets.coloring import Coloring
from pcvae.widgets.panel import plain_text

INCHES = (7.5, 3.2)  # of a chart
POINT = 0.75  # of matplotlib, to a pixel
GRAY = 0x76  # in place of black, which vanishes on a dark page
DASHES = {"dot": ":", "dash": "--", "dashdot": "-."}


def of_clouds(
    clouds: Sequence[Float[np.ndarray, "_ 3"]],
    radii: Sequence[float],
    titles: Sequence[str],
    coloring: Coloring,
) -> Figure:
    """Draw clouds side by side, each at the scale of its own view.

    Args:
        clouds: of one number of points.
        radii: what each cloud's coordinates are divided by.
        titles: a line above each cloud.
        coloring: the colors of all.
    """
    if coloring.stepped:
        shades = coloring.rgb()
        shades[shades.sum(axis=1) == 0] = GRAY
        shades, ends = shades / 255, None
    else:
        shades, ends = coloring.values, (coloring.low, coloring.high)
    scaled = [cloud / radius for cloud, radius in zip(clouds, radii, strict=True)]
    colors = [shades] * len(clouds)
    return cloud_grid(scaled, titles, colors, len(clouds), color_range=ends, panel_inches=2.5)


def of_curves(traces: Sequence[Any], layout: Any) -> Figure:
    """Draw plotly's curves and dots, their panels in a row.

    Args:
        traces: of the type scatter.
        layout: plotly's; read are sizes, ranges, kinds and titles of axes, and annotations.
    """
    figure = new_figure(INCHES)
    pairs = dict.fromkeys(map(_axes_of, traces))
    widths = [np.ptp(layout[x].domain or (0, 1)) for x, _ in pairs]
    row = figure.subplots(1, len(pairs), squeeze=False, width_ratios=widths)[0]
    panels = dict(zip(pairs, row, strict=True))
    for (x, y), panel in panels.items():
        _frame(panel, layout[x], layout[y])
    for trace in traces:
        _draw(panels[_axes_of(trace)], trace)
    titles = [note.text for note in layout.annotations] or [layout.title.text]
    for title, panel in zip(titles, row, strict=False):
        panel.set_title(plain_text(title), fontsize=9)
    if layout.showlegend is not False and len(traces) > 1 and any(t.name for t in traces):
        row[0].legend(fontsize=8)
    figure.set_layout_engine("constrained")
    return figure


def _axes_of(trace: Any) -> tuple[str, str]:
    """Return the names that a trace's axes have in the layout: x2 is xaxis2."""
    return f"xaxis{(trace.xaxis or 'x')[1:]}", f"yaxis{(trace.yaxis or 'y')[1:]}"


def _frame(panel: Axes, across: Any, up: Any) -> None:
    """Give a panel the axes of plotly's."""
    for name, axis in (("x", across), ("y", up)):
        log = axis.type == "log"
        options: dict[str, Any] = {f"{name}label": plain_text(axis.title.text)}
        options[f"{name}scale"] = "log" if log else "linear"
        if axis.range:
            low, high = (float(end) for end in axis.range)
            options[f"{name}lim"] = (10**low, 10**high) if log else (low, high)
        panel.set(**options)
        panel.tick_params(axis=name, labelsize=8, label1On=axis.showticklabels is not False)
    if up.scaleanchor:
        panel.set_aspect("equal")


def _draw(panel: Axes, trace: Any) -> None:
    """Draw one curve, or dots."""
    x, y = ([] if values is None else values for values in (trace.x, trace.y))
    mode = trace.mode or ("lines+markers" if len(x) < 20 else "lines")  # as plotly has it
    if "lines" in mode:
        dash, width = DASHES.get(trace.line.dash, "-"), trace.line.width or 2
        panel.plot(x, y, dash, color=trace.line.color, label=trace.name, lw=width * POINT)
    if "markers" in mode and len(x):
        size = (trace.marker.size or 6) * POINT
        panel.scatter(x, y, s=size**2, c=trace.marker.color, linewidths=0)
