"""The site, built for tests, and its pages read; for tests/site and for the browser."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("sphinx", "myst_nb", "furo", "sphinx-mathjax-offline")
INSTALLED = all(importlib.util.find_spec(name) for name in NEEDED)
NEEDS_SPHINX = pytest.mark.skipif(not INSTALLED, reason="the extra `site` is not installed")
# Of the pages, and of the live model with its runtimes: together less than the site may have.
MOST_BYTES = {"pages": 10.5e6, "live": 14e6}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


def bytes_of(folder: Path) -> int:
    """How large all files of a folder are."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Built:
    """A site that was built: its folder, what was printed, and the seconds of one processor."""

    html: Path
    printed: str
    seconds: float

    def pages(self) -> list[Path]:
        """All pages."""
        return sorted(self.html.rglob("*.html"))

    def chapters(self) -> list[Path]:
        """The pages of the chapters."""
        return sorted(self.html.glob("notebooks/[0-9]*.html"))


def load_build() -> ModuleType | None:
    """site/build.py, under a name of its own as `build` may be another package."""
    if not INSTALLED:
        return None
    if "site_build" not in sys.modules:
        sys.path.append(str(ROOT / "site"))
        spec = importlib.util.spec_from_file_location("site_build", ROOT / "site" / "build.py")
        sys.modules["site_build"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["site_build"])
    return sys.modules["site_build"]


def time_of_children() -> float:
    """Seconds that finished child processes took of a processor, however busy it was otherwise."""
    times = os.times()
    return times.children_user + times.children_system


def build_site(folder: Path) -> Built:
    """Build the site without the live model; fail with what Sphinx said."""
    command = [sys.executable, str(ROOT / "site" / "build.py"), "--no-live", "--out", str(folder)]
    begun = time_of_children()
    run = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=os.environ | {"PYTHONUTF8": "1"}
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return Built(folder / "html", run.stdout + run.stderr, time_of_children() - begun)


@dataclass
class Page(HTMLParser):
    """A page: its tags with their attributes, its ids, and all text but code and formulae."""

    path: Path
    tags: list[tuple[str, dict]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    prose: str = ""
    open: list[tuple[str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Keep a tag."""
        told = {name: value or "" for name, value in attrs}
        self.tags.append((tag, told))
        self.ids |= {told["id"]} if "id" in told else set()
        silent = (
            tag in ("pre", "code", "script", "style") or "math" in told.get("class", "").split()
        )
        if tag not in VOID:
            self.open.append((tag, silent))

    def handle_endtag(self, tag: str) -> None:
        """Close what is open."""
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Keep prose."""
        if not any(silent for _, silent in self.open):
            self.prose += data

    def named(self, tag: str) -> list[dict]:
        """The attributes of all tags of one name."""
        return [attributes for name, attributes in self.tags if name == tag]
