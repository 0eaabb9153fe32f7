"""Build the live page: a folder of static files in which the model `shapes` runs in the browser.

    python site/build_live.py OUT
    python -m http.server --directory OUT

Beside the page's own files (site/live) and the package's light renderer, OUT holds the model as
ONNX graphs, shapes to begin with, the directions that sliders move z along, and two packages of
npm's: onnxruntime-web, and earcut, which cuts polygons. The page asks nobody else for anything.

A link says what is shown: index.html#shape=chair-2&factor.leg_height=-8&view=0.6,0.3,1, or
index.html#shape=lamp-1&other=mug-1&take=both&amount=0.5 (site/live/settings.js has them all).
With ?embedded before the #, the page is a small one to stand within another.
"""

from __future__ import annotations

import argparse
import base64
import csv
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

import pcvae
from pcvae import editing
from pcvae.data import CloudSet, generate, load_furniture
from pcvae.data.furniture import ATTRIBUTION_FILE, data_folder
from pcvae.diagnostics import ridge, style_means
from pcvae.editing.directions import some_clouds
from pcvae.files import atomic_path, cache_folder
from pcvae.models import PointCloudVAE
from pcvae.shapes import families

HERE = Path(__file__).parent
PAGE = HERE / "live"
RENDERER = HERE.parent / "pcvae" / "widgets" / "clouds.js"
OF_WORKER = {"worker.js", "wasm.js", "reading.js", "sampling.js", "polygons.js"}  # not the page's

# What npm brings: SHA-512 as the registry has it, and what the page needs of each package.
WASM = "ort-wasm-simd-threaded"
PACKAGES = {
    "onnxruntime-web@1.30.0": (
        "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
        ("dist/ort.wasm.min.mjs", f"dist/{WASM}.mjs", f"dist/{WASM}.wasm",
         "dist/ort.jspi.min.mjs", f"dist/{WASM}.jspi.mjs", f"dist/{WASM}.jspi.wasm"),
    ),
    "earcut@3.2.4": (
        "FHc6yNpnTORB0tM5kmZ03iD2mDuNakDE2lvf4Hw1XkfxtEHIGVi01B/GqUSwx+NcC1WGjidAfpTXzeALtPtfpg==",
        ("src/earcut.js", "LICENSE"),
    ),
}  # fmt: skip

# Shapes whose z the directions are of. Printed code makes the same ones.
REFERENCE = {"count": 2000, "split": "test"}
NUM_DIRECTIONS = 6
OF_EACH_FAMILY = 5
FURNITURE_GROUP = "real furniture"
# How many of each class, of the test split.
FURNITURE = {"chair": 4, "table": 3, "lamp": 2, "sofa": 2, "vessel": 2}


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and build the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="a folder, emptied if the page was built there")
    parser.add_argument("--model", default="shapes", help="name of a shipped model, or its file")
    parser.add_argument(
        "--graphs", type=Path, help="a folder of `pcvae export`; default: export now"
    )
    parser.add_argument("--precision", default="float16", choices=["float16", "float32"])
    parser.add_argument(
        "--packages", type=Path, help="a folder of npm's tarballs; default: a cache, filled by npm"
    )
    parser.add_argument("--home", default="", help="where the link to the course leads")
    options = parser.parse_args(arguments)
    build(**vars(options))


def build(
    out: Path,
    model: str = "shapes",
    graphs: Path | None = None,
    precision: str = "float16",
    packages: Path | None = None,
    home: str = "",
) -> None:
    """Write the page to a folder.

    Args:
        out: the folder; whatever an earlier build left there is replaced.
        model: name or file of the model.
        graphs: a folder that `pcvae export` wrote; by default the model is exported now.
        precision: of exported weights.
        packages: a folder with the tarballs of PACKAGES; what it lacks, npm is asked for. By
            default it is the user's cache.
        home: where the page's link to the course leads; none by default.

    Raises:
        RuntimeError: npm is missing, or brought something else.
        FileExistsError: the folder holds other things.
    """
    if out.exists() and any(out.iterdir()) and not (out / "worker.js").is_file():
        raise FileExistsError(f"{out} holds other things; name a new or an empty folder.")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(PAGE, out)
    shutil.copy(RENDERER, out)
    name_modules(out / "index.html")
    copy_packages(out / "runtime", packages or cache_folder())
    if graphs is None:
        command = [sys.executable, "-m", "pcvae", "export", model, "--out", str(out / "model")]
        subprocess.run([*command, "--precision", precision], check=True)
    else:
        shutil.copytree(graphs, out / "model")
    write_data(out, pcvae.load(model), model, home=home)


def name_modules(page: Path) -> None:
    """Name all modules in the page's head, so that they come at once, not one by one."""
    names = sorted({path.name for path in page.parent.glob("*.js")} - OF_WORKER)
    links = "\n".join(f'<link rel="modulepreload" href="{name}">' for name in names)
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("<!-- modules -->", links), encoding="utf-8")


def copy_packages(out: Path, kept: Path) -> None:
    """Copy what the page needs of PACKAGES; WebAssembly is compressed, to a third or less."""
    out.mkdir(parents=True)
    for package, (sha512, wanted) in PACKAGES.items():
        with tarfile.open(packed(package, sha512, kept)) as archive:
            for path in wanted:
                with archive.extractfile(f"package/{path}") as part:
                    content, name = part.read(), Path(path).name
                if name.endswith(".wasm"):
                    # Not ".gz", which some servers say of that browsers are to open it.
                    content, name = gzip.compress(content, mtime=0), f"{name}.gzip"
                elif name == "LICENSE":
                    name = f"{package.partition('@')[0]}-{name}"
                (out / name).write_bytes(content)


def packed(package: str, sha512: str, kept: Path) -> Path:
    """Return npm's tarball of a package, which is asked for once and kept in a folder.

    Raises:
        RuntimeError: npm is missing, cannot get it, or brought something else.
    """
    path = kept / f"{package.replace('@', '-')}.tgz"
    if not path.is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(f"npm is needed once, to get {package} (or name it by --packages).")
        with tempfile.TemporaryDirectory() as folder:
            command = [npm, "pack", package, "--pack-destination", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found = next(Path(folder).glob("*.tgz"), None)
            if found is None:
                raise RuntimeError(f"npm could not get {package}: {done.stderr.strip()[-300:]}")
            kept.mkdir(parents=True, exist_ok=True)
            shutil.move(found, path)
    found = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if found != sha512:
        raise RuntimeError(f"{path} is not {package}: its SHA-512 is {found}. Delete it.")
    return path


class Arrays:
    """Arrays one behind the other in one file, and what the page has to know to find them."""

    def __init__(self) -> None:
        self.content = bytearray()

    def add(self, values: np.ndarray, kind: str = "float32") -> dict:
        """Append numbers, and return where they are.

        Args:
            values: finite numbers.
            kind: "float32", or "int16" for numbers that may be rounded to 1/32767 of the largest.
        """
        values = np.asarray(values, dtype=np.float32)
        where = {"kind": kind, "offset": len(self.content), "length": values.size}
        if kind == "int16":
            where["step"] = max(float(np.abs(values).max()), 1e-12) / 32767
            values = np.rint(values / where["step"])
        self.content += values.astype(np.dtype(kind).newbyteorder("<")).tobytes()
        self.content += bytes(-len(self.content) % 4)
        return where


def write_data(out: Path, model: PointCloudVAE, name: str, **more: object) -> None:
    """Write data.json and data.bin: shapes, families with their directions, and constants.

    To trace shapes back to their noise takes most of a minute, so both are kept in the user's cache
    for as long as neither the model nor the code has changed.
    """
    kept = cache_folder() / f"live-page-{fingerprint(model)}.npz"
    if not kept.is_file():
        data, content = collected(model)
        text = np.frombuffer(json.dumps(data, allow_nan=False).encode(), np.uint8)
        with atomic_path(kept) as path, path.open("wb") as file:
            np.savez(file, text=text, content=np.frombuffer(content, np.uint8))
    with np.load(kept) as found:
        data = {"model": name, **more, **json.loads(found["text"].tobytes())}
        (out / "data.bin").write_bytes(found["content"].tobytes())
    (out / "data.json").write_text(json.dumps(data, separators=(",", ":")))
    write_attribution(out, data["shapes"])


def fingerprint(model: PointCloudVAE) -> str:
    """Return a word that is another one if the model, this script or the package is."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(Path(pcvae.__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    for name, values in model.state_dict().items():
        found.update(name.encode() + values.numpy().tobytes())
    return found.hexdigest()[:20]


def collected(model: PointCloudVAE) -> tuple[dict, bytes]:
    """Work out what the page has to know, and the arrays it refers to."""
    arrays = Arrays()
    reference = generate(tuple(families()), **REFERENCE)
    directions = editing.find_directions(model, reference.points, NUM_DIRECTIONS)
    data = {
        "reference": {"families": list(families()), **REFERENCE},
        "shapes": [*shapes_of(arrays, model, reference), *furniture_of(arrays, model)],
        "families": [family_of(arrays, model, reference, family) for family in families()],
        "directions": {
            "basis": arrays.add(directions.basis.numpy()),
            "deviations": directions.deviations.tolist(),
            "shares": directions.variance_share.tolist(),
        },
        "kinds": kinds_of(arrays, model, reference),
    }
    return data, bytes(arrays.content)


def shapes_of(arrays: Arrays, model: PointCloudVAE, reference: CloudSet) -> Iterable[dict]:
    """Return the first reference shapes of each family, whose factors are known."""
    count = len(families())
    for first, family in enumerate(families()):
        for row in range(first, first + OF_EACH_FAMILY * count, count):
            prefix = f"{family}/"
            factors = {
                name.removeprefix(prefix): float(values[row])
                for name, values in reference.factors.items()
                if name.startswith(prefix) and np.isfinite(values[row])
            }
            yield {
                "key": f"{family}-{row // count + 1}",
                "group": f"{family}s",
                "name": f"{family} {row // count + 1}",
                "family": family,
                "factors": factors,
                "code": f"shapes.points[{row}]",
                **latents_of(arrays, model, reference.points[row]),
            }


def furniture_of(arrays: Arrays, model: PointCloudVAE) -> Iterable[dict]:
    """Return some of the real furniture; no model of procedural shapes was trained on it."""
    furniture, credits = load_furniture("test"), {row["id"]: row for row in attribution()}
    for kind, count in FURNITURE.items():
        for row in np.flatnonzero(np.array(furniture.classes) == kind)[:count].tolist():
            credit = credits[furniture.ids[row]]
            yield {
                "key": furniture.ids[row],
                "group": FURNITURE_GROUP,
                "name": credit["name"],
                "credit": f"{credit['attribution']}, {credit['license']}",
                "family": kind if kind in families() else "",
                "code": f'load_furniture("test").points[{row}]',
                **latents_of(arrays, model, furniture.points[row]),
            }


def attribution() -> list[dict[str, str]]:
    """Return who made each of the real shapes, and under which license."""
    with (data_folder() / ATTRIBUTION_FILE).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_attribution(out: Path, shapes: list[dict]) -> None:
    """Write the rows of the shapes that are passed on; their licenses ask for that."""
    used = {shape["key"] for shape in shapes if shape["group"] == FURNITURE_GROUP}
    rows = [row for row in attribution() if row["id"] in used]
    with (out / ATTRIBUTION_FILE).open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


def latents_of(arrays: Arrays, model: PointCloudVAE, points: np.ndarray) -> dict:
    """Return a cloud with its z and the noise that the prior makes its h from."""
    state = editing.encode(model, np.array(points, dtype=np.float32))
    return {
        "points": arrays.add(points, "int16"),
        "z": arrays.add(state.z.numpy()),
        "noise": arrays.add(state.flow_noise.numpy(), "int16"),
    }


def family_of(arrays: Arrays, model: PointCloudVAE, reference: CloudSet, name: str) -> dict:
    """Return a family's factors, and what z does when they change."""
    found = editing.find_factors(model, reference.points, reference.factors, name)
    curve = found.curve
    return {
        "name": name,
        "factors": [asdict(factor) for factor in found.family.factors],
        "measured": found.family.measured,
        "names": found.names,
        "mean": found.mean.tolist(),
        "explained": found.explained,
        "curve": {
            "weights": arrays.add(curve.weights.numpy(), "int16"),
            "spread": arrays.add(curve.spread.numpy()),
            "styleMean": arrays.add(curve.style_mean.numpy()),
            "readout": arrays.add(curve.readout.numpy()),
            "limits": arrays.add(curve.limits.numpy()),
        },
    }


def kinds_of(arrays: Arrays, model: PointCloudVAE, reference: CloudSet) -> dict:
    """Return linear functions of z, one a family, the largest of which says what z looks like."""
    names = list(families())
    means = style_means(model, some_clouds(reference.points, np.arange(len(reference)), 512))
    wanted = (np.array(reference.classes)[:, None] == np.array(names)).astype(float)
    middle = means.mean(axis=0)
    weights = ridge(means - middle, wanted - wanted.mean(axis=0), 1e-2)
    bias = wanted.mean(axis=0) - middle @ weights
    return {"names": names, "weights": arrays.add(weights), "bias": arrays.add(bias)}


if __name__ == "__main__":
    main()
