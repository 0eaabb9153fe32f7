"""The explorer in a real browser: every control is dragged or clicked, and the picture follows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from browser.harness import write_notebook

from pcvae.widgets.coloring import COLORS, PARTS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

INPUT, LATENT, DECODED = range(3)

SETUP = """
import torch
import pcvae
from pcvae.data.procedural import generate
from pcvae.explore import EditsOfChosenPoints, FactorSliders, Mix, explore
torch.set_num_threads(1)
model = pcvae.load("one_shot")
shapes = generate(["chair", "table"], count=120, num_points=1024)
"""
CELL = 'exec(globals().get("code", "panel = None"))\npanel'
# As encoded, even if the shipped model has a prior: z then moves the decoded points alone.
PANEL = 'panel = explore(model, shapes, view="{view}", use_prior=False)'
DRAWN = {
    "plotly": """() => {
        const plot = document.querySelector('.js-plotly-plot');
        return plot._fullData.map(trace => [trace.y, trace.z, trace.x].map(
            values => Array.from(values, Number))); }""",
    "webgl": """() => document.querySelector('canvas[role=img]').clouds.places.map(places =>
        [0, 1, 2].map(axis => Array.from(places).filter((_, i) => i % 3 === axis)))""",
}
COLORED = {
    "plotly": """() => {
        const marker = document.querySelector('.js-plotly-plot')._fullData[2].marker;
        const values = Array.from(marker.color, Number);
        return [values, marker.colorscale, marker.cmin, marker.cmax]; }""",
    "webgl": "() => Array.from(document.querySelector('canvas[role=img]').clouds.colors)",
}
CAMERA = {
    "plotly": """() => JSON.stringify(['scene', 'scene2', 'scene3'].map(name => {
        const eye = document.querySelector('.js-plotly-plot')._fullLayout[name]._scene
            .getCamera().eye;
        return [eye.x, eye.y, eye.z].map(value => value.toFixed(4)); }))""",
    "webgl": "() => JSON.stringify(document.querySelector('canvas[role=img]').clouds.camera)",
}
PICTURE = {"plotly": ".js-plotly-plot", "webgl": "canvas[role=img]"}
NAMELESS = """() => Array.from(document.querySelectorAll('.jp-OutputArea-output')).flatMap(
    output => Array.from(output.querySelectorAll(
        '[role=slider], input, select, textarea, button, canvas'))).filter(control =>
    control.offsetParent !== null && control.type !== 'hidden'
    && !control.getAttribute('aria-label') && !control.textContent.trim()
    && !(control.labels?.length) && !control.title).map(
        control => control.outerHTML.slice(0, 200))"""


class Page:
    """The panel on a page, in one of its two views."""

    def __init__(self, lab, view: str) -> None:
        self.lab, self.page, self.view = lab, lab.page, view
        self.page.wait_for_selector(PICTURE[view])
        if view == "plotly":
            lab.plot()
        self.picture = self.page.locator(PICTURE[view]).first

    def clouds(self) -> list[np.ndarray]:
        return [np.array(axes).T for axes in self.page.evaluate(DRAWN[self.view])]

    def camera(self) -> str:
        return self.page.evaluate(CAMERA[self.view])

    def turned(self, before: str, seconds: float = 60) -> str:
        """Wait until the camera moved and came to rest; return where it is."""
        return self.lab.changed(self.camera, before, seconds)

    def rest(self) -> list[np.ndarray]:
        """Wait until nothing moves any more; return the clouds."""
        return self.lab.settled(self.clouds)

    def settled(self, before: list[np.ndarray], seconds: float = 60) -> list[bool]:
        """Wait until the decoded points moved and came to rest; say which clouds moved."""
        self.lab.until(lambda: not np.array_equal(self.clouds()[DECODED], before[DECODED]), seconds)
        return [not np.array_equal(a, b) for a, b in zip(before, self.rest(), strict=True)]

    def control(self, kind: str, label: str):
        return (
            self.page.locator(f"{kind}:visible")
            .filter(has=self.page.get_by_text(label, exact=True))
            .first
        )

    def slider(self, label: str):
        found = self.page.locator(".widget-slider:visible")
        return found.filter(has_text=re.compile("^" + re.escape(label))).first

    def drag(self, label: str, fraction: float = 0.85) -> list[bool]:
        before = self.clouds()
        self.lab.drag_slider(self.slider(label), fraction)
        return self.settled(before)

    def press(self, name: str) -> None:
        # Not every button of the page: plotly's own has a name, too.
        buttons = self.page.locator("button.jupyter-button:visible")
        buttons.filter(has_text=name).first.click()

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(label, exact=True).locator("visible=true").select_option(
            label=option
        )

    def type(self, label: str, value: int) -> list[bool]:
        before = self.clouds()
        box = self.page.get_by_label(label, exact=True).locator("visible=true")
        box.fill(str(value))
        box.press("Enter")
        return self.settled(before)

    def undo(self) -> None:
        before = self.clouds()
        self.press("Undo")
        self.settled(before)

    def readout(self) -> float:
        text = self.page.get_by_role("status").first.inner_text()
        return float(re.search(r"by (-?[\d.]+) on average", text).group(1))

    def keep_picture(self, name: str) -> None:
        panel = self.page.locator(".jp-OutputArea-output .widget-vbox").first
        panel.scroll_into_view_if_needed()
        self.rest()
        self.lab.screenshot(name).write_bytes(panel.screenshot())


@pytest.fixture(scope="module")
def kernel(page_of_file, tmp_path_factory):
    """A notebook with model and shapes; each test shows a panel of its own in the last cell."""
    path = tmp_path_factory.mktemp("explorer") / "explorer.ipynb"
    page_of_file.open_notebook(write_notebook(path, SETUP, CELL))
    page_of_file.run_all()


def show(lab, code: str) -> None:
    """Show what this code makes, in place of what the last test left."""
    lab.page.set_viewport_size({"width": 1280, "height": 1000})
    lab.run_code(f"code = {code!r}")
    lab.run_cells([1])


@pytest.fixture(params=["plotly", "webgl"])
def panel(request, kernel, lab) -> Page:
    show(lab, PANEL.format(view=request.param))
    return Page(lab, request.param)


def test_every_control_moves_what_it_says(panel):
    camera, opened = panel.camera(), panel.clouds()
    for label in ("direction 1", "direction 2", "direction 3", "direction 4"):
        assert panel.drag(label) == [False, False, True], label
        moved = np.linalg.norm(panel.clouds()[DECODED] - opened[DECODED], axis=1).mean()
        assert panel.readout() == pytest.approx(moved, abs=0.001), label
        panel.undo()
    for label in ("noise in h", "forget the input", "width of the latent", "lift the lower"):
        fraction = 0.2 if "noise" in label else 0.9
        assert panel.drag(label, fraction) == [False, True, True], label
        panel.undo()

    panel.tab("Factors")
    panel.slider("leg height").wait_for()
    panel.keep_picture(f"explorer_factors_{panel.view}")
    row = panel.page.locator(".widget-hbox:visible").filter(has=panel.slider("leg height")).last
    text = row.inner_text()
    assert re.search(r"\d+\.\d\s+-?\d+\.\d cm", text), text
    assert panel.drag("leg height", 0.95) == [False, False, True]
    assert row.inner_text() != text
    panel.undo()

    panel.tab("Mix")
    for what in ("all of z", "all of h"):
        before = panel.clouds()
        panel.page.get_by_label(what, exact=True).check()
        assert panel.settled(before) == [False, what == "all of h", True]
    panel.undo()
    panel.undo()
    panel.page.get_by_label("a part of both", exact=True).check()
    panel.rest()
    assert panel.drag("how much of it") == [False, True, True]
    panel.keep_picture(f"explorer_mix_{panel.view}")
    panel.press("Reset sliders")
    panel.rest()

    panel.tab("Noise")
    before = panel.clouds()
    panel.press("New noise")
    assert panel.settled(before) == [False, True, True]
    panel.undo()
    assert panel.drag("move it by") == [False, False, True]
    panel.undo()
    assert panel.type("number of points", 512) == [True, True, True]
    assert [len(cloud) for cloud in panel.clouds()] == [512] * 3
    panel.undo()

    before = panel.clouds()
    panel.choose("Shape", "table-000000")
    assert panel.settled(before) == [True, True, True]
    panel.undo()
    for now, then in zip(panel.clouds(), opened, strict=True):
        np.testing.assert_array_equal(now, then)
    before = panel.clouds()
    panel.press("Redo")
    assert panel.settled(before) == [True, True, True]
    assert panel.camera() == camera
    assert panel.lab.errors() == []


def test_chosen_points_are_edited_and_no_others(panel):
    panel.tab("Points")
    before = panel.clouds()
    panel.lab.drag_slider(panel.slider("plane at"), 0.55)
    for now, then in zip(panel.rest(), before, strict=True):
        np.testing.assert_array_equal(now, then)  # choosing moves nothing, but colors
    for label in ("move x", "move y", "move z", "scale", "turn", "jitter"):
        latent = panel.clouds()[LATENT]
        assert panel.drag(label, 0.9) == [False, True, True], label
        moved = (panel.clouds()[LATENT] != latent).any(axis=1)
        assert 0 < moved.sum() < len(moved), label
        panel.undo()
    assert panel.drag("feature of h", 0.9) == [False, False, True]
    panel.undo()

    panel.press("ball")
    panel.press("Pick the center")
    target = panel.picture.evaluate(NEAREST[panel.view])
    panel.page.mouse.move(*target)
    panel.rest()  # plotly looks for points while the mouse moves
    panel.page.mouse.down()
    panel.lab.next_frame()  # it looks at the button once a frame
    panel.lab.next_frame()
    panel.page.mouse.up()
    center = panel.page.get_by_label("center: point", exact=True).locator("visible=true")
    panel.lab.until(lambda: center.input_value() != "0")
    panel.keep_picture(f"explorer_points_{panel.view}")
    assert panel.drag("move y", 0.9)[DECODED]

    panel.press("parts")
    listed = panel.page.get_by_label("parts", exact=True).locator("visible=true")
    assert "chair/seat" in listed.inner_text()
    before = panel.clouds()
    listed.select_option(label="chair/seat")
    assert panel.settled(before)[LATENT]
    kept = panel.clouds()
    panel.press("Keep")
    for now, then in zip(panel.rest(), kept, strict=True):
        np.testing.assert_array_equal(now, then)
    assert panel.page.get_by_text("1 kept").is_visible()
    panel.press("Remove all")
    panel.settled(kept)
    assert panel.readout() == 0.0
    assert panel.lab.errors() == []


# Points of the first scene to clip space: from -1 to 1 across and up, and how far away.
CLIP = {
    "plotly": """(plot, points) => {
        const scene = plot._fullLayout.scene._scene, camera = scene.glplot.cameraParams;
        const times = (m, v) => [0, 1, 2, 3].map(
            row => [0, 1, 2, 3].reduce((sum, k) => sum + m[4 * k + row] * v[k], 0));
        return points.map(([x, y, z]) => {
            const data = [z, x, y].map((value, axis) => value * scene.dataScale[axis]);
            const clip = [camera.model, camera.view, camera.projection].reduce(
                (v, m) => times(m, v), [...data, 1]);
            return clip.slice(0, 3).map(value => value / clip[3]); });
    }""",
    "webgl": """(canvas, points) => {
        const m = canvas.clouds.matrixOf(canvas.clouds.radii[0]);
        return points.map(point => {
            const clip = [0, 1, 2, 3].map(row => [...point, 1].reduce(
                (sum, value, column) => sum + m[4 * column + row] * value, 0));
            return clip.slice(0, 3).map(value => value / clip[3]); });
    }""",
}


def test_a_shape_fills_its_view_and_stays_in_sight_when_it_turns(panel):
    ball = np.random.default_rng(0).normal(size=(4000, 3))  # turned, it is itself again
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    for width in (1400, 900, 640):
        panel.page.set_viewport_size({"width": width, "height": 1000})
        panel.page.wait_for_function(FITS[panel.view], arg=panel.picture.element_handle())
        seen = np.array(panel.picture.evaluate(CLIP[panel.view], ball.tolist()))
        assert 0.9 < np.abs(seen[:, :2]).max() < 1, width
        panel.keep_picture(f"explorer_{width}_{panel.view}")


# The picture is as large as its place, and was drawn since.
FITS = {
    "plotly": """plot => {
        const { container, glplot } = plot._fullLayout.scene._scene;
        const { gl, fovy, cameraParams } = glplot, box = container.getBoundingClientRect();
        const near = (a, b) => Math.abs(a / b - 1) < 0.02;
        return near(plot._fullLayout.width, plot.clientWidth) && plot.clientWidth < innerWidth
            && near(gl.drawingBufferWidth / gl.drawingBufferHeight, box.width / box.height)
            && near(Math.tan(fovy / 2) * cameraParams.projection[5], 1); }""",
    "webgl": """canvas => Math.abs(canvas.clientWidth * devicePixelRatio - canvas.width) < 2
        && canvas.clientWidth < innerWidth""",
}


NEAREST = {
    "plotly": """plot => {
        const { x, y, z } = plot._fullData[0];
        const seen = (CLIP)(plot, Array.from(x, (_, i) => [y[i], z[i], x[i]]));
        const near = seen.reduce((best, place) => place[2] < best[2] ? place : best);
        const box = plot._fullLayout.scene._scene.container.getBoundingClientRect();
        return [box.left + box.width * (1 + near[0]) / 2, box.top + box.height * (1 - near[1]) / 2];
    }""".replace("CLIP", CLIP["plotly"]),
    "webgl": """canvas => {
        const box = canvas.getBoundingClientRect();
        for (let y = box.height / 2; y > 0; y -= 3) {
            const found = canvas.clouds.pick(box.left + box.width / 6, box.top + y);
            if (found && found.point) return [box.left + box.width / 6, box.top + y];
        } }""",
}


def test_colors_that_are_drawn_are_those_asked_for(panel):
    labels = {"height": COLORS, "part": PARTS, "displacement": COLORS, "feature of h": COLORS}
    seen = set()
    for name, palette in labels.items():
        panel.choose("Color by", name)
        colored = panel.lab.settled(lambda: panel.page.evaluate(COLORED[panel.view]))
        seen.add(json.dumps(colored))
        if panel.view == "plotly":
            values, scale, low, high = colored
            assert {color for _, color in scale} <= set(palette)
            assert low < high
            assert len(values) == 1024
        else:
            rgb = np.array(colored).reshape(-1, 3)
            assert len(rgb) == 1024
            if name == "part":
                drawn = {"#" + "".join(f"{c:02x}" for c in row) for row in rgb}
                assert drawn <= set(PARTS)
    assert len(seen) == len(labels)
    panel.choose("Color by", "part")
    panel.keep_picture(f"explorer_parts_{panel.view}")
    assert panel.lab.errors() == []


def test_a_walk_plays_stops_and_ends_at_the_end(panel):
    panel.tab("Walk")
    before = panel.clouds()
    panel.press("Play")
    panel.lab.until(lambda: not np.array_equal(panel.clouds()[DECODED], before[DECODED]))
    panel.press("Stop")
    play = panel.page.get_by_role("button", name="Play")
    panel.lab.until(play.is_enabled)
    stopped = panel.rest()
    assert not np.array_equal(stopped[DECODED], before[DECODED])
    bar = panel.page.get_by_role("progressbar", name="progress")
    assert bar.count() == 1
    np.testing.assert_array_equal(panel.rest()[DECODED], stopped[DECODED])
    panel.press("Play")
    panel.lab.until(play.is_disabled)
    panel.lab.until(play.is_enabled)
    panel.rest()
    panel.tab("Sliders")
    assert panel.slider("direction 1").locator(".widget-readout").inner_text() == "3.00"
    assert panel.lab.errors() == []


def test_turning_and_zooming_outlive_edits(panel):
    start = panel.camera()
    box = panel.picture.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    panel.page.mouse.move(x, y)
    panel.page.mouse.down()
    panel.page.mouse.move(x + 90, y + 20, steps=8)
    panel.page.mouse.up()
    turned = panel.turned(start)
    panel.page.mouse.wheel(0, -240)
    zoomed = panel.turned(turned)
    if panel.view == "plotly":  # all three scenes turn and zoom as one
        assert len({str(eye) for eye in json.loads(zoomed)}) == 1
    panel.drag("direction 1")
    assert panel.camera() == zoomed
    if panel.view == "webgl":
        panel.picture.focus()
        panel.page.keyboard.press("ArrowLeft")
        assert panel.camera() != zoomed
        panel.page.keyboard.press("Home")
        assert panel.camera() == start
        assert panel.picture.get_attribute("aria-label").startswith(
            "3 clouds side by side of 1024 points"
        )
    assert panel.lab.errors() == []


def test_nothing_is_cut_off_and_every_control_has_a_name(panel):
    for name in ("Sliders", "Factors", "Points", "Mix", "Noise", "Walk", "More shapes", "Save"):
        panel.tab(name)
        assert panel.lab.cut_off() == [], name
        assert panel.page.evaluate(NAMELESS) == [], name
        panel.keep_picture(f"explorer_tab_{name.replace(' ', '_')}_{panel.view}")


def test_the_keyboard_moves_sliders_and_tabs(panel):
    before = panel.clouds()
    handle = panel.slider("direction 1").locator(".noUi-handle")
    panel.lab.until(lambda: (handle.get_attribute("aria-label") or "").startswith("direction 1"))
    handle.focus()
    for _ in range(6):
        panel.page.keyboard.press("ArrowRight")
    assert panel.settled(before) == [False, False, True]
    assert panel.slider("direction 1").locator(".widget-readout").inner_text() != "0.00"


def test_a_dark_page_is_drawn_dark_and_light_again(panel):
    light = panel.picture.screenshot()
    theme = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    panel.page.evaluate(theme, "JupyterLab Dark")
    try:
        panel.lab.until(lambda: mean_gray(panel.picture.screenshot()) < 70)
        panel.keep_picture(f"explorer_dark_{panel.view}")
    finally:
        panel.page.evaluate(theme, "JupyterLab Light")
    panel.lab.until(lambda: mean_gray(panel.picture.screenshot()) > 200)
    assert mean_gray(light) > 200


def mean_gray(picture: bytes) -> float:
    import io

    from PIL import Image

    return float(np.asarray(Image.open(io.BytesIO(picture)).convert("L")).mean())


def test_more_shapes_and_files_come_and_go(panel, tmp_path):
    panel.tab("More shapes")
    before = panel.clouds()
    panel.page.get_by_label("procedural", exact=True).select_option(label="mug")
    panel.page.get_by_role("button", name="Add", exact=False).locator("visible=true").first.click()
    assert panel.settled(before) == [True, True, True]
    before = panel.clouds()
    panel.press("Add a sample")
    panel.settled(before)
    before = panel.clouds()
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).normal(size=(700, 3)))
    upload(panel, tmp_path / "mine.npy")
    assert panel.settled(before) == [True, True, True]
    (tmp_path / "broken.ply").write_text("nonsense")
    upload(panel, tmp_path / "broken.ply")
    alert = panel.page.get_by_role("alert").filter(has_text="broken.ply")
    alert.wait_for()

    panel.tab("Save")
    for kind, ending in (("PLY", ".ply"), ("NPZ", ".npz")):
        panel.press(kind)
        panel.page.get_by_text(re.compile(f"Written: .*{re.escape(ending)}")).wait_for()
    panel.press("Python")
    code = panel.page.get_by_label("Python", exact=True).locator("visible=true")
    panel.lab.until(lambda: "editing.decode(model, state)" in code.input_value())


def upload(panel: Page, path: Path) -> None:
    """Choose a file: the widget's own input is no part of the page."""
    with panel.page.expect_file_chooser() as chooser:
        panel.page.locator("button.widget-upload, .widget-upload button").first.click()
    chooser.value.set_files(path)


@pytest.mark.parametrize("kind", ["FactorSliders", "EditsOfChosenPoints", "Mix"])
def test_groups_stand_alone(kernel, lab, kind):
    show(lab, f'panel = {kind}(model, shapes, view="webgl", use_prior=False)')
    panel = Page(lab, "webgl")
    if kind == "Mix":
        before = panel.clouds()
        lab.page.get_by_label("all of z", exact=True).check()
        moved = panel.settled(before)
    else:
        moved = panel.drag("leg height" if kind == "FactorSliders" else "move y")
    assert moved[DECODED]
    assert lab.cut_off() == []
    panel.keep_picture(f"explorer_{kind}")
    assert lab.errors() == []


def test_an_error_shows_in_the_panel_and_a_lost_kernel_too(lab, tmp_path):
    broken = (
        "from pcvae import editing\n"
        "decode = editing.decode\n"
        "def sometimes(model, state):\n"
        "    if panel.style[3].value > 1: raise RuntimeError('out of luck')\n"
        "    return decode(model, state)\n"
        "editing.decode = sometimes"
    )
    path = tmp_path / "broken.ipynb"
    lab.open_notebook(write_notebook(path, SETUP, PANEL.format(view="webgl") + "\npanel", broken))
    lab.run_all()
    panel = Page(lab, "webgl")
    before = panel.clouds()
    lab.drag_slider(panel.slider("direction 4"), 0.95)
    alert = lab.page.get_by_role("alert").filter(has_text="out of luck")
    alert.wait_for()
    lost = lab.page.get_by_text("The kernel of this panel is gone")
    assert not lost.is_visible()
    lab.drag_slider(panel.slider("direction 4"), 0.5)
    alert.wait_for(state="detached")
    assert np.abs(panel.rest()[DECODED] - before[DECODED]).max() < 0.5
    # As when memory runs out. Restarting from the menu is ipywidgets' own business.
    kill = "globalThis.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
    lab.page.evaluate(f"() => {{ {kill}.requestExecute({{code: 'import os; os._exit(1)'}}); }}")
    lost.wait_for(timeout=30_000)
    panel.keep_picture("explorer_lost_kernel")
