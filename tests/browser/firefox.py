"""Firefox as its distribution has it, by WebDriver BiDi, which it speaks by itself on a socket.

Playwright drives a Firefox of its own, which is to be downloaded; of those that come with a system
it needs commands that long-term releases do not know yet.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websocket import WebSocket, create_connection

LISTENING = re.compile(r"WebDriver BiDi listening on (\S+)")
EVENTS = ["log.entryAdded", "network.beforeRequestSent"]
WINDOW = {"width": 1280, "height": 900}
PATIENCE = 120  # seconds for one answer
PREFERENCES = """user_pref("webgl.force-enabled", true);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
"""


class Firefox:
    """One tab.

    Attributes:
        wrong: what the console was told as an error or a warning, exceptions among it.
        requests: the addresses that the tab asked for.
    """

    def __init__(self, socket: WebSocket) -> None:
        self.socket, self.numbers = socket, itertools.count(1)
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=EVENTS)
        self.tab = self.ask("browsingContext.create", type="tab")["context"]
        self.ask("browsingContext.setViewport", context=self.tab, viewport=WINDOW)

    def ask(self, method: str, **params: object) -> dict:
        """Send a command, and return its result; what happens meanwhile is kept."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self.socket.recv())
            if told["type"] == "event":
                self.hear(told["method"], told["params"])
            elif told["id"] == number:
                assert told["type"] == "success", f"{method}: {told}"
                return told["result"]

    def hear(self, event: str, told: dict) -> None:
        """Keep what the tab asks for, and what is wrong with it."""
        if event == "network.beforeRequestSent" and told["context"] == self.tab:
            url = told["request"]["url"]
            self.requests += [] if url.startswith("data:") else [url]
        elif event == "log.entryAdded" and told["level"] in ("error", "warn"):
            self.wrong.append(told["text"])

    def open(self, address: str) -> None:
        """Go to a page, and wait until it has loaded."""
        self.ask("browsingContext.navigate", context=self.tab, url=address, wait="complete")

    def run(self, code: str) -> object:
        """Return what a JavaScript expression, or the promise that it is, comes to."""
        found = self.ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({code}) ?? null))()",
            target={"context": self.tab},
            awaitPromise=True,
        )
        assert found["type"] == "success", found
        return json.loads(found["result"]["value"])

    def screenshot(self, path: Path) -> None:
        """Keep a picture of what the window shows."""
        shown = self.ask("browsingContext.captureScreenshot", context=self.tab)["data"]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(base64.b64decode(shown))

    def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true, looking at each frame."""
        self.run(f"""new Promise(done => {{
            const look = () => (({condition}) ? done(true) : requestAnimationFrame(look));
            look();
        }})""")

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag with the mouse from one place of the window to another."""
        move = [{"type": "pointerMove", "x": round(x), "y": round(y)} for x, y in (start, end)]
        press = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        actions = [move[0], press[0], {**move[1], "duration": 200}, press[1]]
        mouse = {"type": "pointer", "id": "mouse", "actions": actions}
        self.ask("input.performActions", context=self.tab, actions=[mouse])


@contextmanager
def virtual_screen() -> Iterator[str]:
    """A screen that nobody sees, by its name: Firefox without any has no WebGL in software."""
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1400x1000x24"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield f":{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


@contextmanager
def running_firefox(path: str, profile: Path) -> Iterator[Firefox]:
    """Start Firefox on a screen of its own and with an empty profile; end both afterwards."""
    (profile / "user.js").write_text(PREFERENCES)
    command = [path, "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    with virtual_screen() as screen:
        told = os.environ | {"DISPLAY": screen}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=told)
        try:
            address = next(filter(None, map(LISTENING.search, process.stderr)))[1]
            # Nobody reads on, and a full pipe would stop it.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            socket = create_connection(f"{address}/session", timeout=PATIENCE, suppress_origin=True)
            yield Firefox(socket)
            socket.close()
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)
