"""The site: built without a warning, whole in itself, and readable without a kernel."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlparse

import nbformat
import pytest
from built_site import (
    MOST_BYTES,
    NEEDS_SPHINX,
    ROOT,
    Built,
    Page,
    build_site,
    bytes_of,
    load_build,
)

pytestmark = [pytest.mark.slow, NEEDS_SPHINX]

SITE = load_build()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LOADS = {"img": "src", "script": "src", "iframe": "src", "source": "srcset", "link": "href"}
NAMESPACES = ("http://www.w3.org/", "http://www.mathjax.org", "https://www.mathjax.org")


def digest(paths) -> str:
    """SHA-256 over files."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Built:
    """The site, without the live model."""
    before = digest(NOTEBOOKS)
    site = build_site(tmp_path_factory.mktemp("site"))
    assert digest(NOTEBOOKS) == before
    return site


@cache
def read(path: Path) -> Page:
    return Page(path)


def chapter_of(built: Built, notebook: Path) -> Page:
    return read(built.html / "notebooks" / f"{notebook.stem}.html")


# As a whole


def test_it_has_every_page_and_sphinx_was_silent(built):
    names = {path.relative_to(built.html).as_posix() for path in built.pages()}
    expected = {f"notebooks/{path.stem}.html" for path in NOTEBOOKS}
    expected |= {f"data/{path.stem}.html" for path in (ROOT / "data").glob("*.md")}
    expected |= {
        f"data/checkpoints/{path.stem}.html" for path in (ROOT / "data/checkpoints").glob("*.md")
    }
    expected |= {"index.html", "search.html", "notebooks/TEACHING.html", "CHANGELOG.html"}
    assert names == expected
    assert "WARNING" not in built.printed


def test_it_is_small_and_soon_built(built):
    assert bytes_of(built.html) < MOST_BYTES["pages"]  # the live page's: test_live_page.py
    assert sum(MOST_BYTES.values()) < 25e6
    assert built.seconds < 60


def test_every_local_link_and_anchor_resolves(built):
    broken = []
    for path in built.pages():
        for tag, told in read(path).tags:
            for target in (told.get("href"), told.get("src"), told.get("srcset")):
                url = urlparse(target or "")
                if not target or url.scheme or url.netloc:
                    continue
                there = (path.parent / unquote(url.path)).resolve() if url.path else path
                known = read(there).ids if url.fragment and there.is_file() else set()
                if not there.is_file() or (url.fragment and unquote(url.fragment) not in known):
                    broken.append((path.name, tag, target))
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(built):
    for path in built.pages():
        for tag, attribute in LOADS.items():
            for told in read(path).named(tag):
                assert not re.match(r"(?:\w+:)?//", told.get(attribute, "")), (path.name, told)
    for path in built.html.rglob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)", text):
            assert not re.match(r"(?:https?:)?//", "".join(target)), path.name
    for path in built.html.rglob("*.js"):
        text = re.sub(
            r"/\*.*?\*/|^\s*//.*$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S
        )
        for target in re.findall(r"[\"'`]((?:https?:)?//[\w.-]+\.\w+[^\"'`]*)", text):
            assert target.startswith(NAMESPACES), (path.name, target)


def test_every_page_can_be_found_and_searched(built):
    home = read(built.html / "index.html")
    linked = {told.get("href", "") for told in home.named("a")}
    for path in built.pages():
        name = path.relative_to(built.html).as_posix()
        assert name in linked | {"index.html", "search.html"}
        assert read(path).named("title") or path.name == "search.html"
    index = (built.html / "searchindex.js").read_text(encoding="utf-8")
    for word in ("reparameter", "farthest", "voxel"):
        assert word in index


def test_no_page_names_this_machine(built):
    for path in built.pages():
        text = path.read_text(encoding="utf-8")
        assert str(ROOT) not in text
        assert str(built.html.parent) not in text


# Chapters


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_shows_no_leftovers_of_kernel_and_tests(built, notebook):
    text = chapter_of(built, notebook).path.read_text(encoding="utf-8")
    for leftover in ("NBVAL", "run this cell in JupyterLab", "it/s]", "step/s]", "data:image/png"):
        assert leftover not in text


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_formula_is_left_as_it_was_typed(built, notebook):
    prose = chapter_of(built, notebook).prose
    assert not re.search(r"\$|\\(?:frac|sqrt|sigma|mathbb|mathrm|left|text|sum|log|\(|\[)", prose)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_solutions_stay_folded_and_pictures_keep_their_words(built, notebook):
    source = notebook.read_text(encoding="utf-8")
    page = chapter_of(built, notebook)
    folded = [told for told in page.named("details") if "hide" not in told.get("class", "")]
    assert len(folded) == source.count("<details>")
    assert not any("open" in told for told in folded)
    pictures = page.named("img")
    outputs = [o for cell in nbformat.read(notebook, 4).cells for o in cell.get("outputs", [])]
    drawn = [o for o in outputs if "image/png;base64" in str(o) and not SITE.is_panel(o)]
    assert drawn
    assert sum("_images/" in told["src"] for told in pictures) >= len(drawn)
    assert all(told.get("alt", "").strip() for told in pictures)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_picture_stands_for_each_panel_in_both_themes(built, notebook):
    shown = [
        output
        for cell in nbformat.read(notebook, 4).cells
        for output in cell.get("outputs", [])
        if SITE.is_panel(output)
    ]
    page = chapter_of(built, notebook)
    assert sum(told.get("class") == "panel" for told in page.named("div")) == len(shown)
    kinds = [told.get("class") for told in page.named("img")]
    assert kinds.count("only-light") == kinds.count("only-dark")
    assert kinds.count("only-light") + kinds.count("inverted") == len(shown)
