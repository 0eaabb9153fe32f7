"""A small stand-in for Debian's package: two libraries of boxes."""

import hashlib
import io
import tarfile
import zipfile

import pytest

from pcvae.data import furniture, sweethome

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
    monkeypatch.setattr(furniture, "data_folder", lambda: folder)
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
def stand_in():
    """What tests build packages with."""

    class StandIn:
        """The functions above: test modules cannot import a conftest."""

    for function in (entry, library, libraries, package):
        setattr(StandIn, function.__name__, staticmethod(function))
    return StandIn
