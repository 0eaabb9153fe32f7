import subprocess
import sys

import pytest

from pcvae.widgets.figure import BUNDLE, Figure, Library, import_without

CODE = """
import sys
import pcvae.widgets
assert "rfc3987_syntax" not in sys.modules
import jsonschema, nbformat
nbformat.validate(nbformat.v4.new_notebook())
import rfc3987_syntax
print("all there")
"""


def test_the_grammar_is_not_imported_before_the_panel_and_can_be_afterward():
    pytest.importorskip("rfc3987_syntax")
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "all there"


def test_a_module_that_cannot_be_found_meanwhile_can_be_afterward(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with pytest.raises(ImportError):
        import_without("no_such_module", "no_such_module")
    assert import_without("no_such_module", "json").__name__ == "json"
    assert "no_such_module" not in sys.modules


def test_figures_share_one_copy_of_plotlys_script():
    one, other = Figure(), Figure()
    assert one._library is other._library
    for figure in (one, other):
        state = figure.get_state()
        assert state["_library"] == f"IPY_MODEL_{one._library.model_id}"
        assert sum(len(str(value)) for value in state.values()) < 50_000
    assert one._library.get_state()["bundle"] == BUNDLE.read_text(encoding="utf-8")


def test_a_library_that_was_closed_is_made_anew():
    closed = Figure()._library
    closed.close()
    assert Figure()._library is not closed
    assert Library.opened().comm is not None
