"""Meshes out of Debian's package `sweethome3d-furniture`.

The package (an `ar` archive) holds a tar of five libraries, `.sh3f` files, each a zip of OBJ models
with a catalogue, `PluginFurnitureCatalog.properties`. Everything is read within memory: no member
of any archive is ever written to disk, so that none can land outside of a folder.
"""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float, Int
from making import debian

PACKAGE = "sweethome3d-furniture"
VERSION = "1.8-1"
SHA256 = "3ccb90c63f9525e887a767b9cd5c8b6933b8b6b2973a615a5359ee68a2118668"
CATALOG = "PluginFurnitureCatalog.properties"
HOME_PAGE = "http://www.sweethome3d.com/importModels.jsp"

# What reading a damaged archive raises; KeyError is a member or a catalogue entry that is missing.
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError)

# These two lie a quarter turn from the width and depth their catalogue gives them.
QUARTER_TURNED = frozenset({"Scopia#black_table", "Scopia#table4"})


@dataclass(frozen=True)
class License:
    """What a library's models may be used for, and whom it wants named."""

    name: str
    url: str
    attribution: str  # "{creator}" stands for the model's own


LICENSES = {
    "BlendSwap-CC-0": License(
        "CC0-1.0",
        "https://creativecommons.org/publicdomain/zero/1.0/",
        "{creator} (Blend Swap), converted by Emmanuel PUYBARET / eTeks",
    ),
    "BlendSwap-CC-BY": License(
        "CC-BY-3.0",
        "https://creativecommons.org/licenses/by/3.0/",
        "{creator} (Blend Swap), converted by Emmanuel PUYBARET / eTeks",
    ),
    "KatorLegaz": License(
        "CC-BY-3.0-US",
        "https://creativecommons.org/licenses/by/3.0/us/",
        "Andrew Kator & Jennifer Legaz",
    ),
    "Scopia": License(
        "CC-BY-3.0",
        "https://creativecommons.org/licenses/by/3.0/",
        "Emmanuel PUYBARET / eTeks and Scopia Visual Interfaces Systems, s.l.",
    ),
}


@dataclass(frozen=True)
class Model:
    """One model of a library, as its catalogue describes it.

    Attributes:
        id: The catalogue's id, "library#model".
        name: What it is called, in English.
        creator: Who made it.
        library: Which of the five libraries it comes from.
        source_url: Where its author published it, or the page of all the libraries.
        size: Width (X), height (Y) and depth (Z) in cm.
        rotation: Matrix that turns the mesh upright: `rotation @ vertex`.
        obj: The OBJ file's text.
    """

    id: str
    name: str
    creator: str
    library: str
    source_url: str
    size: Float[np.ndarray, " 3"]
    rotation: Float[np.ndarray, "3 3"]
    obj: bytes

    def mesh(self) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
        """Return the vertices, Y up and back to -Z, in the model's own unit, and the triangles.

        Raises:
            ValueError: The OBJ file is damaged or holds no triangles.
        """
        import trimesh

        try:
            mesh = trimesh.load(
                io.BytesIO(self.obj),
                file_type="obj",
                force="mesh",
                process=False,
                skip_materials=True,
            )
            faces = np.asarray(mesh.faces, dtype=np.int64)
            vertices = np.asarray(mesh.vertices, dtype=np.float64)
        except Exception as error:  # trimesh raises whatever its parser stumbles over
            raise ValueError(f"{self.id}: its OBJ file cannot be read ({error}).") from error
        if len(faces) == 0:
            raise ValueError(f"{self.id}: its OBJ file holds no triangles.")
        return vertices @ self.rotation.T, faces


def download_package(folder: Path) -> Path:
    """Download the package with apt-get, see `debian.download`."""
    return debian.download(_package(), folder)


def check_package(deb: Path) -> None:
    """Hold a file against the package's SHA-256, see `debian.check`."""
    debian.check(_package(), deb)


def _package() -> debian.Package:
    return debian.Package(PACKAGE, VERSION, SHA256)


def read_models(deb: Path, wanted: frozenset[str]) -> Iterator[Model]:
    """Read models from the package, library by library.

    Args:
        deb: The package.
        wanted: Ids of the models to read.

    Yields:
        The models, in the order in which the package holds them.

    Raises:
        ValueError: An archive is damaged, or a wanted model is missing.
    """
    missing = set(wanted)
    try:
        for name, content in _libraries(deb):
            with zipfile.ZipFile(io.BytesIO(content)) as library:
                for model in _models_of(name, library, wanted):
                    missing.discard(model.id)
                    yield model
    except _DAMAGED as error:
        raise ValueError(f"{deb} is damaged: {error}. {_package().how_to_pass_it}") from error
    if missing:
        raise ValueError(
            f"{deb} lacks {len(missing)} of {len(wanted)} models, e.g. {sorted(missing)[:3]}. "
            f"{_package().how_to_pass_it}"
        )


def parse_properties(text: str) -> dict[str, str]:
    r"""Read a Java `.properties` file: comments, continued lines, and escapes such as \u00e9.

    Args:
        text: The file's text, decoded as Latin-1.

    Returns:
        Keys and values; of a key given twice, the last.

    Source: the documentation of `java.util.Properties.load`.
    """
    found = {}
    for line in _LINE.finditer(text):
        if line["content"]:
            joined = _CONTINUATION.sub(lambda match: match["escaped"] or "", line["content"])
            key, value = _PROPERTY.fullmatch(joined).groups()
            found[_unescape(key)] = _unescape(value)
    return found


# A backslash takes the character behind it along, so an escaped end of line ends no line.
_LINE = re.compile(
    r"[ \t\f]*(?:[#!][^\r\n]*|(?P<content>(?:[^\\\r\n]|\\\r\n|\\.)*))\\?(?:[\r\n]+|$)", re.DOTALL
)
_CONTINUATION = re.compile(r"\\(?:\r\n|\r|\n)[ \t\f]*|(?P<escaped>\\.)", re.DOTALL)
# A key ends at the first =, : or blank that no backslash precedes.
_PROPERTY = re.compile(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_BLEND_PAGE = re.compile(rb"https?://www\.blendswap\.com/blends?/(view/)?\d+")
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def _unescape(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        escaped = match[1]
        if len(escaped) == 5:
            return chr(int(escaped[1:], 16))
        return _CONTROLS.get(escaped, escaped)

    return _ESCAPE.sub(plain, text)


def _libraries(deb: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each .sh3f file within the package."""
    for path, content in debian.members(deb, ".sh3f"):
        yield path.stem, content


def _models_of(name: str, library: zipfile.ZipFile, wanted: frozenset[str]) -> Iterator[Model]:
    """Yield the wanted models of one library."""
    catalog = parse_properties(library.read(CATALOG).decode("latin-1"))
    for key, model_id in catalog.items():
        if key.startswith("id#") and model_id in wanted:
            number = key.removeprefix("id")  # "#17"
            fields = {k.removesuffix(number): v for k, v in catalog.items() if k.endswith(number)}
            yield _model(name, library, model_id, fields)


def _model(name: str, library: zipfile.ZipFile, model_id: str, fields: dict[str, str]) -> Model:
    """Read one model's OBJ file and put it together with what the catalogue says."""
    path = fields["model"].lstrip("/")  # a member's name, never a path on this machine
    identity = "1 0 0 0 1 0 0 0 1"
    try:
        size = np.array([float(fields[k]) for k in ("width", "height", "depth")])
        rotation = np.array(fields.get("modelRotation", identity).split(), dtype=np.float64)
        rotation = rotation.reshape(3, 3)
    except ValueError as error:
        raise ValueError(f"{model_id}: its catalogue entry is damaged ({error}).") from error
    if model_id in QUARTER_TURNED:
        rotation = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]) @ rotation
    return Model(
        id=model_id,
        name=fields["name"],
        creator=fields["creator"],
        library=name,
        source_url=_source_url(library, PurePosixPath(path).parent),
        size=size,
        rotation=rotation,
        obj=library.read(path),
    )


def _source_url(library: zipfile.ZipFile, folder: PurePosixPath) -> str:
    """Return the page named by the license file beside a model; not every model has one."""
    for member in library.namelist():
        path = PurePosixPath(member)
        if path.parent == folder and "license" in path.name.lower():
            found = _BLEND_PAGE.search(library.read(member))
            if found:
                return found[0].decode("ascii")
    return HOME_PAGE
