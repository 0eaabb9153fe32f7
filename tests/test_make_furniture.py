"""What makes data/furniture.npz: Debian's package read, models sampled, relatives kept together.

Tests build a small stand-in of the package: two libraries of boxes.
"""

import csv
import hashlib
import io
import shutil
import subprocess
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import make_furniture as script
import numpy as np
import pytest
from make_furniture import make_furniture
from making import debian, sweethome
from making.relatives import assign_splits, near_duplicates, relatives, same_series
from making.sweethome import parse_properties, read_models

from pcvae.data.furniture import data_folder, load_furniture, read_furniture

# Wider than high, higher than deep, so that turns show.
SIZE = (0.8, 0.4, 0.2)


def box_obj(width, height, depth):
    corners = [(x, y, z) for x in (0, width) for y in (0, height) for z in (0, depth)]
    faces = ["1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4"]
    return "\n".join([*(f"v {x} {y} {z}" for x, y, z in corners), *(f"f {face}" for face in faces)])


def entry(number, model_id, *, size=SIZE, creator="Somebody", rotation=None, path=None):
    """The lines of one model in a catalogue. `size` is width, height and depth of the mesh."""
    fields = {
        "id": model_id,
        "name": "Ch\\u00e2teau",
        "model": path or f"/models/{number}/box.obj",
        "width": size[0] * 100,
        "depth": size[2] * 100,
        "height": size[1] * 100,
        "creator": creator,
    }
    if rotation:
        fields["modelRotation"] = rotation
    return "\n".join(f"{key}#{number}={value}" for key, value in fields.items())


def library(entries, models, extra=()):
    """The bytes of a .sh3f file. `models` has a mesh's size for each number."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        header = "# A catalogue\nid=SweetHome3D#Fake\nname=Fake catalog \xa9\n\n"
        text = header + "\n\n".join(entries)
        archive.writestr("PluginFurnitureCatalog.properties", text.encode("latin-1"))
        for number, size in models.items():
            archive.writestr(f"models/{number}/box.obj", box_obj(*size))
        for name, text in extra:
            archive.writestr(name, text)
    return content.getvalue()


def package(libraries, compression="xz"):
    """The bytes of a .deb file."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=f"w:{compression}") as archive:
        for name, content in libraries.items():
            member = tarfile.TarInfo(f"./usr/share/sweethome3d/furniture/{name}.sh3f")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": b"odd",
        f"data.tar.{compression}": data.getvalue(),
    }
    parts = [b"!<arch>\n"]
    for name, content in members.items():
        parts.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode())
        parts.append(content + b"\n" * (len(content) % 2))
    return b"".join(parts)


# Ids in the list of models, with their classes.
CHOSEN = {
    **{f"Scopia#stand{k}": "lamp" for k in range(4)},
    **{f"Blend Swap CC-BY#thing{k}": "chair" for k in range(8)},
}


def libraries():
    """Four Scopia lamps that get thinner, the last of them lying on its back, and eight chairs."""
    upright = [entry(k, f"Scopia#stand{k}", creator="Scopia") for k in range(3)]
    lying = entry(
        3, "Scopia#stand3", creator="Scopia", rotation="1 0 0 0 0 1 0 -1 0", size=(0.8, 0.4, 0.2)
    )
    lamps = {k: (0.8, 0.4, 0.2 - 0.05 * k) for k in range(3)} | {3: (0.8, 0.2, 0.4)}
    chairs = {k: (0.3 + 0.1 * k, 0.5, 0.4) for k in range(8)}
    scopia = library([*upright, lying, entry(9, "Scopia#unwanted")], lamps | {9: SIZE})
    blend = library(
        [
            entry(k, f"Blend Swap CC-BY#thing{k}", creator=f"Person {k}", size=chairs[k])
            for k in chairs
        ],
        chairs,
        [("models/0/LICENSE.txt", "from http://www.blendswap.com/blends/view/123 and so on")],
    )
    return {"Scopia": scopia, "BlendSwap-CC-BY": blend}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A data folder that lists the models of the stand-in."""
    folder = tmp_path / "project-data"
    folder.mkdir()
    rows = [f"{kind},{name}" for name, kind in CHOSEN.items()]
    (folder / "ATTRIBUTION.csv").write_text("\n".join(["class,id", *rows]) + "\n", "utf-8")
    monkeypatch.setattr(script, "data_folder", lambda: folder)
    return folder


@pytest.fixture
def write_package(tmp_path, monkeypatch):
    """Write bytes as the package, and take them for the right ones."""

    def write(content):
        path = tmp_path / "package.deb"
        path.write_bytes(content)
        monkeypatch.setattr(sweethome, "SHA256", hashlib.sha256(content).hexdigest())
        return path

    return write


@pytest.fixture
def deb(write_package):
    return write_package(package(libraries()))


# The shipped splits


@pytest.fixture(scope="module")
def shipped():
    return read_furniture(data_folder() / "furniture.npz")


@pytest.fixture(scope="module")
def attribution():
    with (data_folder() / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_no_series_straddles_splits(shipped, attribution):
    groups, splits = shipped["groups"], shipped["splits"]
    assert all(len(set(splits[groups == group].tolist())) == 1 for group in groups)
    models = [(row["id"], row["creator"]) for row in attribution]
    for k, model in enumerate(models):
        for j in range(k):
            if same_series(model, models[j]):
                assert groups[k] == groups[j], (model, models[j])


@pytest.mark.slow
def test_no_near_duplicates_straddle_splits(shipped):
    pairs = near_duplicates(load_furniture().points)
    assert len(pairs) > 0
    for first, second in pairs:
        assert shipped["splits"][first] == shipped["splits"][second]


def test_prepared_shapes_can_be_loaded(deb, project):
    path = make_furniture(deb, num_points=64)
    assert path == project / "furniture.npz"
    clouds = load_furniture(path=path)
    assert clouds.points.shape == (12, 64, 3)
    assert clouds.classes == ("chair",) * 8 + ("lamp",) * 4
    lying, upright = (clouds.points[clouds.ids.index(f"Scopia#stand{k}")] for k in (3, 0))
    assert np.allclose(np.ptp(lying, axis=0), np.ptp(upright, axis=0), atol=0.1)
    content = read_furniture(path)
    sizes = dict(zip(content["ids"].tolist(), content["sizes"].tolist(), strict=True))
    assert sizes["Scopia#stand0"] == [80, 20, 40]
    assert set(content["groups"].tolist()) >= {"Scopia#stand0"}


def test_the_scale_brings_back_centimeters(deb, project):
    content = read_furniture(make_furniture(deb, num_points=256))
    row = content["ids"].tolist().index("Scopia#stand0")
    extent = np.ptp(content["points"][row] / 32767, axis=0) * content["scale"][row]
    assert np.allclose(extent, [80, 40, 20], rtol=0.06)


def test_the_list_it_writes_can_be_used_again(deb, project):
    make_furniture(deb, num_points=16)
    first = (project / "ATTRIBUTION.csv").read_bytes(), (project / "furniture.npz").read_bytes()
    make_furniture(deb, num_points=16)
    assert first == (
        (project / "ATTRIBUTION.csv").read_bytes(),
        (project / "furniture.npz").read_bytes(),
    )


def test_the_order_of_models_does_not_matter(write_package, project, tmp_path):
    both = libraries()
    contents = []
    for name, order in (("one", both), ("two", dict(reversed(both.items())))):
        deb = write_package(package(order))
        contents.append(make_furniture(deb, tmp_path / name, num_points=16).read_bytes())
    assert contents[0] == contents[1]


def test_another_seed_draws_other_points(deb, project, tmp_path):
    first, second = (
        read_furniture(make_furniture(deb, tmp_path / str(seed), seed, 16)) for seed in (0, 1)
    )
    assert (first["ids"] == second["ids"]).all()
    assert (first["points"] != second["points"]).any()


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interruption_leaves_what_was_there(deb, project, monkeypatch, error):
    before = (project / "ATTRIBUTION.csv").read_bytes()

    def fail(*_):
        raise error

    monkeypatch.setattr(script, "_write_attribution", fail)  # comes after the clouds
    with pytest.raises(type(error)):
        make_furniture(deb, num_points=16)
    assert [path.name for path in project.iterdir()] == ["ATTRIBUTION.csv"]
    assert (project / "ATTRIBUTION.csv").read_bytes() == before


def test_a_shape_without_area_is_named(write_package, project):
    flat = library([entry(1, "Scopia#flat")], {1: (1.0, 0.0, 0.0)})
    deb = write_package(package({"Scopia": flat}))
    (project / "ATTRIBUTION.csv").write_text("class,id\nlamp,Scopia#flat\n")
    with pytest.raises(ValueError, match="Scopia#flat: The mesh has no surface"):
        make_furniture(deb, num_points=16)


@pytest.mark.parametrize(
    "table", ["", "class,id\n", "a,b\n1,2\n", "class,id\nlamp,x\nlamp,x\n", "class,id\nufo,x\n"]
)
def test_a_list_of_models_that_is_none_is_refused(deb, project, table):
    (project / "ATTRIBUTION.csv").write_text(table)
    with pytest.raises(ValueError, match="git checkout data"):
        make_furniture(deb)


def test_impossible_numbers_are_refused(deb, project):
    with pytest.raises(ValueError, match="num_points"):
        make_furniture(deb, num_points=0)
    with pytest.raises(ValueError, match="seed"):
        make_furniture(deb, seed=-1)


def test_without_a_package_it_is_downloaded(deb, project, monkeypatch):
    def download(folder):
        return Path(shutil.copy(deb, folder))

    monkeypatch.setattr(sweethome, "download_package", download)
    assert len(load_furniture(path=make_furniture(num_points=16))) == 12


# Debian's package


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
def test_models_come_with_what_the_catalogue_says(write_package, compression):
    deb = write_package(package(libraries(), compression))
    models = read(deb, "Scopia#stand0", "Blend Swap CC-BY#thing0", "Blend Swap CC-BY#thing1")
    lamp = models["Scopia#stand0"]
    assert (lamp.name, lamp.creator, lamp.library) == ("Château", "Scopia", "Scopia")
    assert lamp.size.tolist() == [80, 40, 20]
    assert lamp.source_url == sweethome.HOME_PAGE
    chair = models["Blend Swap CC-BY#thing0"]
    assert chair.source_url == "http://www.blendswap.com/blends/view/123"
    assert models["Blend Swap CC-BY#thing1"].source_url == sweethome.HOME_PAGE
    assert len(models) == 3


def test_meshes_are_turned_upright(write_package):
    deb = write_package(package(libraries()))
    models = read(deb, "Scopia#stand0", "Scopia#stand3")
    for model in models.values():
        vertices, faces = model.mesh()
        assert np.allclose(np.ptp(vertices, axis=0), [0.8, 0.4, 0.2])
        assert faces.shape == (12, 3)
    # Up in the file's frame is +Z, so what was at the top there must come to the top here.
    assert np.allclose(models["Scopia#stand3"].rotation @ [0, 0, 1], [0, 1, 0])


def test_tables_that_lie_across_are_turned(write_package):
    name = "Scopia#black_table"
    made = library([entry(1, name, size=(0.2, 0.4, 0.8))], {1: (0.8, 0.4, 0.2)})
    model = read(write_package(package({"Scopia": made})), name)[name]
    extent = np.ptp(model.mesh()[0], axis=0)
    assert np.allclose(extent * 100, model.size)
    assert np.linalg.det(model.rotation) == pytest.approx(1)


def test_a_missing_model_is_named(write_package):
    deb = write_package(package(libraries()))
    with pytest.raises(ValueError, match=r"lacks 1 of 2 models.*Scopia#gone"):
        read(deb, "Scopia#stand0", "Scopia#gone")


def test_a_path_out_of_the_archive_is_never_followed(write_package, tmp_path):
    (tmp_path / "secret.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3")
    outside = entry(1, "Scopia#evil", path=f"/../../../{tmp_path}/secret.obj")
    inside = library([outside], {}, [("../../escaped.obj", "v 0 0 0")])
    deb = write_package(package({"Scopia": inside}))
    with pytest.raises(ValueError, match=r"damaged.*secret\.obj"):
        read(deb, "Scopia#evil")
    assert not list(tmp_path.parent.rglob("escaped.obj"))


@pytest.mark.parametrize("damage", ["cut", "flipped", "no archive", "no data", "no library"])
def test_a_damaged_package_is_refused(write_package, damage):
    content = package(libraries())
    broken = {
        "cut": content[: len(content) // 2],
        "flipped": content[:400] + bytes(len(content) - 400),
        "no archive": b"<html>not found</html>" * 20,
        "no data": content[:72],
        "no library": package({"Scopia": b"no zip"}),
    }[damage]
    deb = write_package(broken)
    with pytest.raises(ValueError, match=r"damaged|lacks"):
        read(deb, "Scopia#stand0")


@pytest.mark.parametrize("field", ["modelRotation", "width"])
def test_a_damaged_entry_is_named(write_package, field):
    odd = entry(1, "Scopia#odd") + f"\n{field}#1=1 0 tall"
    deb = write_package(package({"Scopia": library([odd], {1: (1, 1, 1)})}))
    with pytest.raises(ValueError, match="Scopia#odd"):
        read(deb, "Scopia#odd")


@pytest.mark.parametrize("obj", ["", "v 1 2 3\n", "v 0 0 0\nv 0 x 0\nf 1 2 9\n", "\0\1\2"])
def test_a_damaged_mesh_is_named(write_package, obj):
    made = library([entry(1, "Scopia#odd")], {}, [("models/1/box.obj", obj)])
    model = read(write_package(package({"Scopia": made})), "Scopia#odd")["Scopia#odd"]
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


# Relatives


def spheres(*squeezed, seed=0):
    """Random points on unit spheres, each squeezed along Y."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(len(squeezed), 4000, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    directions[..., 1] *= np.array(squeezed)[:, None]
    return directions.astype(np.float32)


def test_near_duplicates_are_found_and_others_are_not():
    pairs = near_duplicates(spheres(1.0, 0.7, 1.0, 0.2))
    assert pairs.tolist() == [[0, 2]]
    assert near_duplicates(spheres(1.0, 0.5)).shape == (0, 2)


@pytest.mark.parametrize(
    ("first", "second", "related"),
    [
        (("Scopia#vase1", "Scopia"), ("Scopia#vase3", "Scopia"), True),
        (("Scopia#rattanSofa", "Scopia"), ("Scopia#rattanTable", "Scopia"), True),
        (("Scopia#chair", "Scopia"), ("Scopia#office_chair", "Scopia"), False),
        (("Scopia#wine_bottle", "Scopia"), ("Kator Legaz#wine_bottle", "Kator Legaz"), False),
        (("Blend Swap#pan", "Jay"), ("Blend Swap#chair", "Jay"), True),
        (("Blend Swap#vase1", "Jay"), ("Blend Swap#vase2", "Kay"), False),
    ],
)
def test_series_go_by_creator_and_for_studios_by_name(first, second, related):
    assert same_series(first, second) is related
    assert same_series(second, first) is related


def test_relations_of_both_kinds_chain():
    models = [("x#a", "A"), ("x#b", "B"), ("x#c", "A"), ("x#d", "D")]
    # The last is like the first, which has the third's creator; the second stands alone.
    groups = relatives(spheres(1.0, 0.7, 0.4, 1.0), models)
    assert groups[0] == groups[2] == groups[3] != groups[1]


def test_without_relatives_every_shape_is_its_own_group():
    groups = relatives(spheres(1.0, 0.5), [("x#a", "A"), ("x#b", "B")])
    assert len(set(groups.tolist())) == 2


@pytest.fixture
def made():
    rng = np.random.default_rng(1)
    groups = np.sort(rng.integers(0, 160, size=240))
    return groups, rng.choice(["chair", "lamp"], 240).tolist(), [f"x#{k:03d}" for k in range(240)]


def test_splits_keep_groups_whole_and_come_near_their_shares(made):
    groups, classes, ids = made
    splits = np.array(assign_splits(groups, classes, ids, seed=0))
    assert all(len(set(splits[groups == group])) == 1 for group in groups)
    for kind in ("chair", "lamp"):
        counts = Counter(splits[np.array(classes) == kind].tolist())
        total = sum(counts.values())
        for name, share in {"train": 0.7, "val": 0.1, "test": 0.2}.items():
            assert abs(counts[name] - share * total) <= 2


def test_splits_hang_on_the_seed_and_not_on_the_order(made):
    groups, classes, ids = made
    splits = assign_splits(groups, classes, ids, seed=0)
    back = assign_splits(groups[::-1], classes[::-1], ids[::-1], seed=0)[::-1]
    assert splits == back
    assert splits != assign_splits(groups, classes, ids, seed=1)
