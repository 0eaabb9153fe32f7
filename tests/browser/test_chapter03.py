"""Chapter 03 in a real browser: parts are hidden, points taken away, and the pictures follow."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "03_style_encoder.ipynb"
SHOWN, WINNERS = range(2)
PARTS = ("leg", "seat", "back", "arm")


# Chairs that no network is trained on: the chapter's cell trains two more networks.
TEST = """
import torch
from pcvae.data.procedural import generate
test = torch.from_numpy(generate(["chair"], count=1200, num_points=512, seed=0).points)
test = (test / test.std())[1000:]
"""


@pytest.fixture(scope="module")
def opened(page_of_file):
    """Chapter 03 with what its widget needs."""
    page_of_file.open_notebook(NOTEBOOK)
    page_of_file.run_widgets(first=TEST)


@pytest.fixture
def chapter(opened, lab):
    """The lab as it is at first, in view."""
    lab.run_cells(["lab-controls", "lab-draw", "lab-draw-b", "lab"])
    for index in (WINNERS, SHOWN):
        lab.plot(index)
    return lab


def readout(lab) -> list[list[str]]:
    """The rows of the table beside the clouds: a heading and six measures."""
    rows = lab.page.locator(".widget-html table tr").all()[:7]
    return [row.locator("td, th").all_inner_texts() for row in rows]


def message(lab, text: str):
    return lab.page.locator(".widget-html-content").filter(has_text=text)


def count(lab, index: int) -> int:
    return len(lab.drawn_coordinates(index))


def test_hiding_parts_and_points_moves_both_clouds_and_the_table(chapter):
    camera, table = chapter.camera(SHOWN), readout(chapter)
    assert count(chapter, SHOWN) == 512
    assert 20 < count(chapter, WINNERS) <= 128
    for part in PARTS:
        shown, winners = (chapter.drawn_coordinates(index) for index in (SHOWN, WINNERS))
        box = chapter.page.get_by_label(part, exact=True)
        box.uncheck()
        left = chapter.wait_until_moved(shown, SHOWN) if part != "arm" else shown
        if part == "arm":  # nothing is left: the last picture stays, and words say why
            message(chapter, "No point is left").wait_for()
            assert count(chapter, SHOWN) == len(left)
        else:
            assert len(left) < len(shown)
            chapter.wait_until_moved(winners, WINNERS)
    for part in PARTS:
        chapter.page.get_by_label(part, exact=True).check()
    message(chapter, "channels won").wait_for()
    chapter.settled(lambda: readout(chapter))
    assert count(chapter, SHOWN) == 512
    assert readout(chapter) == table
    before = chapter.drawn_coordinates(SHOWN)
    chapter.drag_slider(chapter.slider("points"), 0.1)
    assert 16 <= len(chapter.wait_until_moved(before, SHOWN)) < 128
    assert chapter.settled(lambda: readout(chapter)) != table
    assert chapter.camera(SHOWN) == camera
    assert chapter.errors() == []


def test_hiding_the_arms_changes_what_is_read_of_the_arms_alone(chapter):
    page_fits(chapter)
    before, shown = readout(chapter), chapter.drawn_coordinates(SHOWN)
    chapter.page.get_by_label("arm", exact=True).uncheck()
    chapter.wait_until_moved(shown, SHOWN)
    after = chapter.settled(lambda: readout(chapter))
    read = {row[0]: float(row[3]) for row in after[1:]}
    whole = {row[0]: float(row[3]) for row in before[1:]}
    assert whole["armrests"] > 0.8
    assert read["armrests"] < 0.2
    for name in ("leg_height", "seat_width", "back_height"):
        assert abs(read[name] - whole[name]) < 0.05, name
    # Another chair, in the same state of the boxes.
    before = chapter.drawn_coordinates(SHOWN)
    chapter.page.locator(".widget-dropdown select").select_option(index=5)
    chapter.wait_until_moved(before, SHOWN)
    assert chapter.errors() == []


def page_fits(lab) -> None:
    """Nothing is cut off or stands out of the window."""
    assert lab.cut_off() == []
    lab.screenshot("chapter03_lab")
