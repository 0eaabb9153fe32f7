"""Chapter 00 in Notebook 7, which has the widgets of JupyterLab on a page of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.harness import Lab, open_page, running_server

pytestmark = [pytest.mark.browser, pytest.mark.slow]
pytest.importorskip("notebook", reason="there is no Notebook here (pip install notebook)")

DECODED = 2  # of the clouds that the first figure draws


@pytest.fixture(scope="module")
def page_of_file(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A browser page on a Notebook 7."""
    folder: Path = tmp_path_factory.mktemp("notebook7")
    with running_server(folder, "notebook") as server, open_page(server, chromium) as lab:
        yield lab


def test_the_legs_that_are_asked_for_are_drawn_in_notebook_7(lab):
    lab.open_notebook("00_start_here.ipynb")
    assert "/notebooks/notebooks/" in lab.page.url
    lab.begin()  # Notebook 7.6 stumbles over settings of its own while it opens
    lab.start_cells(["legs"])
    lab.wait_for("() => window.cellsRun !== null", seconds=240)
    for fraction in (0.2, 0.8):
        before = lab.drawn_coordinates(0, DECODED)
        lab.drag_slider(lab.slider("leg height (cm)"), fraction)
        lab.wait_until_moved(before, 0, DECODED)
    assert lab.errors() == []
