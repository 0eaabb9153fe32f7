"""Aircraft out of a small stand-in for Debian's package."""

import io
import tarfile
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from pcvae.data import flightgear
from pcvae.data.flightgear import open_aircraft, prepare_aircraft

FOLDER = "./usr/share/games/flightgear/AI/Aircraft"


def grid(name, width, length, count=16):
    """A flat object with 2 (count - 1)^2 triangles, its nose a spike at -X."""
    xs, zs = np.linspace(0, length, count), np.linspace(-width / 2, width / 2, count)
    corners = [f"{x} 0 {z}" for x in xs for z in zs]
    squares = [(r * count + c, r, c) for r in range(count - 1) for c in range(count - 1)]
    faces = [(k, k + 1, k + count + 1, k + count) for k, _, _ in squares]
    surfaces = [
        "SURF 0x20\nmat 0\nrefs 4\n" + "\n".join(f"{k} 0 0" for k in face) for face in faces
    ]
    vertices = "\n".join([f"numvert {len(corners)}", *corners])
    triangles = "\n".join([f"numsurf {len(surfaces)}", *surfaces])
    return f'OBJECT poly\nname "{name}"\n{vertices}\n{triangles}\nkids 0'


def model(*objects):
    return "\n".join(["AC3Db", "OBJECT world", f"kids {len(objects)}", *objects]) + "\n"


def plane(width=4.0, length=10.0, count=18):
    """A wing, and a fin that makes the tail, at +X, the higher end."""
    spike = 'OBJECT poly\nname "fin"\nnumvert 3\n8 0 0\n10 0 0\n10 3 0\nnumsurf 1\n'
    spike += "SURF 0x20\nmat 0\nrefs 3\n0 0 0\n1 0 0\n2 0 0\nkids 0"
    return model(grid("wing", width, length, count), spike)


def package(files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode("latin-1"))
            archive.addfile(member, io.BytesIO(content.encode("latin-1")))
    content = data.getvalue()
    header = f"{'data.tar.xz':<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
    return b"!<arch>\n" + header.encode() + content


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def write(tmp_path, monkeypatch):
    def write(content):
        path = tmp_path / "package.deb"
        path.write_bytes(content)
        right = replace(flightgear.PACKAGE, sha256=sha256(content).hexdigest())
        monkeypatch.setattr(flightgear, "PACKAGE", right)
        return path

    return write


FILES = {
    **{f"{FOLDER}/p{k}/Models/p{k}.ac": plane(2.0 + k) for k in range(6)},
    f"{FOLDER}/p0/Models/p0-rough.ac": plane(9.0, count=17),
    f"{FOLDER}/p1/Models/lights/red.ac": model(grid("light", 1.0, 1.0, 2)),
    f"{FOLDER}/balloon/Models/balloon.ac": plane(),
    f"{FOLDER}/p2/Models/broken.ac": "AC3Db\nOBJECT poly\nnumvert 9\n",
    "./usr/share/doc/p3.ac": "no aircraft",
}


def test_each_type_comes_once_nose_to_the_front(write, cache, caplog):
    path = prepare_aircraft(write(package(FILES)), num_points=64)
    assert path == cache / "aircraft.npz"
    clouds, splits = open_aircraft()
    assert clouds.ids == tuple(f"p{k}" for k in range(6))
    assert set(clouds.classes) == {"airplane"}
    assert set(splits) <= {"train", "val", "test"}
    widths = np.ptp(clouds.points[..., 0], axis=1) / np.ptp(clouds.points[..., 2], axis=1)
    assert np.allclose(widths, [(2 + k) / 10 for k in range(6)], rtol=0.1)
    for points in clouds.points:
        assert points[points[:, 1].argmax(), 2] < 0  # the fin
    assert "skipped 1 of 7 files: p2/broken.ac" in caplog.text


def test_lights_and_discs_are_left_out(write):
    disc = grid("Propeller.Fast", 50.0, 50.0)
    files = {f"{FOLDER}/p{k}/p.ac": plane() for k in range(2)}
    files[f"{FOLDER}/p0/p.ac"] = plane().replace("kids 2", "kids 3", 1) + disc + "\n"
    clouds, _ = open_aircraft(prepare_aircraft(write(package(files)), num_points=32))
    extents = np.ptp(clouds.points, axis=1)
    assert np.allclose(extents[0], extents[1], atol=0.15)


def test_a_path_out_of_the_package_is_never_followed(write, tmp_path):
    outside = {f"../../{tmp_path}/{FOLDER}/evil/evil.ac": plane()}
    prepare_aircraft(write(package(FILES | outside)), num_points=16)
    assert not list(tmp_path.parent.rglob("evil.ac"))


def test_damaged_and_foreign_packages_are_refused(write, tmp_path):
    content = package(FILES)
    with pytest.raises(ValueError, match="damaged"):
        prepare_aircraft(write(content[: len(content) // 2]))
    with pytest.raises(ValueError, match="damaged"):
        prepare_aircraft(write(b"something else"))
    with pytest.raises(ValueError, match="holds no aircraft"):
        prepare_aircraft(write(package({"./a.ac": plane()})))
    other = tmp_path / "other.deb"
    other.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"is not flightgear-data-ai.*--deb PATH"):
        prepare_aircraft(other)
    with pytest.raises(ValueError, match="num_points"):
        prepare_aircraft(other, num_points=0)


def test_without_aircraft_one_is_told_how_to_get_them():
    with pytest.raises(FileNotFoundError, match="pcvae prepare aircraft"):
        open_aircraft()


def test_an_interruption_leaves_what_was_there(write, cache, monkeypatch):
    deb = write(package(FILES))
    before = prepare_aircraft(deb, num_points=16).read_bytes()

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(flightgear, "_splits", fail)
    with pytest.raises(KeyboardInterrupt):
        prepare_aircraft(deb, num_points=32)
    assert [path.read_bytes() for path in cache.iterdir()] == [before]
