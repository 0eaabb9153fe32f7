"""Chapter 07 in a real browser: the curves grow while the run goes on, and survive a power cut."""

import time

import pytest
from browser.harness import cells_of_widgets

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "07_training.ipynb"
# The chapter's run, made shorter: the power is cut after 500 steps, the last epoch but one saved.
SHORTER = """
chairs = replace(chairs, max_epochs=14)
total = chairs.max_epochs * per_epoch
"""
STEPS = 14 * 39
# Number of points and last step of each line of the live figure.
LINES = "plot => plot._fullData.map(line => [line.x.length, Number(line.x[line.x.length - 1])])"


def last_step(lab) -> float:
    """The last step of the first curve, or 0 while there is none yet."""
    plot = lab.page.locator(".js-plotly-plot").first
    if plot.count() == 0:
        return 0.0
    lines = plot.evaluate("plot => plot._fullData ? (" + LINES + ")(plot) : []")
    return lines[0][1] if lines and lines[0][0] else 0.0


def watch(lab, seconds: float = 900) -> list[float]:
    """All last steps that the first curve had while the cells ran, repetitions left out."""
    seen, end = [0.0], time.monotonic() + seconds
    while lab.page.evaluate("() => window.cellsRun") is None:
        assert time.monotonic() < end, f"still running after {seconds} s; saw {seen}"
        lab.next_frame()
        if (now := last_step(lab)) != seen[-1]:
            seen.append(now)
    return seen


def test_curves_grow_live_and_go_on_after_the_power_cut(lab):
    lab.open_notebook(NOTEBOOK)
    needed = cells_of_widgets(lab.cells())
    runs = [cell.get("id") for cell in lab.cells()].index("figure")
    lab.run_cells([place for place in needed if place < runs])
    lab.run_code(SHORTER)
    lab.start_cells([place for place in needed if place >= runs])
    seen = watch(lab)
    lab.finish_cells()
    between = [step for step in seen if 0 < step < STEPS - 6]
    assert len(between) > 3, f"the figure stood still while the run went on: {seen}"
    plot = lab.page.locator(".js-plotly-plot").first
    plot.scroll_into_view_if_needed()
    reconstruction, kl_xyz, kl_style, validation = lab.settled(lambda: plot.evaluate(LINES))
    # Ten steps apart up to 540, none twice: the 32 steps that were lost were taken back.
    assert reconstruction == kl_xyz == kl_style == [54, 540]
    assert validation == [14, STEPS]
    assert len(plot.screenshot()) > 10_000  # bytes: curves, not a blank
    lab.screenshot("chapter07_curves")
    assert lab.cut_off() == []
