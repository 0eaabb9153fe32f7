import json

import pytest
from matplotlib import font_manager

from pcvae.exercises import installation


def test_this_environment_has_every_package_that_the_course_needs():
    checks = [c for c in installation.check_all() if not c.name.endswith((".npz", ".safetensors"))]
    assert {"Python", "torch", "plotly", "anywidget"} <= {check.name for check in checks}
    assert [str(check) for check in checks if check.fix] == []


def test_a_missing_package_is_named_with_what_to_do():
    check = installation.check_package("no-such-package>=1")
    assert "no-such-package >=1" in check.fix
    assert "make lab" in check.fix
    assert str(check).startswith("FIX ")


def test_a_package_of_the_wrong_version_is_named():
    check = installation.check_package("numpy<1")
    assert "numpy <1" in check.fix


def test_extras_and_markers_of_requirements_are_understood():
    assert installation.check_package('numpy[extra]>=1; python_version > "3"').fix == ""


def test_a_missing_file_is_named_with_what_to_do(tmp_path, monkeypatch):
    assert installation.check_file("furniture.npz").fix == ""
    monkeypatch.setattr(installation, "shipped_folder", lambda: tmp_path)
    check = installation.check_file("shapes.npz")
    assert "git checkout -- data/shapes.npz" in check.fix
    (tmp_path / "shapes.npz").write_bytes(b"12")
    assert installation.check_file("shapes.npz").fix == ""


@pytest.mark.parametrize("damage", ["missing", "elsewhere"])
def test_a_list_of_fonts_that_lacks_matplotlibs_own_is_named(tmp_path, monkeypatch, damage):
    assert installation.check_fonts().fix == ""
    path = tmp_path / "fontlist-v0.json"
    font_manager.json_dump(font_manager.fontManager, path)
    stored = json.loads(path.read_text())
    own = [font for font in stored["ttflist"] if font["name"] == "DejaVu Sans"]
    for font in own:
        font["fname"] = "/gone/DejaVuSans.ttf"
    others = [font for font in stored["ttflist"] if font not in own]
    stored["ttflist"] = others + (own if damage == "elsewhere" else [])
    path.write_text(json.dumps(stored))
    monkeypatch.setattr(font_manager, "fontManager", font_manager.json_load(path))
    check = installation.check_fonts()
    assert "fontlist-*.json" in check.fix
    assert check.found == "DejaVu Sans is not found"


def test_an_old_python_is_refused():
    assert installation.check_python((3, 10, 4)).fix
    assert not installation.check_python((3, 11, 0)).fix


def test_report_counts_what_is_to_fix(monkeypatch, capsys):
    good, bad = installation.Check("a", "1"), installation.Check("b", "2", "Mend it.")
    monkeypatch.setattr(installation, "check_all", lambda: [good, bad])
    installation.check_installation()
    assert "1 to fix." in capsys.readouterr().out
    monkeypatch.setattr(installation, "check_all", lambda: [good])
    installation.check_installation()
    assert "Everything is in place." in capsys.readouterr().out
