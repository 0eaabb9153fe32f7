"""The site and the live page in Debian's Firefox, where it and a virtual screen are installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser.firefox import Firefox, running_firefox
from browser.harness import ARTIFACTS, serving
from built_site import NEEDS_SPHINX, build_site

PATH = shutil.which("firefox-esr")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not (PATH and shutil.which("Xvfb")), reason="needs firefox-esr and Xvfb"),
]

CENTER = """(() => {
    const slider = document.querySelector("#factor-leg_height");
    slider.scrollIntoView({ block: "center" });
    const box = slider.getBoundingClientRect();
    const place = (slider.value - slider.min) / (slider.max - slider.min);
    const [left, width] = [box.x + 8, box.width - 16];
    return [left + place * width, box.y + box.height / 2, left, width];
})()"""
REST = "document.querySelector('#view').getAttribute('aria-busy') === 'false'"
DRAWN = "Array.from(document.querySelector('#view canvas').clouds.places.at(-1))"


@pytest.fixture
def firefox(tmp_path: Path) -> Iterator[Firefox]:
    with running_firefox(PATH, tmp_path) as opened:
        yield opened


def check(firefox: Firefox, address: str, name: str) -> None:
    """Keep a picture; nothing may have gone wrong, nor have been asked of anybody else."""
    firefox.screenshot(ARTIFACTS / f"firefox-{name}.png")
    assert firefox.wrong == []
    assert firefox.requests
    assert [url for url in firefox.requests if not url.startswith(address)] == []


def test_a_slider_is_dragged_in_the_live_page(firefox: Firefox, live_page: Path) -> None:
    with serving(live_page) as address:
        firefox.open(f"{address}#shape=chair-1")
        firefox.until(f"document.documentElement.dataset.ready && {REST}")
        before = np.array(firefox.run(DRAWN)).reshape(-1, 3)
        x, y, left, width = firefox.run(CENTER)
        firefox.drag((x, y), (left + 0.2 * width, y))
        firefox.until(REST)
        after = np.array(firefox.run(DRAWN)).reshape(-1, 3)
        assert before.shape == after.shape == (2048, 3)
        assert np.isfinite(after).all()
        assert np.abs(after - before).max() > 0.05
        check(firefox, address, "live")


@NEEDS_SPHINX
def test_pages_are_read(firefox: Firefox, tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(build_site(tmp_path_factory.mktemp("site")).html) as address:
        firefox.open(f"{address}index.html")
        assert firefox.run("document.querySelector('h1').textContent").startswith("Hierarchical")
        firefox.open(f"{address}notebooks/02_variational_autoencoders.html")
        firefox.run("MathJax.startup.promise.then(() => null)")
        counts = "[...document.querySelectorAll('article .math')].length"
        assert firefox.run(counts) == firefox.run(counts.replace(".math", ".math mjx-container"))
        assert firefox.run(counts) > 0
        assert firefox.run("document.querySelectorAll('mjx-merror').length") == 0
        check(firefox, address, "chapter")
