"""The live page beside JupyterLab's explorer: how soon it is there, and how soon an edit is drawn.

    python tests/benchmarks/live_page.py build/site/html/live

Both in one run, by the same clock (explorer.js) and with real mouse drags, since only their ratio
means something on another machine. A single edit is one event of a slider; the last of a burst is
the last of 100 events, 60 a second. The explorer draws `one_shot`, whose edits cost its kernel
least, in three views; the page draws `shapes` in one, with fewer points while a slider moves.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import explorer  # first: it says where `browser` is
import numpy as np
from browser.harness import SOFTWARE_WEBGL, find_chromium, running_server, serving
from explorer import HOOKS
from playwright.sync_api import sync_playwright

FEW = 2048  # bytes: an upload of as many may be a cloud of the page's, which are small in a drag
READY = "document.documentElement.dataset.ready"


class Live:
    """The page, with what `explorer.single_updates` and `burst` ask of one."""

    def __init__(self, page: object, address: str) -> None:
        self.page = page
        page.add_init_script(f"window.benchMany = {FEW};")
        page.add_init_script(path=HOOKS)
        began = time.monotonic()
        page.goto(address + "index.html#shape=chair-1")
        page.wait_for_function(READY, timeout=60_000)
        self.seconds = time.monotonic() - began

    def grip(self) -> tuple[float, float, float]:
        """Take hold of the first factor's slider; its track's begin, its width and its height."""
        slider = self.page.locator("#factors input[type=range]").first
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        place = slider.evaluate("s => (s.value - s.min) / (s.max - s.min)")
        left, width = box["x"] + 8, box["width"] - 16
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(left + place * width, y)
        self.page.mouse.down()
        return left, width, y


def describe(name: str, seconds: float, times: list[float], late: float) -> None:
    """Print a line of the table."""
    print(
        f"{name:14} {seconds:8.1f} {np.median(times):10.0f} {np.quantile(times, 0.95):8.0f} "
        f"{late:10.0f}",
        flush=True,
    )


def measure_page(folder: Path, chromium: str, count: int) -> None:
    """Print the page's line."""
    with serving(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SOFTWARE_WEBGL)
        live = Live(browser.new_page(viewport={"width": 1280, "height": 900}), address)
        times = explorer.single_updates(live, count, Live.grip)
        describe("live page", live.seconds, times, explorer.burst(live, Live.grip))
        browser.close()


def measure_explorer(chromium: str, count: int) -> None:
    """Print a line for each view of the explorer."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        for way in ("plotly", "webgl"):
            with explorer.opened(
                server, chromium, explorer.SETUP, explorer.WAYS[way], explorer.CHECK
            ) as lab:
                explorer.run_cell(lab, 0)
                seconds = explorer.opening(lab, 1)
                times = explorer.single_updates(lab, count)
                describe(f"explore, {way}", seconds, times, explorer.burst(lab))


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path, help="the folder that site/build_live.py wrote")
    parser.add_argument("--count", type=int, default=30, help="single edits of each")
    options = parser.parse_args()
    print("               ready, s   edit, ms     95 %   of a burst, ms", flush=True)
    measure_page(options.page, find_chromium(), options.count)
    measure_explorer(find_chromium(), options.count)


if __name__ == "__main__":
    main()
