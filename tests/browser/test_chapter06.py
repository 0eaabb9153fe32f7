"""Chapter 06 in a real browser: schedule and batch size are dragged, and three curves follow."""

import re

import numpy as np
import pytest

from pcvae.objective import equilibrium_sigma

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "06_kl_annealing.ipynb"
WEIGHT, EFFECTIVE, SIGMA = range(3)
LINE = "(plot, trace) => Array.from(plot._fullData[trace].y, Number)"
DRAWN = "plot => plot.querySelectorAll('.scatterlayer .trace').length === 3"


@pytest.fixture
def chapter(lab):
    """Chapter 06 with what its widget needs, the bench in view."""
    lab.open_notebook(NOTEBOOK)
    lab.run_widgets()
    lab.wait_for(DRAWN, plot(lab).element_handle())
    return lab


def plot(lab):
    drawn = lab.page.locator(".js-plotly-plot").first
    drawn.wait_for(timeout=60_000)
    drawn.scroll_into_view_if_needed()
    return drawn


def curves(lab) -> np.ndarray:
    """Weight, effective weight and sigma over the run, (3, 101)."""
    return np.array([plot(lab).evaluate(LINE, trace) for trace in range(3)])


def change(lab, act) -> list[bool]:
    """Do something, and say which of the three curves changed."""
    before = curves(lab)
    act()
    now = lab.settled(lambda: curves(lab))
    return [not np.array_equal(a, b) for a, b in zip(before, now, strict=True)]


def drag(lab, label: str, fraction: float) -> list[bool]:
    return change(lab, lambda: lab.drag_slider(lab.slider(label), fraction))


def reduce_by(lab, option: str) -> list[bool]:
    dropdown = lab.page.locator(".widget-dropdown").filter(has_text=re.compile("reduction"))
    return change(lab, lambda: dropdown.locator("select").select_option(option))


def test_batch_size_changes_the_model_and_not_the_weight(chapter):
    assert curves(chapter)[SIGMA, -1] == pytest.approx(equilibrium_sigma(0.5, 32), rel=1e-3)
    assert drag(chapter, "batch size", 0.0) == [False, True, True]
    assert curves(chapter)[SIGMA, -1] == pytest.approx(equilibrium_sigma(0.5, 1), rel=1e-3)
    assert drag(chapter, "batch size", 1.0) == [False, True, True]
    assert drag(chapter, "log10 of w at the end", 0.9) == [True, True, True]
    end = curves(chapter)[:, -1]
    assert drag(chapter, "log10 of w at first", 0.4) == [True, True, True]
    assert drag(chapter, "share r of the ramp", 0.1) == [True, True, True]
    np.testing.assert_array_equal(curves(chapter)[:, -1], end)
    assert reduce_by(chapter, "shape") == [False, True, True]
    assert not any(drag(chapter, "batch size", 0.3))
    assert chapter.errors() == []
    plot(chapter)
    chapter.screenshot("chapter06_bench")
    assert chapter.cut_off() == []
    assert len(plot(chapter).screenshot()) > 10_000  # bytes: three curves, not a blank
