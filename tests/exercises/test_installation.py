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


def test_a_missing_file_is_named_with_what_to_do(tmp_path):
    check = installation.check_file("data/shapes.npz", tmp_path)
    assert "git checkout -- data/shapes.npz" in check.fix
    (tmp_path / "shapes.npz").write_bytes(b"12")
    assert installation.check_file("shapes.npz", tmp_path).fix == ""


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
