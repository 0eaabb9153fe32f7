"""Aircraft out of Debian's package `flightgear-data-ai`: about a hundred, for your own machine.

They are under the GNU General Public License, version 2 or later, and so are clouds sampled from
them: they are not part of this project, and are kept in the user's cache, outside of it.
"""

from __future__ import annotations

import lzma
import re
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from pcvae.data import debian
from pcvae.data.ac3d import Mesh, read_ac3d
from pcvae.data.clouds import CloudSet
from pcvae.data.files import read_split_clouds, write_clouds
from pcvae.data.folders import sample_evenly
from pcvae.data.procedural import cache_folder
from pcvae.data.skipping import Skipped
from pcvae.data.splits import assign_splits, near_duplicates
from pcvae.randomness import named_rng

PACKAGE = debian.Package(
    "flightgear-data-ai",
    "1:2020.3.16+dfsg-1",
    "a86b2acbf99ff2d49698abd2a2f4bc28ab0cf5a744218b4ca4d8aede8a67dc2f",
)
FOLDER = "AI/Aircraft/"
NO_AIRPLANES = frozenset({"balloon", "Ferry", "bluebird"})
# Beams, flames, parachutes, and discs that stand for turning propellers.
NO_PARTS = re.compile(
    r"(?<!f)light|strobe|flare|flame|burner|shadow|dis[ckq]|blur|beam|smoke|cone-texture|chute"
    r"|prop.*(fast|slow)|(fast|slow).*prop",
    re.IGNORECASE,
)
FEWEST_TRIANGLES = 500
CLASS = "airplane"

# What reading a damaged package raises.
_DAMAGED = (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError)


def open_aircraft(path: Path | None = None) -> tuple[CloudSet, tuple[str, ...]]:
    """Open what `prepare_aircraft` wrote.

    Args:
        path: The file; by default the one in the user's cache.

    Returns:
        The clouds, and the split of each.

    Raises:
        FileNotFoundError: They were not prepared.
        ValueError: The file is damaged.
    """
    path = path or default_path()
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {path}. Make it with `pcvae prepare aircraft` (downloads 287 MB)."
        )
    return read_split_clouds(path)


def default_path() -> Path:
    """Return where the aircraft are kept: outside of the project, which has another license."""
    return cache_folder() / "aircraft.npz"


def prepare_aircraft(
    deb: Path | None = None, out: Path | None = None, seed: int = 0, num_points: int = 2048
) -> Path:
    """Make point clouds of the aircraft in Debian's flightgear-data-ai, one of each type.

    They are under the GPL, version 2 or later: keep them out of this project's repository. The
    frame is that of the other shapes: Y up, nose to +Z, inside the unit sphere.

    Args:
        deb: The package, version 1:2020.3.16+dfsg-1; by default it is downloaded with apt-get
            (287 MB), and thrown away at the end.
        out: The .npz file to write; by default one in the user's cache, which `--data aircraft`
            opens.
        seed: Decides where points are drawn and which shapes come to which split.
        num_points: Points for each aircraft.

    Returns:
        The path of the file.

    Raises:
        FileNotFoundError: The package cannot be had.
        ValueError: It is another version or damaged, or a number is too low.
    """
    if num_points < 1 or seed < 0:
        raise ValueError(
            f"num_points must be at least 1 and seed at least 0, got {num_points} and {seed}."
        )
    with tempfile.TemporaryDirectory() as folder:
        package = Path(deb) if deb else debian.download(PACKAGE, Path(folder))
        debian.check(PACKAGE, package)
        models = _read_models(package)
    clouds = _sample(models, seed, num_points)
    return write_clouds(out or default_path(), clouds, splits=_splits(clouds, seed))


def _read_models(deb: Path) -> dict[str, Mesh]:
    """Read the most detailed model of each type of aircraft."""
    models: dict[str, Mesh] = {}
    skipped = Skipped(deb.name, hint="")
    try:
        for path, content in debian.members(deb, ".ac"):
            name = _type(path)
            if name is None:
                continue
            try:
                mesh = read_ac3d(content.decode("latin-1"), _is_part)
            except ValueError as error:
                skipped.add(f"{name}/{path.name}", error)
                continue
            least = len(models[name].faces) + 1 if name in models else FEWEST_TRIANGLES
            if len(mesh.faces) >= least:
                models[name] = mesh
    except _DAMAGED as error:
        raise ValueError(f"{deb} is damaged: {error}. {PACKAGE.how_to_pass_it}") from error
    skipped.tell(len(models))
    if not models:
        raise ValueError(f"{deb} holds no aircraft below {FOLDER}. {PACKAGE.how_to_pass_it}")
    return dict(sorted(models.items()))


def _type(path: PurePosixPath) -> str | None:
    """Return the type of aircraft that a file belongs to, after the folder it is in."""
    _, found, below = path.as_posix().partition(FOLDER)
    name = below.split("/")[0]
    return name if found and name not in NO_AIRPLANES else None


def _is_part(name: str) -> bool:
    return not NO_PARTS.search(name)


def _sample(models: dict[str, Mesh], seed: int, num_points: int) -> CloudSet:
    clouds = []
    for name, mesh in tqdm(models.items(), desc="sampling aircraft", unit="aircraft"):
        rng = named_rng(seed, name)
        # FlightGear's models have the nose at -X; turned about Y it comes to +Z.
        vertices = mesh.vertices[:, [2, 1, 0]] * [1.0, 1.0, -1.0]
        clouds.append(sample_evenly(vertices, mesh.faces, num_points, rng))
    return CloudSet("aircraft", np.stack(clouds), tuple(models), (CLASS,) * len(models))


def _splits(clouds: CloudSet, seed: int) -> np.ndarray:
    """Share the aircraft out; near-duplicates stay together."""
    count = len(clouds)
    rows, columns = near_duplicates(clouds.points).T
    links = coo_array((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    groups = connected_components(links, directed=False)[1].astype(np.int64)
    return np.array(assign_splits(groups, clouds.classes, clouds.ids, seed))
