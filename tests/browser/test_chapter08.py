"""Chapter 08 in a real browser: the explorer, the factor sliders and the mixture are dragged."""

import re

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "08_exploring_latents.ipynb"
EXPLORER, FACTORS, MIXTURE = range(3)  # the notebook's plotly figures
INPUT, LATENT, DECODED = range(3)  # the views of the first two


def decoded(lab, figure: int) -> np.ndarray:
    return lab.drawn_coordinates(figure, DECODED if figure != MIXTURE else 0)


def drag(lab, figure: int, slider, fraction: float) -> np.ndarray:
    """Drag a slider, and return the decoded points when they have come to rest."""
    return lab.drag_cloud(slider, fraction, figure, DECODED if figure != MIXTURE else 0)


def measured(lab, slider) -> float:
    """What is measured beside a factor's slider."""
    row = slider.locator("xpath=..")
    return float(re.search(r"-?[\d.]+", row.locator(".widget-html-content i").inner_text())[0])


def readout(lab) -> list[float]:
    """How far the mixture is from both of its ends; JupyterLab empties cells out of view."""
    lab.plot(MIXTURE)
    line = lab.page.locator(".widget-html-content").filter(has_text="from the chair")
    return [float(number) for number in re.findall(r"\d+\.\d+", line.text_content())]


def test_explorer_follows_a_drag_and_takes_it_back(chapter):
    first = chapter.page.locator(".widget-slider").filter(has_text="direction 1 (").first
    start = decoded(chapter, EXPLORER)
    moved = drag(chapter, EXPLORER, first, 0.8)
    assert np.linalg.norm(moved - start, axis=1).mean() > 0.05
    assert np.abs(chapter.drawn_coordinates(EXPLORER, INPUT)).max() <= 1.001  # stays as it was
    chapter.page.get_by_role("button", name="Undo").first.click()
    back = chapter.wait_until_moved(moved, EXPLORER, DECODED)
    np.testing.assert_allclose(back, start, atol=1e-5)
    assert chapter.errors() == []


def test_measured_factor_follows_the_asked_one(chapter):
    legs = chapter.slider("leg height (cm)")
    drag(chapter, FACTORS, legs, 0.2)
    short = measured(chapter, legs)
    drag(chapter, FACTORS, legs, 0.8)  # of the bounds, 20 to 60 cm
    assert measured(chapter, legs) > short + 10
    assert chapter.errors() == []


def test_mixture_leads_from_the_chair_to_the_table(chapter):
    chair, table = readout(chapter)
    assert chair < 0.15 < table
    drag(chapter, MIXTURE, chapter.slider("amount"), 1.0)
    chair, table = chapter.settled(lambda: readout(chapter))
    assert table < 0.15 < chair
    assert chapter.errors() == []


def test_page_looks_as_it_should(chapter):
    assert chapter.cut_off() == []
    for figure, name in enumerate(("explorer", "factors", "mixture")):
        shot = chapter.plot(figure).screenshot()
        assert len(shot) > 15_000, name  # bytes: clouds, not a blank
        chapter.screenshot(f"chapter08_{name}")
