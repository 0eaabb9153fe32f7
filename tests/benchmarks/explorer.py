"""How soon an edit is on the screen, in a real JupyterLab with Chromium and real mouse drags.

Run `python tests/benchmarks/explorer.py`. Not a test: times depend on the machine, and what counts
are the ratios of one run. The naive way is `interact` with a function that makes a new figure. k3d
is measured too, if it is installed. All draw the same three clouds of 2,048 points.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from browser.harness import find_chromium, open_page, running_server, write_notebook  # noqa: E402

HOOKS = HERE / "explorer.js"
QUIET = 1200  # milliseconds without a new picture: everything was drawn

SETUP = """
import numpy as np, torch, time
import pcvae
from pcvae.data import load_furniture
from pcvae import editing
from pcvae.explore import explore
from pcvae.diagnostics import style_means
model = pcvae.load("one_shot")
shapes = load_furniture("test")
"""
COMMON = """
means = torch.from_numpy(style_means(model, shapes.points))
directions = editing.principal_directions(means, 4)
state = editing.encode(model, shapes.points[0])
latent = editing.latent_points(state)
def decoded(amount):
    return editing.decode(model, editing.move_style(state, directions, [amount]))
def slider():
    import ipywidgets as widgets
    return widgets.FloatSlider(min=-3, max=3, step=0.05, description="direction",
                               layout={"width": "420px"})
"""
WAYS = {
    "interact": COMMON
    + """
import plotly.graph_objects as go
from ipywidgets import interact
def draw(direction):
    figure = go.Figure()
    clouds = (shapes.points[0], latent, decoded(direction))
    for scene, cloud in zip(("scene", "scene2", "scene3"), clouds):
        figure.add_scatter3d(x=cloud[:, 0], y=cloud[:, 1], z=cloud[:, 2], mode="markers",
                             marker={"size": 2, "color": cloud[:, 1]}, scene=scene)
    thirds = ([0, 1 / 3], [1 / 3, 2 / 3], [2 / 3, 1])
    scenes = {f"scene{n}": {"domain": {"x": x}} for n, x in zip(("", 2, 3), thirds)}
    figure.update_layout(height=360, showlegend=False, **scenes)
    figure.show()
interact(draw, direction=slider());
""",
    "k3d": COMMON
    + """
import ipywidgets as widgets, k3d
plot = k3d.plot(height=360, camera_auto_fit=False, grid_visible=False)
def cloud(points, shift):
    return (points + np.array([shift, 0, 0])).astype(np.float32)
plot += k3d.points(cloud(shapes.points[0], -3), point_size=0.04, shader="flat")
plot += k3d.points(cloud(latent, 0), point_size=0.04, shader="flat")
moving = k3d.points(cloud(decoded(0.0), 3), point_size=0.04, shader="flat")
plot += moving
control = slider()
def draw(change):
    moving.positions = cloud(decoded(change["new"]), 3)
control.observe(draw, "value")
widgets.VBox([control, plot])
""",
    "plotly": "panel = explore(model, shapes)\npanel",
    "webgl": 'panel = explore(model, shapes, view="webgl")\npanel',
}
PRIOR = """
if model.prior is None:  # the work is the same, whatever its weights are
    from pcvae.models.prior import LatentPrior
    model.prior = LatentPrior(model.config.style_dim, 3 + model.config.latent_dim).eval()
panel = explore(model, shapes, view="webgl", use_prior=True)
panel
"""
KERNEL = """
import statistics
def spent(count=60):
    times = []
    for index in range(count):
        start = time.perf_counter()
        panel.style[0].value = -3 + 6 * index / count
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)
print(f"KERNEL {spent():.2f}")
"""
MANY_UPDATES = """
import resource
def updates(count):
    for index in range(count):
        panel.style[0].value = round(3 * np.sin(index / 7.0), 2)
        time.sleep(0.02)  # as fast as a hand
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    print(f"MEMORY {pages * resource.getpagesize() / 2**20:.1f}")
"""


@contextmanager
def opened(server, chromium: str, *cells: str) -> Iterator:
    """Open a page on a notebook of these cells, none of them run."""
    path = write_notebook(server.folder / "notebooks" / "benchmark.ipynb", *cells)
    with open_page(server, chromium) as lab:
        lab.page.add_init_script(path=HOOKS)
        lab.open_notebook(path.name)
        yield lab


def run_cell(lab, number: int, seconds: float = 300) -> str:
    """Run one cell and return what it printed."""
    lab.page.evaluate(
        """number => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            notebook.activeCellIndex = number;
            window.cellRun = false;
            window.jupyterapp.commands.execute('notebook:run-cell').then(
                () => { window.cellRun = true; });
        }""",
        number,
    )
    lab.page.wait_for_function("window.cellRun", timeout=1000 * seconds)
    lab.wait_until_idle(seconds)
    return lab.page.locator(".jp-CodeCell").nth(number).locator(".jp-OutputArea").first.inner_text()


def settle(lab, quiet: int = QUIET, most: float = 60) -> None:
    """Wait until nothing new was drawn for a while."""
    end = time.monotonic() + most
    seen = -1
    while time.monotonic() < end:
        uploads = lab.page.evaluate("window.bench.uploads")
        if uploads == seen:
            return
        seen = uploads
        lab.page.wait_for_timeout(quiet)


def grip(lab) -> tuple[float, float, float]:
    """Take hold of the first slider; return where its track begins, its width and its height."""
    slider = lab.page.locator(".jp-OutputArea .widget-slider").first
    slider.scroll_into_view_if_needed()
    handle = slider.locator(".noUi-handle").bounding_box()
    track = slider.locator(".noUi-target").bounding_box()
    y = handle["y"] + handle["height"] / 2
    lab.page.mouse.move(handle["x"] + handle["width"] / 2, y)
    lab.page.mouse.down()
    return track["x"], track["width"], y


def single_updates(lab, count: int, hold: Callable = grip) -> list[float]:
    """Move a slider again and again, each time waiting for the picture; milliseconds of each."""
    left, width, y = hold(lab)
    found = []
    for number in range(count + 2):  # the first ones warm up
        place = 0.3 + 0.4 * (number % 2) + 0.002 * number
        lab.page.evaluate("window.bench.first = null")
        lab.page.mouse.move(left + place * width, y)
        lab.page.wait_for_function("window.bench.first !== null", timeout=60_000)
        found.append(lab.page.evaluate("window.bench.first - window.bench.event"))
        settle(lab, 250)
    lab.page.mouse.up()
    return found[2:]


def burst(lab, hold: Callable = grip, count: int = 100, rate: float = 60) -> float:
    """Move a slider `count` times at `rate` a second; milliseconds from the last to its picture."""
    left, width, y = hold(lab)
    settle(lab)
    start = time.monotonic()
    for number in range(count):
        place = 0.1 + 0.8 * number / count
        lab.page.mouse.move(left + place * width, y)
        time.sleep(max(0.0, start + (number + 1) / rate - time.monotonic()))
    lab.page.mouse.up()
    settle(lab)
    return lab.page.evaluate("window.bench.last - window.bench.event")


DRAWN = {
    "plotly": """() => {
        const trace = document.querySelector('.js-plotly-plot')._fullData[2];
        return [trace.y, trace.z, trace.x].map(values => Array.from(values, Number)); }""",
    "webgl": """() => {
        const places = Array.from(document.querySelector('canvas[role=img]').clouds.places[2]);
        return [0, 1, 2].map(axis => places.filter((_, i) => i % 3 === axis)); }""",
}
CHECK = 'print(f"AT {panel.style[0].value!r}")\nprint("POINTS", panel.points().tobytes().hex())'


def last_is_drawn(lab, way: str, cell: int) -> bool:
    """Return whether the page draws what the kernel's last value decodes to."""
    text = run_cell(lab, cell)
    raw = bytes.fromhex(re.search(r"POINTS\s+([0-9a-f]+)", text).group(1))
    expected = np.frombuffer(raw, np.float32).reshape(-1, 3)
    drawn = np.array(lab.page.evaluate(DRAWN[way]), dtype=np.float32).T
    return drawn.shape == expected.shape and np.array_equal(drawn, expected)


def memory(lab, cell: int) -> tuple[float, float]:
    """Return the page's and the kernel's memory in MB after updates."""
    kernel = float(re.search(r"MEMORY ([\d.]+)", run_cell(lab, cell)).group(1))
    settle(lab)
    devtools = lab.page.context.new_cdp_session(lab.page)
    for _ in range(2):
        devtools.send("HeapProfiler.collectGarbage")
    devtools.send("Performance.enable")
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    heap = next(m["value"] for m in metrics if m["name"] == "JSHeapUsedSize")
    return heap / 2**20, kernel


def opening(lab, cell: int) -> float:
    """Return the seconds from running a cell to the first points drawn."""
    lab.page.evaluate("window.bench.last = null; window.bench.begin = performance.now()")
    run_cell(lab, cell)
    lab.page.wait_for_function("window.bench.last !== null", timeout=60_000)
    settle(lab)
    return (
        lab.page.evaluate("(window.bench.first ?? window.bench.last) - window.bench.begin") / 1000
    )


def describe(name: str, times: list[float], base: float | None) -> None:
    """Print one line of the table."""
    median, late = np.median(times), np.quantile(times, 0.95)
    ratio = f"{median / base:6.3f}" if base else " 1.000"
    print(f"{name:10s} {median:8.0f} {late:8.0f}   {ratio}", flush=True)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="single updates of each way")
    parser.add_argument("--updates", type=int, default=2000, help="updates for the memory")
    parser.add_argument("--ways", default=",".join(WAYS), help="ways to draw")
    parser.add_argument("--only", default="updates,kernel,burst,memory", help="parts to measure")
    options = parser.parse_args()
    parts = options.only.split(",")
    chromium = find_chromium()
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        if "updates" in parts or "burst" in parts:
            compare(server, chromium, options, "burst" in parts)
        if "kernel" in parts:
            measure_kernel(server, chromium)
        if "memory" in parts:
            measure_memory(server, chromium, options.updates)


def compare(server, chromium: str, options, with_burst: bool) -> None:
    """Print how soon single updates and the last of a burst are drawn."""
    print("slider event to drawn points, ms\n           median   95 %     to interact")
    base, medians, bursts = None, {}, {}
    for way in options.ways.split(","):
        code = WAYS[way]
        if way == "k3d" and importlib.util.find_spec("k3d") is None:
            print("k3d is not installed")
            continue
        with opened(server, chromium, SETUP, code, CHECK) as lab:
            run_cell(lab, 0)
            seconds = opening(lab, 1)
            times = single_updates(lab, options.count)
            base = base or float(np.median(times))
            medians[way] = float(np.median(times))
            describe(way, times, base)
            print(f"           opened in {seconds:.1f} s after imports", flush=True)
            if with_burst and way in DRAWN:
                late = burst(lab)
                right = last_is_drawn(lab, way, 2)
                bursts[way] = late
                print(
                    f"           last of a burst after {late:.0f} ms, {late / medians[way]:.2f} of "
                    f"a single update; the last value is drawn: {right}",
                    flush=True,
                )
    if "k3d" in medians:
        print(f"webgl to k3d: {medians['webgl'] / medians['k3d']:.3f}")


def measure_kernel(server, chromium: str) -> None:
    """Print what an update costs in the kernel, with a page that draws it."""
    print("in the kernel, event to message out, ms")
    for name, code in (("one pass", WAYS["webgl"]), ("plotly", WAYS["plotly"]), ("prior", PRIOR)):
        with opened(server, chromium, SETUP, code, KERNEL) as lab:
            run_cell(lab, 0)
            run_cell(lab, 1)
            settle(lab)
            print(
                f"{name:10s} {re.search('KERNEL ([0-9.]+)', run_cell(lab, 2)).group(1)}", flush=True
            )


def measure_memory(server, chromium: str, count: int) -> None:
    """Print the memory of page and kernel before and after many updates."""
    print(f"memory after 200 updates, and after {count} more, MB")
    for way in DRAWN:
        more = f"updates({count})"
        cells = (SETUP, WAYS[way], MANY_UPDATES, "updates(200)", more)
        with opened(server, chromium, *cells) as lab:
            for cell in range(3):
                run_cell(lab, cell)
            before, after = memory(lab, 3), memory(lab, 4)
            print(
                f"{way:10s} page {before[0]:.0f} -> {after[0]:.0f}   kernel {before[1]:.0f} -> "
                f"{after[1]:.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
