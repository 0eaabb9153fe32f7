"""Chapter 07 in a real browser: the curves grow while the run goes on, and survive a power cut."""

import time

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "07_training.ipynb"
STEPS = 936
# Number of points and last step of each line of the live figure.
LINES = "plot => plot._fullData.map(line => [line.x.length, Number(line.x[line.x.length - 1])])"


def last_step(lab) -> float:
    """The last step of the first curve, or 0 while there is none yet."""
    plot = lab.page.locator(".js-plotly-plot").first
    if plot.count() == 0:
        return 0.0
    lines = plot.evaluate("plot => plot._fullData ? (" + LINES + ")(plot) : []")
    return lines[0][1] if lines and lines[0][0] else 0.0


def start(lab) -> None:
    """Run all cells without waiting for them."""
    lab.page.evaluate("""() => {
        window.finished = false;
        window.jupyterapp.commands.execute('notebook:run-all-cells').then(
            () => { window.finished = true; });
    }""")


def watch(lab, seconds: float = 900) -> list[float]:
    """All last steps that the first curve had while the cells ran, repetitions left out."""
    seen, end = [0.0], time.monotonic() + seconds
    while time.monotonic() < end and not lab.page.evaluate("window.finished"):
        lab.page.wait_for_timeout(300)
        if (now := last_step(lab)) != seen[-1]:
            seen.append(now)
    assert lab.page.evaluate("window.finished"), f"still running after {seconds} s; saw {seen}"
    return seen


def test_curves_grow_live_and_go_on_after_the_power_cut(lab):
    lab.page.set_viewport_size({"width": 1280, "height": 900})
    lab.open_notebook(NOTEBOOK)
    start(lab)
    seen = watch(lab)
    lab.wait_until_idle()
    assert lab.errors() == []
    between = [step for step in seen if 0 < step < STEPS - 6]
    assert len(between) > 3, f"the figure stood still while the run went on: {seen}"
    plot = lab.page.locator(".js-plotly-plot").first
    plot.scroll_into_view_if_needed()
    reconstruction, kl_xyz, kl_style, validation = plot.evaluate(LINES)
    # Ten steps apart up to 930, none twice: the 32 steps that were lost were taken back.
    assert reconstruction == kl_xyz == kl_style == [93, 930]
    assert validation == [24, STEPS]
    lab.page.wait_for_timeout(1000)
    assert len(plot.screenshot()) > 10_000  # bytes: curves, not a blank
    lab.screenshot("chapter07_curves")
    assert lab.cut_off() == []
