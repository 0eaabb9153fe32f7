"""The functions that edit copies of notebooks and cards for the site."""

from __future__ import annotations

import sys

import nbformat
import pytest
from built_site import NEEDS_SPHINX, ROOT, load_build

from pcvae.widgets.panel import Still

pytestmark = NEEDS_SPHINX

SITE = load_build()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGE = "notebooks/01_point_clouds.ipynb"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](02_variational_autoencoders.ipynb)", "[a](02_variational_autoencoders.ipynb)"),
        ("[a](00_start_here.ipynb#The-map)", "[a](00_start_here.ipynb#the-map)"),
        ("[a](#Two-ways)", "[a](#two-ways)"),
        ("[a](../data/checkpoints/README.md)", "[a](../data/checkpoints/README.md)"),
        ("[`pcvae`](../pcvae)", "[`pcvae`](https://host/us/it/tree/main/pcvae)"),
        ("[a](../Makefile)", "[a](https://host/us/it/blob/main/Makefile)"),
        ("[a](https://elsewhere.org/x#Y)", "[a](https://elsewhere.org/x#Y)"),
        ("![words](images/map.png)", "![words](images/map.png)"),
        ("`[a](../Makefile)` and\n```\n[b](../Makefile)\n```", None),
    ],
)
def test_links_lead_to_a_page_or_to_the_repository(text, expected):
    found = SITE.with_links(text, PAGE, SITE.pages(), "https://host/us/it")
    assert found == (text if expected is None else expected)


def test_without_an_address_the_words_of_a_link_stay():
    assert SITE.with_links("see [`pcvae`](../pcvae).", PAGE, SITE.pages(), "") == "see `pcvae`."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("# NBVAL_IGNORE_OUTPUT\n# Digits differ.\nx = 1", "x = 1"),
        ("# NBVAL_IGNORE_OUTPUT\nx = 1", "x = 1"),
        ("x = 1\n# NBVAL_IGNORE_OUTPUT\n# Why.\n# What y is.\ny = 2", "x = 1\n# What y is.\ny = 2"),
        ("# a comment\nx = 1", "# a comment\nx = 1"),
    ],
)
def test_markers_go_with_their_reasons(source, expected):
    assert SITE.without_markers(source) == expected


def test_of_a_panel_the_words_are_kept_and_of_a_progress_bar_nothing(tmp_path):
    def output(**data):
        return nbformat.v4.new_output("display_data", data)

    live, page = {SITE.WIDGET: {"model_id": "1"}}, Still("A cube", [])._repr_html_()
    bar = output(**live, **{"text/plain": "five VAEs:   0%|          | 0/5 [00:00<?, ?it/s]"})
    panel = [output(**live), output(**{"text/html": page, "text/plain": "A cube: run this cell"})]
    cells = [nbformat.v4.new_markdown_cell("# Title\n\ntext")]
    cells.append(nbformat.v4.new_code_cell("cube", outputs=[bar, *panel]))
    notebook = nbformat.v4.new_notebook(cells=cells)
    (kept,) = SITE.edited(notebook, PAGE, [], SITE.Site(tmp_path)).cells[1].outputs
    assert kept.data["text/html"].startswith('<div class="panel">')
    assert "<b>A cube.</b>" in kept.data["text/html"]


def test_printed_progress_bars_go_and_what_was_printed_beside_them_stays():
    bars = (
        "\rmean:   0%|    | 0/300 [00:00<?, ?it/s]\rmean: 100%|████| 300/300 [00:06<00:00, 45it/s]"
    )
    output = nbformat.v4.new_output("stream", text=f"begun\n{bars}\n50% | of 4/5 [all]\n")
    assert SITE.without_bars(output).text == "begun\n50% | of 4/5 [all]\n"


def test_only_where_there_is_a_live_page_is_it_linked_to(tmp_path):
    panel = next(SITE.panels_of("00_start_here"))
    for live in (True, False):
        told = SITE.home(live) + SITE.note(panel, "Sliders", SITE.Site(tmp_path, live=live))
        assert ("live/index.html" in told) is live
        assert "<!--" not in told
        assert all(path.stem in told for path in NOTEBOOKS)


def test_every_panel_with_a_picture_is_described():
    panels = sys.modules[SITE.Panel.__module__]
    described = {panel.name for panel in panels.PANELS}
    pictured = {path.stem.rpartition("-")[0] for path in panels.STILLS.glob("*.webp")}
    assert pictured == described
    assert all(panel.alt.strip() for panel in panels.PANELS)


def test_the_live_page_is_made_anew_when_the_model_is(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "pcvae").mkdir()
    (tmp_path / "build_live.py").touch()
    monkeypatch.setattr(SITE, "ROOT", tmp_path)
    monkeypatch.setattr(SITE, "HERE", tmp_path)
    before = SITE.digest_of_live()
    assert SITE.digest_of_live() == before
    (tmp_path / "data" / "shapes.safetensors").write_bytes(b"other weights")
    assert SITE.digest_of_live() != before
