"""What a committed notebook must be, beside what nbval compares.

nbval passes over cells without an execution count, so a notebook whose outputs were cleared would
pass it unseen. These checks read the files only; but for one cell, nothing is executed here.
"""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from urllib.parse import unquote, urlparse

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from browser.harness import cells_of_widgets
from nbformat import NotebookNode
from nbval.plugin import comment_markers

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))

FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<target>[^)\s]+)[^)]*\)")
HTML_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)[^)]*\)")
HTML_TARGET = re.compile(r"\b(?:src|href)=[\"'](?P<target>[^\"']+)[\"']", re.IGNORECASE)
HEADING = re.compile(r"^(?P<level>#{1,6}) +(?P<text>.+?) *$", re.MULTILINE)


def markdown(notebook: NotebookNode) -> str:
    """All prose, without the code shown in it (whose comments would pass for headings)."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return FENCED.sub("", "\n\n".join(cells))


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def execution_problems(notebook: NotebookNode) -> list[str]:
    """Every code cell was executed, once and from the top."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        return [f"code cells must be executed in order from a fresh kernel, counts are {counts}"]
    return []


def error_problems(notebook: NotebookNode) -> list[str]:
    """No stored output is an error, unless its cell is tagged as meant to raise."""
    return [
        f"cell {cell.execution_count} ended in {output.ename}: {output.evalue}"
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", [])
    ]


def marker_problems(notebook: NotebookNode) -> list[str]:
    """nbval's markers stand alone on their line: with a reason behind them it overlooks them."""
    lines = (line for cell in code_cells(notebook) for line in cell.source.splitlines())
    comments = (line.strip().lstrip("#").strip() for line in lines if line.strip().startswith("#"))
    return [
        f"nbval does not know the marker {comment!r}; give the reason on the next line"
        for comment in comments
        if comment.startswith("NBVAL") and comment not in comment_markers
    ]


def heading_problems(notebook: NotebookNode) -> list[str]:
    """One H1, and it opens the notebook."""
    titles = [m["text"] for m in HEADING.finditer(markdown(notebook)) if m["level"] == "#"]
    if len(titles) != 1:
        return [f"there must be exactly one H1, there are {titles}"]
    if not notebook.cells[0].source.startswith("# "):
        return ["the H1 must open the first cell"]
    return []


def alt_text_problems(notebook: NotebookNode) -> list[str]:
    """Images in the prose say in words what they show."""
    prose = markdown(notebook)
    problems = [m["target"] for m in IMAGE.finditer(prose) if not m["alt"].strip()]
    for tag in HTML_IMAGE.findall(prose):
        if not re.search(r"\balt=[\"'][^\"']*\S[^\"']*[\"']", tag):
            problems.append(tag)
    return [f"image without alt text: {problem}" for problem in problems]


def anchors(notebook: NotebookNode) -> set[str]:
    """The anchors that JupyterLab gives to headings: the text with hyphens for spaces."""
    return {m["text"].replace(" ", "-") for m in HEADING.finditer(markdown(notebook))}


def link_problems(notebook: NotebookNode, folder: Path) -> list[str]:
    """Links and images inside the project lead to something that is there."""
    prose = markdown(notebook)
    problems = []
    for pattern in (IMAGE, LINK, HTML_TARGET):
        for target in (match["target"] for match in pattern.finditer(prose)):
            url = urlparse(target)
            if url.scheme or url.netloc or target.startswith("attachment:"):
                continue
            path = folder / unquote(url.path)
            if url.path and not path.exists():
                problems.append(f"{target} is not there")
                continue
            other = nbformat.read(path, as_version=4) if path.suffix == ".ipynb" else notebook
            known = path.suffix == ".ipynb" or not url.path
            if url.fragment and known and unquote(url.fragment) not in anchors(other):
                problems.append(f"{target} names a heading that is not there")
    return problems


def problems_of(notebook: NotebookNode, folder: Path) -> list[str]:
    """Everything that keeps this notebook from being committed."""
    return [
        *execution_problems(notebook),
        *error_problems(notebook),
        *marker_problems(notebook),
        *heading_problems(notebook),
        *alt_text_problems(notebook),
        *link_problems(notebook, folder),
    ]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_is_fit_to_be_committed(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert problems_of(notebook, path.parent) == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_carries_no_widget_state(path):
    # Stored state is megabytes of plotly.js; without a kernel the sliders would be dead anyway.
    assert "widgets" not in nbformat.read(path, as_version=4).metadata


def pictures(notebook: NotebookNode) -> list[np.ndarray]:
    """All pictures that cells show, (height, width, 4) within 0..1 each."""
    pages = [
        o.get("data", {}).get("text/html", "") for c in code_cells(notebook) for o in c.outputs
    ]
    found = [data for page in pages for data in re.findall(r"image/png;base64,([^\"]+)", page)]
    drawn = [plt.imread(io.BytesIO(base64.b64decode(data))) for data in found]
    return [picture for picture in drawn if picture.shape[-1] == 4]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_pictures_can_be_seen_on_a_dark_page(path):
    """Their ground is the page's, and hardly anything in them is black: numbers in a table."""
    shown = pictures(nbformat.read(path, as_version=4))
    assert shown
    for picture in shown:
        colors, opaque = picture[..., :3], picture[..., 3]
        assert (opaque == 0).mean() > 0.1
        assert ((opaque > 0.8) & (colors.max(axis=2) < 0.15)).mean() < 0.0025


# The checks themselves: each must be able to fail


def example() -> NotebookNode:
    """A notebook that every check passes."""
    v4 = nbformat.v4
    output = v4.new_output("stream", text="2\n")
    return v4.new_notebook(
        cells=[
            v4.new_markdown_cell("# Title\n\n![a red cube](cube.png) and [below](#Second-part)"),
            v4.new_code_cell("print(1 + 1)", execution_count=1, outputs=[output]),
            v4.new_markdown_cell("## Second part\n\n```python\n# a comment, no heading\n```"),
            v4.new_code_cell("x = 1", execution_count=2),
        ]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cube.png").touch()
    return tmp_path


def test_a_good_notebook_has_no_problems(folder):
    assert problems_of(example(), folder) == []


def clear_outputs(notebook):
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None


def forget_last_cell(notebook):
    notebook.cells[-1].execution_count = None


def swap_counts(notebook):
    notebook.cells[1].execution_count, notebook.cells[3].execution_count = 2, 1


def start_late(notebook):
    notebook.cells[1].execution_count, notebook.cells[3].execution_count = 2, 3


def end_in_error(notebook):
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    notebook.cells[3].outputs.append(error)


def give_reason_beside_marker(notebook):
    notebook.cells[3].source = "# NBVAL_IGNORE_OUTPUT: times differ\nx = 1"


def add_second_title(notebook):
    notebook.cells[2].source = "# Another title\n\n## Second part"


def drop_title(notebook):
    notebook.cells[0].source = "[below](#Second-part)"


def drop_alt_text(notebook):
    notebook.cells[0].source = notebook.cells[0].source.replace("a red cube", "")


def drop_alt_text_of_html(notebook):
    notebook.cells[2].source += '\n\n<img src="cube.png" alt="">'


def misspell_image(notebook):
    notebook.cells[0].source = notebook.cells[0].source.replace("cube.png", "cueb.png")


def link_to_missing_notebook(notebook):
    notebook.cells[2].source += "\n\n[next](01_not_there.ipynb)"


def link_to_missing_heading(notebook):
    notebook.cells[0].source = notebook.cells[0].source.replace("#Second", "#Third")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (clear_outputs, "executed in order"),
        (forget_last_cell, "executed in order"),
        (swap_counts, "executed in order"),
        (start_late, "executed in order"),
        (end_in_error, "ended in ValueError"),
        (give_reason_beside_marker, "reason on the next line"),
        (add_second_title, "exactly one H1"),
        (drop_title, "exactly one H1"),
        (drop_alt_text, "without alt text"),
        (drop_alt_text_of_html, "without alt text"),
        (misspell_image, "is not there"),
        (link_to_missing_notebook, "is not there"),
        (link_to_missing_heading, "heading that is not there"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_spoilt_notebook_is_rejected(folder, spoil, message):
    notebook = example()
    spoil(notebook)
    (problem,) = problems_of(notebook, folder)
    assert message in problem


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_readme_and_map_know_how_long_a_chapter_takes(path):
    minutes = re.search(r"\*\*Time:\*\* (\d+) minutes", markdown(nbformat.read(path, 4)))[1]
    readme = (NOTEBOOKS.parent / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if f"notebooks/{path.name})" in line)
    assert row.endswith(f"| {minutes} |")
    start = markdown(nbformat.read(PATHS[0], 4)).splitlines()
    for line in start:
        if line.startswith("|") and f"({path.name})" in line:
            assert f"| {minutes}, " in line


# A kernel that lacks pcvae, as on another's server, says how to install it and goes on

SAID = "Upload pcvae's wheel, then run in a new cell: %pip install ./pcvae*.whl"
FIRST_LINES = f"""from importlib.util import find_spec

assert find_spec("pcvae"), "{SAID}"

"""
# Python is started without what is installed for editing, and finds packages in folders alone.
RUN_TWICE = """
import sys
clone, *packages = sys.argv[1:]
sys.path += packages
from IPython.core.interactiveshell import InteractiveShell

shell, cell = InteractiveShell.instance(), sys.stdin.read()
shell.run_cell(cell)
sys.path.append(clone)  # in place of an installation
shell.run_cell(cell).raise_error()
print("IT WENT ON")
"""


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_first_cell_says_how_to_install_the_package(path):
    assert code_cells(nbformat.read(path, 4))[0].source.startswith(FIRST_LINES)


@pytest.mark.slow
def test_a_kernel_without_the_package_says_so_and_goes_on_once_it_is_there(tmp_path):
    cell = code_cells(nbformat.read(PATHS[1], 4))[0].source
    packages = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    command = [sys.executable, "-I", "-S", "-c", RUN_TWICE, str(NOTEBOOKS.parent), *packages]
    answer = subprocess.run(command, input=cell, cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "AssertionError" in answer.stdout
    assert answer.stdout.endswith(f"{SAID}\nIT WENT ON\n")


# What the browser tests rely on


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_browser_runs_every_cell_that_shows_a_widget(path):
    cells = nbformat.read(path, 4).cells
    run = cells_of_widgets(cells)
    shown = {
        index: output.data["text/plain"]
        for index, cell in enumerate(cells)
        for output in cell.get("outputs", [])
        if "pcvae-still" in output.get("data", {}).get("text/html", "")
    }
    assert shown
    assert [text for index, text in shown.items() if index not in run] == []


def test_no_browser_test_waits_for_a_time():
    for path in (NOTEBOOKS.parent / "tests" / "browser").glob("test_*.py"):
        assert not re.search(r"wait_for_timeout|sleep\(", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_instructors_are_told_the_same_minutes_as_readers(path):
    teaching = (NOTEBOOKS / "TEACHING.md").read_text(encoding="utf-8")
    row = next(line for line in teaching.splitlines() if f"({path.name})" in line)
    start = markdown(nbformat.read(PATHS[0], 4)).splitlines()
    told = [line for line in start if line.startswith("|") and f"({path.name})" in line]
    minutes = row.split("|")[3].strip()
    assert told == [] or told[0].split("|")[-2].strip() == minutes
    read = re.search(r"\*\*Time:\*\* (\d+) minutes", markdown(nbformat.read(path, 4)))[1]
    assert minutes.partition(",")[0] == read
