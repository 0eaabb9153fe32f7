"""A real JupyterLab and a real Chromium, for the browser tests and all that films or measures.

Nothing of the checkout or of the reader's own Jupyter is touched: the notebooks are copied, and
configuration, settings and workspaces live in temporary folders.

Nothing is waited for by time. After what was done to a page, `Lab.settled` and `Lab.changed` look
until two looks are alike, and before each look kernel and page have answered (`FENCE`).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
# The module that starts a server, its class of settings, and where its page for a file is.
APPS = {"jupyterlab": ("LabApp", "lab/tree"), "notebook": ("JupyterNotebookApp", "notebooks")}
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
# Closes all notebooks unsaved and opens one, without loading the page anew.
OPEN = """path => {
    const { shell, commands } = window.jupyterapp;
    for (const widget of Array.from(shell.widgets('main'))) {
        if (widget.context?.model) widget.context.model.dirty = false;
        widget.dispose();
    }
    commands.execute('docmanager:open', { path });
}"""
OPENED = """path => window.jupyterapp?.shell?.currentWidget?.context?.path === path
    && window.jupyterapp.shell.currentWidget.context.isReady"""
# A promise awaited by `evaluate` could hang for ever; a flag can be waited for with a time limit.
RUN_CELLS = """async indices => {
    const { commands, shell } = window.jupyterapp;
    window.cellsRun = null;
    try {
        for (const index of indices) {
            shell.currentWidget.content.activeCellIndex = index;
            if (await commands.execute('notebook:run-cell') === false) throw Error('cell ' + index);
        }
        window.cellsRun = 'all';
    } catch (error) {
        window.cellsRun = String(error);
    }
}"""
# A message to some widget, on the way that all of them take: once the kernel is done with it, the
# page has the answers to all messages before it. Then the page draws them.
FENCE = """async () => {
    const context = window.jupyterapp.shell.currentWidget.context.sessionContext;
    const comms = Array.from(context.session.kernel._comms.values());
    const comm = comms.find(comm => comm.targetName === 'jupyter.widget');
    await comm?.send({ method: 'custom', content: {} }).done;
    for (let frame = 0; frame < 4; frame++) await new Promise(requestAnimationFrame);
    return true;
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
WINDOW = {"width": 1280, "height": 900}
SOFTWARE_WEBGL = ["--use-gl=angle", "--use-angle=swiftshader"]
CAMERA = "(plot) => plot._fullLayout.scene._scene.getCamera()"


def cells_of_widgets(cells: list) -> list[int]:
    """Places of the code cells that a notebook's widgets need, found by their tags."""
    code = [index for index, cell in enumerate(cells) if cell.cell_type == "code"]
    tagged = [i for i in code[1:] if {"setup", "widget"} & set(cells[i].metadata.get("tags", []))]
    return [code[0], *tagged]


def alike(one: object, other: object) -> bool:
    """Whether two looks at a page saw the same: arrays, lists of arrays, or anything else."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return np.array_equal(one, other)


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of these cells, none of them run."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, path)
    return path


def find_chromium() -> str | None:
    """Path of the system's Chromium, if there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass(frozen=True)
class Server:
    """A running JupyterLab or Notebook: address, token, the folder it serves, where files open."""

    url: str
    token: str
    folder: Path
    tree: str = "lab/tree"

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
        notebook: Name of the file that was opened last.
    """

    server: Server
    page: object
    page_errors: list[str] = field(default_factory=list)
    devtools: object = None
    notebook: str = ""

    def begin(self) -> None:
        """Forget what earlier tests saw of errors, and give the window its usual size."""
        self.page_errors.clear()
        self.page.set_viewport_size(WINDOW)

    def open_notebook(self, notebook: Path | str, fresh: bool = False) -> None:
        """Open a notebook and wait until its kernel, a new one, is idle.

        Args:
            notebook: A path of the checkout's ``notebooks`` folder (``"00_start_here.ipynb"``), or
                the absolute path of any file, which is copied into the served folder first.
            fresh: Load JupyterLab anew, as a reader does who opens the page.
        """
        if Path(notebook).is_absolute():
            notebook = shutil.copy(notebook, self.server.folder / "notebooks")
        if not (self.server.folder / "notebooks" / notebook).exists():
            raise FileNotFoundError(f"there is no {notebook} under {self.server.folder}/notebooks")
        self.notebook = Path(notebook).name
        self.server.end_sessions()
        if fresh or not self.page.url.startswith(self.server.url):
            # `reset` drops the workspace: no tab of an earlier test is opened again.
            tree = f"{self.server.url}{self.server.tree}/notebooks/{self.notebook}"
            self.page.goto(f"{tree}?reset&token={self.server.token}")
        else:
            self.page.evaluate(OPEN, f"notebooks/{self.notebook}")
        self._wait_for_notebook()

    def reload(self) -> None:
        """Load the page anew, as a reader does, while the kernel lives on."""
        self.page.reload()
        self._wait_for_notebook()

    def _wait_for_notebook(self) -> None:
        self.wait_for(OPENED, f"notebooks/{self.notebook}", seconds=90)
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden)", timeout=90 * SECOND)
        self.wait_until_idle()
        self.page.evaluate(LISTEN_FOR_ERRORS)

    def wait_for(self, condition: str, arg: object = None, seconds: float = 60) -> None:
        """Wait until a JavaScript function of the page returns something true."""
        self.page.wait_for_function(condition, arg=arg, timeout=seconds * SECOND)

    def wait_until_idle(self, seconds: float = 90) -> None:
        """Wait until the notebook's kernel is idle."""
        self.wait_for(f"() => ({KERNEL_STATUS})() === 'idle'", seconds=seconds)

    def cells(self) -> list:
        """Return the cells of the opened notebook's file."""
        return nbformat.read(self.server.folder / "notebooks" / self.notebook, 4).cells

    def run_cells(self, which: Sequence[str | int], seconds: float = 240) -> None:
        """Run cells, by their ids or places, one after the other, and fail on any error."""
        self.start_cells(which)
        self.finish_cells(seconds)

    def start_cells(self, which: Sequence[str | int]) -> None:
        """Begin to run cells, without waiting for them."""
        places = {cell.get("id"): index for index, cell in enumerate(self.cells())}
        indices = [places.get(name, name) for name in which]
        self.page.evaluate(f"indices => {{ ({RUN_CELLS})(indices); }}", indices)

    def finish_cells(self, seconds: float = 240) -> None:
        """Wait until all cells have run that were begun, and fail on any error."""
        self.wait_for("() => window.cellsRun !== null", seconds=seconds)
        assert self.errors() == []
        assert self.page.evaluate("() => window.cellsRun") == "all"

    def run_all(self, seconds: float = 240) -> None:
        """Run all code cells and fail on any error."""
        code = [index for index, cell in enumerate(self.cells()) if cell.cell_type == "code"]
        self.run_cells(code, seconds)

    def run_widgets(self, first: str = "", seconds: float = 240) -> None:
        """Run the cells that a chapter's widgets need: its first one and those tagged for it.

        Args:
            first: Code that is run before, in place of cells that take long.
            seconds: What the cells may take.
        """
        if first:
            self.run_code(first)
        self.run_cells(cells_of_widgets(self.cells()), seconds)

    def run_code(self, code: str) -> None:
        """Run code in the notebook's kernel, beside its cells."""
        kernel = "window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
        self.wait_for(
            f"async code => (await {kernel}.requestExecute({{ code }}).done) || true", code
        )
        assert self.errors() == []

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

    def next_frame(self) -> None:
        """Wait until the page has drawn once more."""
        self.wait_for("async () => await new Promise(requestAnimationFrame) || true")

    def settled(self, look: Callable[[], object], seconds: float = 60) -> object:
        """Look until two looks are alike, kernel and page having answered in between."""
        return self.changed(look, None, seconds)

    def changed(self, look: Callable[[], object], before: object, seconds: float = 60) -> object:
        """Look until it has left `before` and come to rest; return what is seen then."""
        end, last = time.monotonic() + seconds, None
        while time.monotonic() < end:
            self.wait_for(FENCE, seconds=seconds)
            now = look()
            if last is not None and alike(now, last) and not alike(now, before):
                return now
            last = now
        pytest.fail(f"it did not move, or not rest, within {seconds} s; errors: {self.errors()}")

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until a condition holds; it is asked whenever kernel and page have answered."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s; errors: {self.errors()}"
            self.wait_for(FENCE, seconds=seconds)

    def wait_until_moved(
        self, before: np.ndarray, index: int = 0, trace: int = 0, seconds: float = 60
    ) -> np.ndarray:
        """Wait until the drawn points have left `before` and come to rest; return them."""
        return self.changed(lambda: self.drawn_coordinates(index, trace), before, seconds)

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

    def dragged(self, label: str, fraction: float, look: Callable[[], object]) -> object:
        """Drag a slider, and look when what it changes has come to rest."""
        before = look()
        self.drag_slider(self.slider(label), fraction)
        return self.changed(look, before)

    def drag_cloud(self, slider, fraction: float, index: int = 0, trace: int = 0) -> np.ndarray:
        """Drag a slider, and return the drawn points when they have come to rest."""
        before = self.drawn_coordinates(index, trace)
        self.drag_slider(slider, fraction)
        return self.wait_until_moved(before, index, trace)

    def choose(self, label: str, option: str, index: int = 0) -> None:
        """Choose an option of the list with this description, the first of them if not told."""
        labeled = self.page.get_by_text(label, exact=True)
        lists = self.page.locator(".widget-dropdown").filter(has=labeled)
        lists.nth(index).locator("select").select_option(option)

    def cut_off(self, seconds: float = 10) -> list[str]:
        """What of the page's widgets, texts and labels does not fit, once figures had time to."""
        end = time.monotonic() + seconds
        while True:
            found = self.settled(lambda: self.page.evaluate(CUT_OFF))
            if not found or time.monotonic() > end:
                return found

    def screenshot(self, name: str) -> Path:
        """Keep what the page shows as ``artifacts/<name>.png``."""
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        self.page.screenshot(path=path)
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
def running_server(folder: Path, app: str = "jupyterlab") -> Iterator[Server]:
    """A JupyterLab on a free loopback port, serving a copy of the notebooks in this folder.

    Args:
        folder: For the copy, and for all that the server keeps.
        app: "notebook" for a Notebook 7 in JupyterLab's place.
    """
    served, (settings, tree) = folder / "served", APPS[app]
    ignore = shutil.ignore_patterns(".ipynb_checkpoints", "lightning_logs", "runs")
    shutil.copytree(ROOT / "notebooks", served / "notebooks", ignore=ignore)
    write_settings(folder)
    token = secrets.token_hex(16)
    log = folder / "server.log"
    command = [
        *(sys.executable, "-m", app, "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={served}"),
        *(f"--IdentityProvider.token={token}", f"--{settings}.expose_app_in_browser=True"),
    ]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=served, env=server_environment(folder), stdout=output, stderr=output
        )
    try:
        yield Server(wait_for_server(process, folder, log), token, served, tree)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


class _Silent(SimpleHTTPRequestHandler):
    """A server that does not report each request."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder of static files; the address, on a free loopback port."""
    handler = partial(_Silent, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextmanager
def open_page(server: Server, chromium: str) -> Iterator[Lab]:
    """A fresh browser page on JupyterLab, with software WebGL. At the end all kernels end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SOFTWARE_WEBGL)
        page = browser.new_page(viewport=WINDOW)
        lab = Lab(server, page)
        page.on("pageerror", lambda error: lab.page_errors.append(str(error)))
        try:
            yield lab
        finally:
            browser.close()
            server.end_sessions()
