import subprocess

import numpy as np
import pytest

from pcvae.data import debian, sweethome
from pcvae.data.sweethome import parse_properties, read_models


def read(deb, *ids):
    return {model.id: model for model in read_models(deb, frozenset(ids))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1\nb#2 = two words \n", {"a": "1", "b#2": "two words "}),
        ("# no\n! no\n\n   \n  a:b", {"a": "b"}),
        ("a b\nc\n", {"a": "b", "c": ""}),
        (r"caf\u00e9=\u4e2d\t\\n", {"café": "中\t\\n"}),
        (r"a\ b\:\=c=d=e:f", {"a b:=c": "d=e:f"}),
        ("a=one, \\\n    two\\\r\n three\nb=4", {"a": "one, twothree", "b": "4"}),
        ("a=ends with \\\\\nb=2", {"a": "ends with \\", "b": "2"}),
        ("# a comment is not continued \\\na=1", {"a": "1"}),
        ("a=1,\\\n# no comment\nb=2", {"a": "1,# no comment", "b": "2"}),
        ("a=1\ra=2", {"a": "2"}),
        ("a=lone\\", {"a": "lone"}),
        ("a=\xa9", {"a": "©"}),
    ],
)
def test_properties_are_read_as_java_reads_them(text, expected):
    assert parse_properties(text) == expected


@pytest.mark.parametrize("compression", ["xz", "gz"])
def test_models_come_with_what_the_catalogue_says(write_package, stand_in, compression):
    deb = write_package(stand_in.package(stand_in.libraries(), compression))
    models = read(deb, "Scopia#stand0", "Blend Swap CC-BY#thing0", "Blend Swap CC-BY#thing1")
    lamp = models["Scopia#stand0"]
    assert (lamp.name, lamp.creator, lamp.library) == ("Château", "Scopia", "Scopia")
    assert lamp.size.tolist() == [80, 40, 20]
    assert lamp.source_url == sweethome.HOME_PAGE
    chair = models["Blend Swap CC-BY#thing0"]
    assert chair.source_url == "http://www.blendswap.com/blends/view/123"
    assert models["Blend Swap CC-BY#thing1"].source_url == sweethome.HOME_PAGE
    assert len(models) == 3


def test_meshes_are_turned_upright(write_package, stand_in):
    deb = write_package(stand_in.package(stand_in.libraries()))
    models = read(deb, "Scopia#stand0", "Scopia#stand3")
    for model in models.values():
        vertices, faces = model.mesh()
        assert np.allclose(np.ptp(vertices, axis=0), [0.8, 0.4, 0.2])
        assert faces.shape == (12, 3)
    # Up in the file's frame is +Z, so what was at the top there must come to the top here.
    assert np.allclose(models["Scopia#stand3"].rotation @ [0, 0, 1], [0, 1, 0])


def test_tables_that_lie_across_are_turned(write_package, stand_in):
    name = "Scopia#black_table"
    made = stand_in.library([stand_in.entry(1, name, size=(0.2, 0.4, 0.8))], {1: (0.8, 0.4, 0.2)})
    model = read(write_package(stand_in.package({"Scopia": made})), name)[name]
    extent = np.ptp(model.mesh()[0], axis=0)
    assert np.allclose(extent * 100, model.size)
    assert np.linalg.det(model.rotation) == pytest.approx(1)


def test_a_missing_model_is_named(write_package, stand_in):
    deb = write_package(stand_in.package(stand_in.libraries()))
    with pytest.raises(ValueError, match=r"lacks 1 of 2 models.*Scopia#gone"):
        read(deb, "Scopia#stand0", "Scopia#gone")


def test_a_path_out_of_the_archive_is_never_followed(write_package, stand_in, tmp_path):
    (tmp_path / "secret.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3")
    outside = stand_in.entry(1, "Scopia#evil", path=f"/../../../{tmp_path}/secret.obj")
    inside = stand_in.library([outside], {}, [("../../escaped.obj", "v 0 0 0")])
    deb = write_package(stand_in.package({"Scopia": inside}))
    with pytest.raises(ValueError, match=r"damaged.*secret\.obj"):
        read(deb, "Scopia#evil")
    assert not list(tmp_path.parent.rglob("escaped.obj"))


@pytest.mark.parametrize("damage", ["cut", "flipped", "no archive", "no data", "no library"])
def test_a_damaged_package_is_refused(write_package, stand_in, damage):
    content = stand_in.package(stand_in.libraries())
    broken = {
        "cut": content[: len(content) // 2],
        "flipped": content[:400] + bytes(len(content) - 400),
        "no archive": b"<html>not found</html>" * 20,
        "no data": content[:72],
        "no library": stand_in.package({"Scopia": b"no zip"}),
    }[damage]
    deb = write_package(broken)
    with pytest.raises(ValueError, match=r"damaged|lacks"):
        read(deb, "Scopia#stand0")


@pytest.mark.parametrize("field", ["modelRotation", "width"])
def test_a_damaged_entry_is_named(write_package, stand_in, field):
    odd = stand_in.entry(1, "Scopia#odd") + f"\n{field}#1=1 0 tall"
    deb = write_package(stand_in.package({"Scopia": stand_in.library([odd], {1: (1, 1, 1)})}))
    with pytest.raises(ValueError, match="Scopia#odd"):
        read(deb, "Scopia#odd")


@pytest.mark.parametrize("obj", ["", "v 1 2 3\n", "v 0 0 0\nv 0 x 0\nf 1 2 9\n", "\0\1\2"])
def test_a_damaged_mesh_is_named(write_package, stand_in, obj):
    entry = stand_in.entry(1, "Scopia#odd")
    made = stand_in.library([entry], {}, [("models/1/box.obj", obj)])
    model = read(write_package(stand_in.package({"Scopia": made})), "Scopia#odd")["Scopia#odd"]
    with pytest.raises(ValueError, match="Scopia#odd"):
        model.mesh()


def test_another_file_is_not_taken_for_the_package(tmp_path):
    other = tmp_path / "other.deb"
    other.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"expected SHA-256 3ccb90.*--deb PATH"):
        sweethome.check_package(other)
    with pytest.raises(FileNotFoundError, match="--deb PATH"):
        sweethome.check_package(tmp_path / "none.deb")


def test_without_apt_get_one_is_told_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"no apt-get.*--deb PATH"):
        sweethome.download_package(tmp_path)


def test_a_failed_download_tells_why(tmp_path, monkeypatch):
    fake = tmp_path / "apt-get"
    fake.write_text("#!/bin/sh\necho 'E: Unable to locate package' >&2\nexit 100\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(FileNotFoundError, match=r"(?s)Unable to locate package.*--deb PATH"):
        sweethome.download_package(tmp_path)


def test_the_download_is_found(tmp_path, monkeypatch):
    def download(command, cwd, **rest):
        (cwd / "sweethome3d-furniture_1.8-1_all.deb").write_bytes(b"x")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(debian.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(debian.subprocess, "run", download)
    assert sweethome.download_package(tmp_path).name == "sweethome3d-furniture_1.8-1_all.deb"
