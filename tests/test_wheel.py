"""The package installed without its repository: what it ships comes along, and is found."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pcvae import files

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("pcvae", "data", "pyproject.toml", "setup.py", "README.md", "LICENSE")
SDIST = "import setuptools.build_meta as backend; backend.build_sdist('dist')"
USED = """
import sys
from pathlib import Path
import pcvae
from pcvae import checkpoints
from pcvae.data import load_furniture
from pcvae.exercises.installation import FILES, check_file
from pcvae.explore import explore

unpacked = Path(sys.argv[1])
assert Path(pcvae.__file__).is_relative_to(unpacked), pcvae.__file__
assert checkpoints.SHIPPED.is_relative_to(unpacked), checkpoints.SHIPPED
assert sys.argv[2:] == checkpoints.shipped(), checkpoints.shipped()
assert all(pcvae.load(name).training is False for name in checkpoints.shipped())
assert len(load_furniture()) == 203
assert not any(check_file(name).fix for name in FILES)
assert (checkpoints.SHIPPED.parent / "comparisons" / "waking.json").is_file()  # as chapters do
explore(pcvae.load("one_shot"), load_furniture("test", "chair"))
"""
COMMANDS = (
    "train --batch_size 8 --num_points 64 --max_epochs 2 --max_steps 4 --out run",
    "sample shapes --count 2 --points 128 --out two.npz",
)


def run(*words: str | Path, where: Path, **variables: str) -> str:
    environment = os.environ | variables
    answer = subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    """The wheel of a source distribution of a copy of the repository, unpacked."""
    for tool in ("pip", "setuptools"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"there is no {tool} here to build a wheel with")
    copy, wheel = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy)
    run(sys.executable, "-c", SDIST, where=copy)
    (sdist,) = (copy / "dist").iterdir()
    offline = ("--no-deps", "--no-build-isolation", "--no-index")
    run(sys.executable, "-m", "pip", "wheel", *offline, sdist, where=wheel)
    (path,) = wheel.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(wheel / "unpacked")
    return wheel / "unpacked"


@pytest.mark.slow
def test_a_wheel_loads_samples_trains_and_explores_without_a_clone(unpacked, tmp_path):
    # Before the environment's own packages, among which this clone may be.
    path = os.pathsep.join([str(unpacked), os.environ.get("PYTHONPATH", "")])
    names = [path.stem for path in sorted((ROOT / "data/checkpoints").glob("*.safetensors"))]
    run(sys.executable, "-c", USED, unpacked, *names, where=tmp_path, PYTHONPATH=path)
    for words in map(str.split, COMMANDS):
        run(sys.executable, "-m", "pcvae", *words, where=tmp_path, PYTHONPATH=path)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "two.npz"}
    assert (tmp_path / "run" / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_wheel_has_who_made_the_furniture_and_not_what_made_the_file(unpacked):
    shipped = unpacked / "pcvae" / "shipped"
    for name in ("ATTRIBUTION.csv", "README.md"):
        assert (shipped / name).read_bytes() == (ROOT / "data" / name).read_bytes()
    assert not list(shipped.rglob("*.py"))


def test_a_clone_has_them_beside_the_package_and_a_wheel_inside(tmp_path, monkeypatch):
    assert files.shipped_folder() == ROOT / "data"
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "pcvae")
    assert files.shipped_folder() == tmp_path / "data"
    (tmp_path / "pcvae" / "shipped").mkdir(parents=True)
    assert files.shipped_folder() == tmp_path / "pcvae" / "shipped"
