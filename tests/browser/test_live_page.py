"""The live page in a real Chromium: what it draws against the package, and every control.

The page is built by its script, which needs npm once; `PCVAE_LIVE_PAGE` names one that is built
already. It is served on the loopback address, and nothing else may be asked for anything.
"""

from __future__ import annotations

import base64
import csv
import itertools
import json
import re
import runpy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from browser.harness import ARTIFACTS, ROOT, SECOND, SOFTWARE_WEBGL, serving
from built_site import MOST_BYTES, bytes_of

import pcvae
from pcvae import editing
from pcvae.data import generate, load_furniture, read_shape
from pcvae.editing.factors import FactorCurve, allowed
from pcvae.shapes import families

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCRIPT = ROOT / "site" / "build_live.py"
NO_CARD = "No available adapters."  # Chromium's own warning to whoever asks for a graphics card
SOFTWARE_WEBGPU = [
    *SOFTWARE_WEBGL, "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
]  # fmt: skip
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
# Half precision of the weights, beside coordinates of about 1.
NEAR = 0.02

DRAWN = """() => {
    const clouds = document.querySelector('#view canvas').clouds;
    return Array.from(clouds.places.at(-1));
}"""
START_VIEW = "0.66,0.36,1"
AT_REST = """() => document.querySelector('#view').getAttribute('aria-busy') === 'false'"""
WIDE = """() => Array.from(document.querySelectorAll('body *'))
    .filter(part => part.offsetParent && !part.closest('#gallery')
        && part.getBoundingClientRect().right > window.innerWidth + 0.5)
    .map(part => `${part.tagName} ${part.id} ${part.className}`)"""


@pytest.fixture(scope="module")
def built(live_page: Path) -> Path:
    """Return the folder with the page."""
    return live_page


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    with serving(built) as served:
        yield served


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=SOFTWARE_WEBGL)
        yield opened
        opened.close()


@dataclass
class Live:
    """A page, what it asked for, and what went wrong in it."""

    page: object
    address: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def frame(self) -> None:
        """Wait until the page has drawn once more."""
        self.page.evaluate("async () => { await new Promise(requestAnimationFrame); }")

    def open(self, hash: str = "") -> None:
        self.page.goto("about:blank")
        self.page.goto(self.address + hash)
        self.page.wait_for_function("document.documentElement.dataset.ready", timeout=90 * SECOND)
        self.rest()

    def rest(self) -> np.ndarray:
        """Wait until all points are drawn, and return them."""
        self.page.wait_for_function(AT_REST, timeout=60 * SECOND)
        points = self.drawn()
        assert points.shape == (2048, 3)
        assert np.isfinite(points).all()
        return points

    def go(self, hash: str) -> None:
        """Follow a link on the page itself."""
        self.page.evaluate(
            """hash => {
                document.querySelector('#view').setAttribute('aria-busy', 'true');
                location.hash = hash;
            }""",
            hash,
        )

    def drawn(self) -> np.ndarray:
        return np.array(self.page.evaluate(DRAWN), dtype=np.float32).reshape(-1, 3)

    def run(self, module: str, code: str, arg: object = None) -> object:
        """Run code that uses a module of the page as `m`, and its argument as `a`."""
        loaded = f"async (a) => {{ const m = await import('./{module}.js'); return {code}; }}"
        return self.page.evaluate(loaded, arg)

    def drag(self, slider: str, to: float) -> None:
        """Drag a slider's handle with the mouse to a fraction of its track."""
        handle = self.page.locator(slider)
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        low, high, value = (float(handle.evaluate(f"s => s.{n}")) for n in ("min", "max", "value"))
        place = (value - low) / (high - low)
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + 8 + place * (box["width"] - 16), y)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + 8 + to * (box["width"] - 16), y, steps=10)
        self.page.mouse.up()

    def value(self, selector: str) -> float:
        return float(self.page.locator(selector).input_value())

    def measured(self, factor: str) -> str:
        return self.page.locator(f".slider:has(#factor-{factor}) .measured").inner_text()

    def screenshot(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"live_{name}.png")


def open_live(browser: object, address: str, **options: object) -> Live:
    context = browser.new_context(**{"viewport": DESKTOP, **options})
    live = Live(context.new_page(), address)
    live.page.on("request", lambda request: live.requests.append(request.url))
    live.page.on("pageerror", lambda error: live.errors.append(str(error)))
    live.page.on(
        "console",
        lambda said: (
            live.errors.append(said.text)
            if said.type in ("error", "warning") and said.text != NO_CARD
            else None
        ),
    )
    return live


@pytest.fixture(scope="module")
def page_of_file(browser: object, address: str) -> Iterator[Live]:
    live = open_live(browser, address, permissions=["clipboard-read", "clipboard-write"])
    live.open()
    yield live
    live.page.context.close()


@pytest.fixture
def live(page_of_file: Live, request: pytest.FixtureRequest) -> Iterator[Live]:
    """The file's page, as it starts; in the end nothing may have gone wrong, nor left the host."""
    page_of_file.go(f"shape=chair-1&view={START_VIEW}&test={request.node.name}")
    page_of_file.rest()
    page_of_file.errors.clear()
    yield page_of_file
    page_of_file.screenshot(request.node.name)
    assert page_of_file.errors == []
    asked = [url for url in page_of_file.requests if not url.startswith(("blob:", "data:"))]
    assert [url for url in asked if not url.startswith(page_of_file.address)] == []


@pytest.fixture(scope="module")
def model() -> pcvae.PointCloudVAE:
    return pcvae.load("shapes")


def chamfer(one: np.ndarray, other: np.ndarray) -> float:
    from pcvae.metrics import chamfer_distance

    return float(chamfer_distance(one, other))


class TestAsThePackage:
    """What the page works out, beside what the package does."""

    def test_noise_is_that_of_pytorch(self, live: Live) -> None:
        for seed in (0, 7, 2**31 - 1):
            generator = torch.Generator().manual_seed(seed)
            wanted = torch.cat(
                [torch.randn(128, generator=generator), torch.randn(8192, generator=generator)]
            )
            code = (
                "(() => { const g = new m.Generator(a); "
                "return [...g.normal(128), ...g.normal(8192)]; })()"
            )
            found = live.run("random", code, seed)
            np.testing.assert_allclose(found, wanted.numpy(), atol=2e-6)

    @pytest.mark.parametrize("name", families())
    def test_scale_of_any_factors(self, live: Live, name: str) -> None:
        family = families()[name]
        factors = family.random_factors(np.random.default_rng(0), 60)
        rows = [{key: float(values[i]) for key, values in factors.items()} for i in range(60)]
        wanted = family.build(factors).scale
        found = live.run("surfaces", "a.rows.map(f => m.scaleOf(a.family, f))", {
            "family": about(family), "rows": rows,
        })  # fmt: skip
        np.testing.assert_allclose(found, wanted, rtol=1e-5)

    @pytest.mark.parametrize("name", families())
    def test_estimators_on_the_same_clouds(self, live: Live, name: str) -> None:
        shapes = generate([name], count=24, split="val")
        rng = np.random.default_rng(1)
        clean, family = shapes.points, families()[name]
        noisy = clean + 0.02 * rng.standard_normal(clean.shape, dtype=np.float32)
        clouds = [*clean, *noisy, *clean[:, :384], *(1.1 * clean + 0.05)]
        asked = allowed(family, {})
        code = "a.clouds.map(c => m.measure(a.family, Float32Array.from(c), a.asked))"
        arg = {
            "clouds": [c.ravel().tolist() for c in clouds],
            "family": about(family),
            "asked": asked,
        }
        found = live.run("measuring", code, arg)
        directions = editing.FactorDirections(family, (), np.zeros(0), torch.zeros(0, 0), 0.0, 1.0)
        for cloud, theirs in zip(clouds, found, strict=True):
            ours = editing.measure(directions, cloud, asked)
            assert set(ours) == set(theirs) == set(family.measured)
            for key, value in ours.items():
                got = np.nan if theirs[key] is None else theirs[key]
                span = np.ptp(family.factor(key).bounds)
                np.testing.assert_allclose(got, value, rtol=1e-4, atol=1e-4 * span, err_msg=key)

    def test_points_are_paired_alike(self, live: Live) -> None:
        one, other = load_furniture("test").points[:2].astype(np.float32)
        code = "[...m.matchPoints(Float32Array.from(a[0]), Float32Array.from(a[1]))]"
        found = live.run("latents", code, [one.ravel().tolist(), other.ravel().tolist()])
        np.testing.assert_array_equal(found, editing.match_points(one, other))

    def test_z_moves_alike(self, live: Live) -> None:
        """Factors and directions that came with the page, in both."""
        found = live.run(
            "shapes",
            """(async () => {
                const { moveFactors, moveStyle } = await import('./latents.js');
                const data = await m.openData();
                const [family] = data.families;
                const z = data.shapes[0].z;
                const changes = { leg_height: -12, seat_width: 3.5, armrests: 1 };
                const { deviations, basis } = data.directions;
                const curve = Object.fromEntries(
                    Object.entries(family.curve).map(([name, values]) => [name, [...values]]));
                return {
                    z: [...z], names: family.names, curve, deviations, basis: [...basis],
                    factors: [...moveFactors({ z }, family, changes).z],
                    style: [...moveStyle({ z }, data.directions, [1, 0, -2]).z],
                };
            })()""",
        )
        numbers = {name: torch.tensor(values) for name, values in found["curve"].items()}
        z, names = torch.tensor(found["z"]), found["names"]
        size, count = len(z), len(names)
        curve = FactorCurve(
            numbers["weights"].reshape(-1, size), numbers["spread"], numbers["styleMean"],
            numbers["readout"].reshape(size, count), numbers["limits"].reshape(2, count),
        )  # fmt: skip
        mean, basis = np.zeros(count), torch.zeros(count, size)
        directions = editing.FactorDirections(
            families()["chair"], tuple(names), mean, basis, 1.0, 1.0, curve
        )
        empty = torch.zeros(1, 4)
        state = editing.LatentState(z, empty, empty, empty)
        changes = {"leg_height": -12, "seat_width": 3.5, "armrests": 1}
        wanted = editing.move_factors(state, directions, changes).z
        np.testing.assert_allclose(found["factors"], wanted.numpy(), atol=1e-5)
        deviations = torch.tensor(found["deviations"])
        basis = torch.tensor(found["basis"]).reshape(-1, size)
        axes = editing.Directions(torch.zeros(size), basis, deviations, deviations)
        wanted = editing.move_style(state, axes, [1.0, 0.0, -2.0]).z
        np.testing.assert_allclose(found["style"], wanted.numpy(), atol=1e-5)

    def test_a_shape_is_drawn_as_by_the_package(
        self, live: Live, model: pcvae.PointCloudVAE
    ) -> None:
        shapes = generate(tuple(families()), count=5, split="test")
        wanted = editing.decode(model, editing.encode(model, shapes.points[0]))
        assert np.abs(live.rest() - wanted).max() < NEAR

    def test_a_new_shape_is_that_of_its_seed(self, live: Live, model: pcvae.PointCloudVAE) -> None:
        live.page.fill("#new-seed", "11")
        live.page.click("#new")
        found = live.rest()
        wanted = editing.decode(model, editing.from_prior(model, 2048, 11))
        assert np.abs(found - wanted).max() < NEAR

    @pytest.mark.parametrize(
        ("hash", "way"),
        [
            ("shape=chair-2&temperature=0.8&forget=0.3&seed=5&factor.leg_height=-8", "factors"),
            ("shape=new-3&seed=9&direction.2=1.5&other=mug-1&take=swap+z", "a swap and directions"),
            ("shape={furniture[0]}&other={furniture[5]}&take=both&amount=0.4&seed=2", "a mixture"),
            ("shape=new-1&other=new-2&take=h&amount=0.5&seed=4", "pairs by what was drawn"),
        ],
    )
    def test_copied_python_makes_what_is_drawn(
        self, live: Live, model: pcvae.PointCloudVAE, hash: str, way: str
    ) -> None:
        furniture = live.page.locator("[aria-label='real furniture'] button").evaluate_all(
            "all => all.map(button => encodeURIComponent(button.dataset.shape))"
        )
        live.go(hash.format(furniture=furniture))
        found = live.rest()
        live.page.click("#python")
        live.page.wait_for_selector("#code:not([hidden])")
        code = live.page.evaluate("navigator.clipboard.readText()")
        assert code == live.page.input_value("#code")
        made = {}
        exec(code, made)
        # Drawn clouds differ in the last digits, and with them who is whose partner.
        if "drawn" not in way:
            assert np.abs(found - made["cloud"]).max() < 2 * NEAR
        assert chamfer(found, made["cloud"]) < 3e-3


class TestControls:
    """Each of them moves what is drawn, and where it says it does."""

    def test_a_factor_is_dragged_and_measured(self, live: Live) -> None:
        before, was = live.rest(), live.value("#factor-leg_height")
        live.drag("#factor-leg_height", 0.2)
        after, now = live.rest(), live.value("#factor-leg_height")
        assert now < was - 5
        assert np.abs(after - before).max() > 0.05
        # So long a way is missed by some centimeters, by the package's own slider as well.
        assert abs(float(live.measured("leg_height").split()[0]) - now) < (was - now) / 4
        live.page.click("#undo")  # all of the drag at once
        assert np.abs(live.rest() - before).max() < 1e-5
        assert live.value("#factor-leg_height") == was
        live.page.keyboard.press("Control+Shift+z")
        assert np.abs(live.rest() - after).max() < 1e-5
        live.page.click("#reset")
        assert np.abs(live.rest() - before).max() < 1e-5

    def test_few_points_are_drawn_while_a_slider_is_dragged(self, live: Live) -> None:
        live.rest()
        live.page.evaluate("""() => {
            const { clouds } = document.querySelector('#view canvas');
            const set = clouds.setCloud.bind(clouds);
            window.counts = [];
            clouds.setCloud = (view, places) => {
                window.counts.push(places.length / 3);
                set(view, places);
            };
        }""")
        live.drag("#factor-seat_width", 0.3)
        live.rest()
        counts = live.page.evaluate("window.counts")
        assert counts[-1] == 2048
        assert all(384 <= count <= 768 for count in counts[:-1] if count != 2048)
        assert min(counts) < 2048

    def test_every_slider_by_its_keys(self, live: Live) -> None:
        sliders = live.page.locator("input[type=range]").evaluate_all("all => all.map(s => s.id)")
        assert len(sliders) == 12 + 2 + 1 + 6
        live.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        for slider in sliders:
            if live.page.locator(f"#{slider}").is_disabled():
                continue
            before, was = live.rest(), live.value(f"#{slider}")
            live.page.focus(f"#{slider}")
            for _ in range(3):
                live.page.keyboard.press("ArrowLeft" if was else "ArrowRight")
            if live.value(f"#{slider}") == was:
                live.page.keyboard.press("End")
            after = live.rest()
            assert np.abs(after - before).max() > 1e-4, slider

    def test_shapes_are_picked(self, live: Live) -> None:
        seen = [live.rest()]
        for key in ("table-2", "lamp-1", "airplane-1", "mug-1"):
            live.page.click(f"#gallery button[data-shape={key}]")
            seen.append(live.rest())
            assert live.page.input_value("#family") == key.split("-")[0]
        pairs = [(a, b) for a in range(5) for b in range(a)]
        assert all(np.abs(seen[a] - seen[b]).max() > 0.1 for a, b in pairs)
        furniture = live.page.locator("[aria-label='real furniture'] button")
        assert furniture.count() == 13
        furniture.last.click()
        live.rest()

    def test_shapes_are_picked_by_keys(self, live: Live) -> None:
        before = live.rest()
        live.page.focus("#gallery button[aria-pressed=true]")
        for key in ("ArrowRight", "ArrowRight", "Enter"):
            live.page.keyboard.press(key)
        live.page.wait_for_selector("#gallery button[data-shape=chair-3][aria-pressed=true]")
        assert np.abs(live.rest() - before).max() > 0.1
        assert live.page.locator("#gallery button[tabindex='0']").count() == 1

    def test_two_shapes(self, live: Live) -> None:
        one = live.rest()
        live.page.select_option("#other", "lamp-2")
        live.page.select_option("#what", "swap z")
        swapped = live.rest()
        live.page.select_option("#what", "swap h")
        assert np.abs(live.rest() - one).max() > 0.05
        live.page.select_option("#what", "both")
        halfway = live.rest()
        live.drag("#amount-slider", 1.0)
        end = live.rest()
        live.page.click("#exchange")
        live.page.click("#reset")
        other = live.rest()
        assert chamfer(end, other) < 0.005  # the same points in another order
        assert chamfer(swapped, other) < 0.01
        assert min(chamfer(halfway, one), chamfer(halfway, other)) > 0.005

    def test_the_walk_plays(self, live: Live) -> None:
        live.rest()
        live.page.click("#walk")
        assert live.page.inner_text("#walk") == "Stop"
        places = set()
        while live.page.inner_text("#walk") == "Stop":
            places.add(live.value("#amount-slider"))
            live.frame()
        assert len(places) > 5
        end = live.rest()
        live.page.click("#gallery button[data-shape=table-1]")
        assert chamfer(end, live.rest()) < 0.005

    def test_noise(self, live: Live) -> None:
        before = live.rest()
        live.drag("#forget", 1.0)
        forgotten = live.rest()
        assert np.abs(forgotten - before).max() > 0.05
        live.page.click("#new-noise")
        again = live.rest()
        assert np.abs(again - forgotten).max() > 0.05
        assert chamfer(again, before) < 0.02  # z knows the shape
        live.drag("#temperature", 0.0)
        assert np.ptp(live.rest(), axis=0).max() < np.ptp(before, axis=0).max()

    def test_original_beside_it(self, live: Live) -> None:
        live.page.check("#compare")
        live.rest()
        views = live.page.evaluate(
            "document.querySelector('#view canvas').clouds.places.map(p => p.length)"
        )
        assert views == [6144, 6144]
        live.screenshot("original_beside_it")
        live.page.uncheck("#compare")

    def test_turned_and_zoomed_by_hand(self, live: Live) -> None:
        camera = "document.querySelector('#view canvas').clouds.camera"
        before = live.page.evaluate(camera)
        box = live.page.locator("#view canvas").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        live.page.mouse.move(x, y)
        live.page.mouse.down()
        live.page.mouse.move(x + 90, y + 30, steps=5)
        live.page.mouse.up()
        live.page.mouse.wheel(0, -200)
        live.page.keyboard.press("ArrowLeft")
        after = live.page.evaluate(camera)
        assert after["yaw"] != before["yaw"]
        assert after["pitch"] != before["pitch"]
        live.page.wait_for_function(f"{camera}.zoom > 1.2")
        live.page.keyboard.press("Home")
        assert live.page.evaluate(camera) == {"yaw": 0.66, "pitch": 0.36, "zoom": 1}

    def test_ply_is_what_is_drawn(self, live: Live, tmp_path: Path) -> None:
        drawn = live.rest()
        with live.page.expect_download() as waiting:
            live.page.click("#ply")
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        assert path.name == "chair-1.ply"
        np.testing.assert_allclose(read_shape(path).vertices, drawn, atol=1e-7)

    def test_a_link_holds_it_all(self, live: Live, browser: object, address: str) -> None:
        live.page.click("#gallery button[data-shape=lamp-3]")
        live.rest()
        live.drag("#factor-pole_height", 0.7)
        live.page.select_option("#other", "lamp-1")
        live.page.select_option("#what", "h")
        live.page.focus("#view canvas")
        live.page.keyboard.press("ArrowLeft")
        drawn = live.rest()
        live.page.click("#link")
        live.page.wait_for_function("document.querySelector('#copied').textContent")
        link = live.page.evaluate("navigator.clipboard.readText()")
        other = open_live(browser, address)
        other.open(link.removeprefix(address))
        assert np.abs(other.rest() - drawn).max() < 1e-3
        camera = "document.querySelector('#view canvas').clouds.camera.yaw"
        assert abs(other.page.evaluate(camera) - live.page.evaluate(camera)) < 1e-3
        assert other.errors == []
        other.page.context.close()

    def test_a_link_with_nonsense(self, live: Live) -> None:
        before = live.rest()
        live.go(
            "shape=z-!!&take=what&seed=1e99&direction.99=4&factor.wing_span=x&view=a,b,c"
            "&temperature=NaN"
        )
        live.page.wait_for_selector("#error:not([hidden])")
        assert "There is no shape" in live.page.inner_text("#error")
        live.page.click("#gallery button[data-shape=chair-1]")
        assert np.abs(live.rest() - before).max() < 1e-5


def about(family: object) -> dict:
    """A family as the page knows it."""
    factors = [
        {"name": f.name, "unit": f.unit, "bounds": f.bounds, "kind": f.kind} for f in family.factors
    ]
    return {"name": family.name, "factors": factors}


def table_mesh() -> tuple[np.ndarray, np.ndarray]:
    """A table of a flat top and four legs: corners and quadrangles."""
    corners, faces = [], []
    boxes = [((-60, 70, -40), (60, 75, 40))]
    boxes += [((x, 0, z), (x + 6, 70, z + 6)) for x in (-58, 52) for z in (-38, 32)]
    sides = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    for low, high in boxes:
        faces += [[len(corners) + i for i in side] for side in sides]
        ends = np.array([low, high], float)
        corners += itertools.product(*ends.T)
    return np.array(corners), np.array(faces)


def files() -> dict[str, bytes]:
    """The same table in each kind of file."""
    corners, faces = table_mesh()
    rng = np.random.default_rng(0)
    fans = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    from pcvae.geometry import sample_surface

    points = sample_surface(corners.astype(np.float32), fans, 3000, rng)[0]
    text = "\n".join(" ".join(map(str, row)) for row in points.tolist())
    head = "ply\nformat {}\ncomment a table\nelement vertex {}\n{}{}end_header\n"
    axes = "".join(f"property {{0}} {axis}\n" for axis in "xyz")
    lists = f"element face {len(faces)}\nproperty list uchar int vertex_indices\n"
    body = {}
    for order, mark in (("little", "<"), ("big", ">")):
        rows = b"".join(np.uint8(4).tobytes() + row.astype(f"{mark}i4").tobytes() for row in faces)
        start = head.format(
            f"binary_{order}_endian 1.0", len(corners), axes.format("double"), lists
        )
        body[order] = start.encode() + corners.astype(f"{mark}f8").tobytes() + rows
    plain = head.format("ascii 1.0", len(points), axes.format("float"), "") + text + "\n"
    obj = "".join(f"v {x} {y} {z}\n" for x, y, z in corners)
    obj += "".join("f " + " ".join(f"{i + 1}/1/1" for i in row) + "\n" for row in faces)
    off = f"OFF\n{len(corners)} {len(faces)} 0\n"
    off += "".join(f"{x} {y} {z}\n" for x, y, z in corners)
    off += "".join("4 " + " ".join(map(str, row)) + "\n" for row in faces)
    stl = b" " * 80 + np.uint32(len(fans)).tobytes()
    stl += b"".join(bytes(12) + corners[row].astype("<f4").tobytes() + bytes(2) for row in fans)
    return {
        "ascii.ply": plain.encode(),
        "little.ply": body["little"],
        "big.ply": body["big"],
        "mesh.obj": obj.encode(),
        "mesh.off": off.encode(),
        "mesh.stl": stl,
        "points.xyz": text.encode(),
        "points.csv": ("x,y,z\n" + text.replace(" ", ",")).encode(),
        "single.npy": saved(points),
        "double_z_up.npy": saved(np.asfortranarray(points[:, [0, 2, 1]] * [1.0, -1.0, 1.0])),
        "half_of_many.npy": saved(np.stack([points / 100] * 2).astype(np.float16)),
    }


def saved(points: np.ndarray) -> bytes:
    import io

    file = io.BytesIO()
    np.save(file, points)
    return file.getvalue()


BROKEN = {
    "empty.ply": (b"", "it is empty"),
    "cut.ply": (files()["big.ply"][:300], "cut short"),
    "header.ply": (b"ply\nformat", "no whole PLY header"),
    "nothing.obj": (b"# nothing\n", "neither faces nor points"),
    "corner.obj": (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "names vertex 8"),
    "flat.obj": (b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "no surface"),
    "words.xyz": (b"1 2 3\n4 five 6\n", "as numbers"),
    "nan.xyz": (b"1 2 3\n4 nan 6\n", "as numbers"),
    "one.xyz": (b"1 2 3\n" * 9, "one and the same"),
    "wrong.npy": (saved(np.zeros((5, 2))), "shape (points, 3)"),
    "cut.npy": (saved(np.ones((50, 3)))[:-40], "cut short"),
    "film.mp4": (b"abc", "no known kind"),
}


class TestYourOwnFiles:
    @pytest.mark.parametrize("name", files())
    def test_a_file_is_drawn(self, live: Live, name: str) -> None:
        live.page.select_option("#up", "z" if "z_up" in name else "y")
        give(live, name, files()[name])
        drawn = live.rest()
        corners, _ = table_mesh()
        middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
        size = np.ptp(corners, axis=0) / np.linalg.norm(corners - middle, axis=1).max()
        np.testing.assert_allclose(np.ptp(drawn, axis=0), size, atol=0.12)
        assert live.page.input_value("#family") == "table"
        live.page.select_option("#up", "y")

    def test_a_file_is_dropped(self, live: Live) -> None:
        before = live.rest()
        content = base64.b64encode(files()["mesh.obj"]).decode()
        live.page.evaluate(
            """content => {
                const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
                const data = new DataTransfer();
                data.items.add(new File([bytes], 'dropped.obj'));
                const options = { dataTransfer: data, bubbles: true, cancelable: true };
                for (const kind of ['dragover', 'drop']) {
                    document.querySelector('#view').dispatchEvent(new DragEvent(kind, options));
                }
            }""",
            content,
        )
        live.page.wait_for_selector("#gallery button[aria-pressed=true][title='dropped.obj']")
        assert np.abs(live.rest() - before).max() > 0.1

    @pytest.mark.parametrize("turned", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
    def test_a_concave_face_keeps_its_area(self, live: Live, turned: tuple[int, ...]) -> None:
        """An arrow, whose notch the fan around its first corner would cover; in each plane."""
        corners = np.array([(0, 0, 0), (4, 1, 0), (0, 2, 0), (3, 1, 0)])[:, turned]
        text = "".join(f"v {x} {y} {z}\n" for x, y, z in corners.tolist()) + "f 1 2 3 4\n"
        code = "[...m.cloudOfFile('arrow.obj', new TextEncoder().encode(a), 'y', 2048)]"
        cloud = np.reshape(live.run("reading", code, text), (-1, 3))[:, np.argsort(turned)]
        x, y, _ = 2 * (cloud - cloud.min(axis=0)).T / np.ptp(cloud[:, 1])
        off = abs(y - 1)
        assert (off <= 1 - x / 4 + 0.1).all()
        assert (off >= 1 - x / 3 - 0.1).all()  # none in the notch, which is three times as large
        assert x.max() > 3.7
        assert (x < 1).sum() > 100

    @pytest.mark.parametrize("name", BROKEN)
    def test_a_broken_one_is_refused_in_a_line(self, live: Live, name: str) -> None:
        before, (content, reason) = live.rest(), BROKEN[name]
        live.page.set_input_files(
            "#file", {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        )
        live.page.wait_for_selector("#error:not([hidden])")
        said = live.page.inner_text("#error")
        assert said.startswith(f"{name}: ")
        assert reason in said
        assert "\n" not in said
        assert np.array_equal(live.drawn(), before)

    def test_its_link_holds_its_z(self, live: Live, browser: object, address: str) -> None:
        give(live, "mesh.obj", files()["mesh.obj"])
        drawn = live.rest()
        live.page.wait_for_function("location.hash.includes('shape=z-')")
        other = open_live(browser, address)
        other.open(live.page.evaluate("location.hash"))
        assert chamfer(other.rest(), drawn) < 0.01
        other.page.context.close()


def give(live: Live, name: str, content: bytes) -> None:
    """Open a file by the button, and wait until it is the shape that is shown."""
    live.page.set_input_files(
        "#file", {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )
    live.page.wait_for_selector(
        f"#gallery button[aria-pressed=true][title='{name}'], #error:not([hidden])"
    )
    assert live.page.locator("#error").is_hidden(), live.page.inner_text("#error")


class TestEverywhere:
    def test_on_a_phone(self, browser: object, address: str) -> None:
        phone = open_live(
            browser, address, viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2
        )
        phone.open()
        phone.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert phone.page.evaluate(WIDE) == []
        assert phone.page.evaluate("document.documentElement.scrollWidth") <= 360
        phone.screenshot("phone")
        pinch(phone)
        zoom = "document.querySelector('#view canvas').clouds.camera.zoom"
        assert phone.page.evaluate(zoom) > 1.2
        phone.page.evaluate("document.querySelector('#code').hidden = false")
        phone.page.locator("#factor-back_tilt").scroll_into_view_if_needed()
        phone.screenshot("phone_below")
        assert phone.errors == []
        phone.page.context.close()

    def test_as_a_part_of_another_page(self, browser: object, address: str) -> None:
        live = open_live(browser, address, viewport={"width": 900, "height": 560})
        live.open("?embedded")
        before = live.rest()
        live.drag("#factor-back_height", 0.1)
        assert np.abs(live.rest() - before).max() > 0.05
        assert live.page.locator("header, footer, #python").evaluate_all(
            "all => all.every(part => part.offsetParent === null)"
        )
        live.page.wait_for_function(
            "document.querySelector('#whole a').hash.includes('back_height')"
        )
        whole = live.page.evaluate("document.querySelector('#whole a').href")
        assert whole.startswith(f"{address}#")
        live.screenshot("embedded")
        live.page.context.close()

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_both_themes(self, browser: object, address: str, theme: str) -> None:
        live = open_live(browser, address, color_scheme=theme)
        live.open("#shape=airplane-2")
        paper = live.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 17, 17)"}[theme]
        assert live.page.evaluate("document.querySelector('#view canvas').clouds.dark") == (
            theme == "dark"
        )
        live.page.screenshot(path=ARTIFACTS / f"live_{theme}.png", full_page=True)
        live.page.click("#theme")
        live.page.click("#theme")
        assert live.page.evaluate("document.documentElement.dataset.theme") == "dark"
        live.page.context.close()

    def test_without_motion_a_walk_has_stops(self, browser: object, address: str) -> None:
        live = open_live(browser, address, reduced_motion="reduce")
        live.open()
        live.page.click("#walk")
        places = set()
        while live.page.inner_text("#walk") == "Stop":
            places.add(live.value("#amount-slider"))
            live.frame()
        assert places <= {0.0, 0.2, 0.4, 0.6, 0.8, 1.0}
        assert len(places) >= 4
        live.page.context.close()

    @pytest.mark.parametrize(
        ("without", "word"),
        [
            ("delete window.WebAssembly", "WebAssembly"),
            ("delete window.DecompressionStream", "DecompressionStream"),
            ("HTMLCanvasElement.prototype.getContext = () => null", "WebGL"),
        ],
    )
    def test_a_word_where_something_is_missing(
        self, browser: object, address: str, without: str, word: str
    ) -> None:
        live = open_live(browser, address)
        live.page.add_init_script(without)
        live.page.goto(address)
        live.page.wait_for_selector("#missing:not([hidden])")
        assert word in live.page.inner_text("#missing")
        live.page.context.close()

    def test_a_word_where_the_model_is_missing(self, browser: object, address: str) -> None:
        live = open_live(browser, address)
        live.page.route("**/weights.bin", lambda route: route.abort())
        live.page.goto(address)
        live.page.wait_for_selector("#error:not([hidden])")
        assert "did not start" in live.page.inner_text("#error")
        assert len(live.drawn()) == 2048  # the original is there nevertheless
        live.page.context.close()

    def test_webgpu_draws_the_same(self, browser: object, chromium: str, address: str) -> None:
        """By an adapter in software, which is so slow that a few points have to do."""
        own = browser.browser_type.launch(executable_path=chromium, args=SOFTWARE_WEBGPU)
        live = open_live(own, address)
        live.open()
        if not live.page.evaluate("navigator.gpu?.requestAdapter().then(Boolean)"):
            pytest.skip("this Chromium has no adapter in software")
        apart = live.run(
            "random",
            """(async () => {
                const { model } = await import('./model.js');
                const card = new model.quick.constructor();
                await card.ask('load', { on: 'webgpu' });
                const normal = (seed, count) => new m.Generator(seed).normal(count);
                const [z, noise] = [normal(2, 128), normal(1, 64)];
                const [one, other] = await Promise.all(
                    [model.quick, card].map(worker => worker.ask('draw', { z, noise })));
                return Array.from(one.points, (value, i) => Math.abs(value - other.points[i]));
            })()""",
        )
        assert len(apart) == 3 * 16
        assert max(apart) < 1e-3
        assert live.page.evaluate("import('./model.js').then(m => m.model.device)") == "wasm"
        own.close()

    def test_labels(self, live: Live) -> None:
        """Every control has a name that a screen reader can say."""
        live.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        nameless = live.page.evaluate("""() => Array.from(
            document.querySelectorAll('button, input, select, textarea')).filter(control =>
                !control.labels?.length && !control.getAttribute('aria-label')
                && !control.textContent.trim()).map(control => control.outerHTML)""")
        assert nameless == []
        ids = live.page.evaluate("Array.from(document.querySelectorAll('[id]')).map(p => p.id)")
        assert len(ids) == len(set(ids))


def pinch(live: Live) -> None:
    """Spread two fingers on the picture."""
    tools = live.page.context.new_cdp_session(live.page)
    box = live.page.locator("#view").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for step in range(8):
        spread = 30 + 8 * step
        points = [{"x": x - spread, "y": y, "id": 0}, {"x": x + spread, "y": y, "id": 1}]
        kind = "touchMove" if step else "touchStart"
        tools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    tools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    live.frame()


class TestWhatIsBuilt:
    def test_sizes(self, built: Path) -> None:
        assert bytes_of(built / "model") < 5e6
        assert bytes_of(built) - bytes_of(built / "runtime") < 5.5e6
        assert bytes_of(built) < MOST_BYTES["live"]
        assert json.loads((built / "data.json").read_text())["model"] == "shapes"

    def test_a_folder_with_other_things_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("all of it")
        with pytest.raises(FileExistsError, match="holds other things"):
            runpy.run_path(str(SCRIPT))["build"](tmp_path)
        assert (tmp_path / "thesis.tex").read_text() == "all of it"

    def test_whoever_made_the_furniture_is_named(self, built: Path) -> None:
        with (built / "ATTRIBUTION.csv").open(newline="", encoding="utf-8") as file:
            named = {row["id"] for row in csv.DictReader(file) if row["attribution"]}
        shapes = json.loads((built / "data.json").read_text())["shapes"]
        assert named == {s["key"] for s in shapes if s["group"] == "real furniture"}

    def test_no_address_but_its_own(self) -> None:
        """Nothing that is committed names another host, but as a word to the reader."""
        for path in sorted((ROOT / "site" / "live").iterdir()):
            found = re.findall(r"https?://[^\s\"'`<>]+", path.read_text())
            assert set(found) <= {"http://localhost:8000."}, path.name
