"""A real JupyterLab and a real Chromium for the browser tests.

Nothing of the checkout or of the reader's own Jupyter is touched: the notebooks are copied, and
configuration, settings and workspaces live in temporary folders. Every test leaves a screenshot in
``artifacts/``, whether it passed or not.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
SECOND = 1000  # Playwright counts milliseconds

# Neither the news nor the question whether one wants them may cover the notebook.
QUIET = {"checkForUpdates": False, "fetchNews": "false", "doNotDisturbMode": True}

KERNEL_STATUS = """() => {
    const context = window.jupyterapp?.shell?.currentWidget?.context?.sessionContext;
    return context?.session?.kernel?.status;
}"""
# The kernel's own messages: they come before JupyterLab has drawn anything, and an exception in a
# widget's callback is among them, which no cell shows.
LISTEN_FOR_ERRORS = """() => {
    window.kernelErrors = [];
    const context = window.jupyterapp.shell.currentWidget.context.sessionContext;
    context.session.kernel.iopubMessage.connect((_, message) => {
        if (message.header.msg_type === 'error') {
            window.kernelErrors.push(message.content.ename + ': ' + message.content.evalue);
        }
    });
}"""
# A promise awaited by `evaluate` could hang for ever; a flag can be waited for with a time limit.
RUN_ALL = """() => {
    window.runOfAllCells = 'running';
    window.jupyterapp.commands.execute('notebook:run-all-cells').then(
        () => { window.runOfAllCells = 'done'; },
        (error) => { window.runOfAllCells = String(error); });
}"""
UNEXECUTED = """() => {
    const cells = Array.from(window.jupyterapp.shell.currentWidget.content.model.cells);
    return cells.filter(cell => cell.type === 'code' && cell.sharedModel.source.trim()
        && cell.executionCount === null).length;
}"""
COORDINATES = """(plot, trace) => {
    const drawn = plot._fullData[trace];
    return [drawn.x, drawn.y, drawn.z].map(values => Array.from(values, Number));
}"""
# Visible widgets and texts that are wider than their place or the window, and shortened labels.
CUT_OFF = """() => {
    const shown = selector => Array.from(document.querySelectorAll(selector)).filter(
        part => part.offsetParent !== null);
    const short = part => part.scrollWidth > part.clientWidth + 1;
    const output = kind => '.jp-OutputArea-output .' + kind;
    const boxes = ['widget-vbox', 'widget-hbox', 'widget-tab', 'js-plotly-plot'].map(output);
    const wide = shown([...boxes, '.jp-RenderedMarkdown', '.jp-RenderedHTMLCommon'].join()).filter(
        part => short(part) || part.getBoundingClientRect().right > window.innerWidth);
    const labels = ['widget-label', 'widget-readout', 'widget-button'].map(output);
    return [...wide, ...shown(labels.join()).filter(short)].map(
        part => [part.className, part.textContent.slice(0, 80), part.clientWidth,
            part.scrollWidth, part.getBoundingClientRect().right].join(" | "));
}"""
CAMERA = "(plot) => plot._fullLayout.scene._scene.getCamera()"


@dataclass(frozen=True)
class Server:
    """A running JupyterLab: its address, its token and the folder that it serves."""

    url: str
    token: str
    folder: Path

    def request(self, method: str, path: str) -> bytes:
        """Ask the server's own interface; `path` begins with ``api/``."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def end_sessions(self) -> None:
        """End every kernel, so that one test's state cannot reach the next."""
        for session in json.loads(self.request("GET", "api/sessions")):
            self.request("DELETE", f"api/sessions/{session['id']}")


@dataclass
class Lab:
    """One browser page on a JupyterLab, with what a test wants to do there.

    Attributes:
        server: The JupyterLab behind the page.
        page: Playwright's page, for everything that has no method here.
        page_errors: Exceptions thrown by the page's own JavaScript so far.
        devtools: Chromium's own interface to the page, once it is needed.
    """

    server: Server
    page: object
    page_errors: list[str] = field(default_factory=list)
    devtools: object = None

    def open_notebook(self, notebook: Path | str) -> None:
        """Open a notebook and wait until its kernel is idle.

        Args:
            notebook: A path of the checkout's ``notebooks`` folder (``"00_start_here.ipynb"``), or
                the absolute path of any file, which is copied into the served folder first.
        """
        if Path(notebook).is_absolute():
            notebook = shutil.copy(notebook, self.server.folder / "notebooks")
        if not (self.server.folder / "notebooks" / notebook).exists():
            raise FileNotFoundError(f"there is no {notebook} under {self.server.folder}/notebooks")
        name = Path(notebook).name
        # `reset` drops the workspace: no tab of an earlier test is opened again.
        address = f"{self.server.url}lab/tree/notebooks/{name}?reset&token={self.server.token}"
        self.page.goto(address)
        self._wait_for_notebook()

    def reload(self) -> None:
        """Load the page anew, as a reader does, while the kernel lives on."""
        self.page.reload()
        self._wait_for_notebook()

    def _wait_for_notebook(self) -> None:
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden)", timeout=90 * SECOND)
        self.wait_until_idle()
        self.page.evaluate(LISTEN_FOR_ERRORS)

    def wait_until_idle(self, seconds: float = 90) -> None:
        """Wait until the notebook's kernel is idle."""
        idle = f"({KERNEL_STATUS})() === 'idle'"
        self.page.wait_for_function(idle, timeout=seconds * SECOND)

    def run_all(self, seconds: float = 240) -> None:
        """Run all cells as the menu does, wait for the end and fail on any error."""
        self.wait_until_idle()
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function("window.runOfAllCells !== 'running'", timeout=seconds * SECOND)
        self.wait_until_idle(seconds)
        assert self.page.evaluate("window.runOfAllCells") == "done"
        assert self.errors() == []
        assert self.page.evaluate(UNEXECUTED) == 0, "JupyterLab says that it ran cells it did not"

    def slow_down(self, factor: float) -> None:
        """Give the page's JavaScript a `factor`-th of the processor; 1 ends that."""
        if self.devtools is None:
            self.devtools = self.page.context.new_cdp_session(self.page)
        self.devtools.send("Emulation.setCPUThrottlingRate", {"rate": factor})

    def errors(self) -> list[str]:
        """Everything that went wrong: in cells, in widgets' callbacks, in the page itself."""
        return self.page.evaluate("window.kernelErrors") + self.page_errors

    def plot(self, index: int = 0):
        """The notebook's plotly figure number `index`, once it is drawn."""
        plot = self.page.locator(".js-plotly-plot").nth(index)
        plot.wait_for(timeout=60 * SECOND)
        plot.scroll_into_view_if_needed()
        handle = plot.element_handle()
        drawn = "plot => plot._fullLayout?.scene?._scene?.glplot && plot._fullData.length > 0"
        self.page.wait_for_function(drawn, arg=handle, timeout=60 * SECOND)
        return plot

    def drawn_coordinates(self, index: int = 0, trace: int = 0) -> np.ndarray:
        """The points that plotly draws, (N, 3), in one trace of one figure."""
        return np.array(self.plot(index).evaluate(COORDINATES, trace)).T

    def wait_until_moved(
        self, before: np.ndarray, index: int = 0, trace: int = 0, seconds: float = 20
    ) -> np.ndarray:
        """Wait until the drawn points have left `before` and come to rest; return them."""
        end = time.monotonic() + seconds
        last = before
        while time.monotonic() < end:
            self.page.wait_for_timeout(250)
            now = self.drawn_coordinates(index, trace)
            if np.array_equal(now, last) and not np.array_equal(now, before):
                return now
            last = now
        pytest.fail(f"the drawn points did not move within {seconds} s; errors: {self.errors()}")

    def camera(self, index: int = 0) -> dict:
        """The camera (eye, center, up) with which a 3D figure is drawn at this moment.

        Rounded to six decimals: plotly turns its matrix into these numbers anew at each redraw.
        """
        camera = self.plot(index).evaluate(CAMERA)
        places = ("eye", "center", "up")
        return {p: {k: round(v, 6) for k, v in camera[p].items()} for p in places}

    def slider(self, label: str):
        """The slider with this description beside it."""
        return self.page.locator(".widget-slider").filter(
            has=self.page.get_by_text(label, exact=True)
        )

    def drag_slider(self, slider, fraction: float, steps: int = 12) -> str:
        """Drag a slider's handle with the mouse to a fraction (0 to 1) of its track.

        The mouse moves in `steps` events, as a hand does, so observers hear of places between.

        Returns:
            The slider's readout afterwards.
        """
        slider.scroll_into_view_if_needed()
        handle = slider.locator(".noUi-handle").bounding_box()
        track = slider.locator(".noUi-target").bounding_box()
        y = handle["y"] + handle["height"] / 2
        self.page.mouse.move(handle["x"] + handle["width"] / 2, y)
        self.page.mouse.down()
        self.page.mouse.move(track["x"] + fraction * track["width"], y, steps=steps)
        self.page.mouse.up()
        return slider.locator(".widget-readout").inner_text()

    def cut_off(self) -> list[str]:
        """What of the page's widgets, texts and labels does not fit, once figures had time to."""
        for _ in range(40):
            found = self.page.evaluate(CUT_OFF)
            if not found:
                break
            self.page.wait_for_timeout(250)
        return found

    def screenshot(self, name: str) -> Path:
        """Keep what the page shows as ``artifacts/<name>.png``."""
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium; without one the test is skipped, but fails where CI asks."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        reason = "there is no Chromium here (on Debian: sudo apt-get install chromium)"
        if os.environ.get("PCVAE_REQUIRE_BROWSER") == "1":
            pytest.fail(f"PCVAE_REQUIRE_BROWSER=1, but {reason}")
        pytest.skip(reason)
    return path


def server_environment(folder: Path) -> dict[str, str]:
    """Environment variables that keep the reader's own Jupyter configuration out of the tests."""
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    return os.environ | {name: str(folder / place) for name, place in places.items()}


def write_settings(folder: Path) -> None:
    """Switch off what JupyterLab would ask its maker for, or lay over the notebook."""
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(QUIET))


def wait_for_server(process: subprocess.Popen, folder: Path, log: Path) -> str:
    """Address of the server, as soon as it has written it to its runtime folder and answers."""
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        for file in (folder / "runtime").glob("jpserver-*.json"):
            url = json.loads(file.read_text())["url"]
            try:
                urllib.request.urlopen(url + "login", timeout=5).close()
            except OSError:
                continue
            return url
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """A JupyterLab on a free loopback port, serving a copy of the notebooks in this folder."""
    served = folder / "served"
    ignore = shutil.ignore_patterns(".ipynb_checkpoints", "lightning_logs", "runs")
    shutil.copytree(ROOT / "notebooks", served / "notebooks", ignore=ignore)
    write_settings(folder)
    token = secrets.token_hex(16)
    log = folder / "server.log"
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={served}"),
        *(f"--IdentityProvider.token={token}", "--LabApp.expose_app_in_browser=True"),
    ]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=served, env=server_environment(folder), stdout=output, stderr=output
        )
    try:
        yield Server(wait_for_server(process, folder, log), token, served)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def open_page(server: Server, chromium: str) -> Iterator[Lab]:
    """A fresh browser page on JupyterLab, with software WebGL. At the end all kernels end.

    The browser is started for each test (about a second): Playwright keeps an event loop running
    in this thread for as long as it lives, which notebooks tested later would stumble over.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--use-gl=angle", "--use-angle=swiftshader"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        lab = Lab(server, page)
        page.on("pageerror", lambda error: lab.page_errors.append(str(error)))
        try:
            yield lab
        finally:
            browser.close()
            server.end_sessions()


@pytest.fixture(scope="session")
def server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A JupyterLab for all tests."""
    with running_server(tmp_path_factory.mktemp("jupyterlab")) as running:
        yield running


@pytest.fixture
def lab(server: Server, chromium: str, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A fresh browser page on JupyterLab; what it shows at the end of the test is kept."""
    with open_page(server, chromium) as lab:
        try:
            yield lab
        finally:
            lab.screenshot(request.node.name)
