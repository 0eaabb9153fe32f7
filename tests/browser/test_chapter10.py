"""Chapter 10 in a real browser: its four sliders are dragged, and the scores follow."""

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "10_evaluation.ipynb"
COLUMNS = ("MMD", "COV", "1-NNA", "JSD", "nearer to training")
HONEST = {"families kept": 1.0, "blur": 0.0, "copies, percent": 0.0, "shapes": 1.0}


@pytest.fixture
def chapter(opened, lab):
    """The same for each test; every slider at its honest end."""
    lab.plot(0)
    for label, honest in HONEST.items():
        lab.drag_slider(lab.slider(label), honest)
    lab.settled(lambda: scores(lab))
    return lab


def scores(lab) -> dict[str, float]:
    """What the table beside the cloud says, by name."""
    rows = lab.page.locator(".widget-html table tr").all()[1:]
    cells = [row.locator("td").all_inner_texts() for row in rows]
    return {name: float(value) for name, value, _ in cells}


def test_missing_families_are_noticed(chapter):
    honest = scores(chapter)
    assert tuple(honest) == COLUMNS
    one = chapter.dragged("families kept", 0.0, lambda: scores(chapter))
    assert one["COV"] < 0.5 * honest["COV"]
    assert one["1-NNA"] > 0.8
    assert chapter.errors() == []


def test_blur_moves_the_cloud_and_hardly_coverage(chapter):
    honest, before = scores(chapter), chapter.drawn_coordinates()
    blurred = chapter.dragged("blur", 1.0, lambda: scores(chapter))
    moved = (
        chapter.wait_until_moved(before)
        if np.array_equal(before, chapter.drawn_coordinates())
        else chapter.drawn_coordinates()
    )
    assert 0.1 < np.linalg.norm(moved - before, axis=1).mean() < 0.5
    assert blurred["COV"] > 0.8 * honest["COV"]
    assert blurred["MMD"] > 1.5 * honest["MMD"]
    assert chapter.errors() == []


def test_copies_are_seen_by_the_last_score_alone(chapter):
    honest = scores(chapter)
    copied = chapter.dragged("copies, percent", 1.0, lambda: scores(chapter))
    assert copied["1-NNA"] < 0.6
    assert copied["nearer to training"] > honest["nearer to training"] + 0.1
    assert chapter.errors() == []


def test_fewer_shapes_lie_farther_from_each_other(chapter):
    honest = scores(chapter)
    fewer = chapter.dragged("shapes", 0.0, lambda: scores(chapter))
    assert fewer["MMD"] > 1.1 * honest["MMD"]
    assert chapter.errors() == []


def test_page_looks_as_it_should(chapter):
    assert chapter.cut_off() == []
    assert len(chapter.plot().screenshot()) > 8_000  # bytes: a cloud, not a blank
    chapter.screenshot("chapter10")
