"""What holds for every test and every notebook: caches and settings of their own, and no network.

It stands here, and not under tests/, because pytest reads it for the notebooks as well, whatever
folder it is started in.
"""

import os
import runpy
import shutil
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
TESTS, NOTEBOOKS = ROOT / "tests", ROOT / "notebooks"
# Where to, in a folder that lives as long as the tests, what would else go to the reader's home.
PLACES = {
    "MPLCONFIGDIR": "matplotlib",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "jupyter/config",
    "JUPYTER_DATA_DIR": "jupyter/data",
    "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
    "PCVAE_CACHE": "pcvae",
}
WORKER = "PYTEST_XDIST_WORKER" in os.environ  # of several; it inherits all but its threads


def set_environment(home: Path) -> None:
    """Say where caches and settings are, to this process and to all that it starts."""
    for name, place in PLACES.items():
        (home / place).mkdir(parents=True)
        os.environ[name] = str(home / place)
    os.environ["PCVAE_PROGRESS"] = "off"  # how far the reader is with the exercises
    # Kernels and commands find sitecustomize.py there, which closes the way out of this machine.
    paths = [str(TESTS / "offline"), os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))


def share_threads() -> None:
    """Give each of several workers its part of the processor: torch would take all of it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = max(1, cores // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))


HOME = None if WORKER else Path(tempfile.mkdtemp(prefix="pcvae-tests-"))
if WORKER:
    share_threads()
else:
    set_environment(HOME)
runpy.run_path(str(TESTS / "offline" / "sitecustomize.py"))


def pytest_configure(config: pytest.Config) -> None:
    """Name nbval's file of patterns by a path that holds in each folder."""
    if config.pluginmanager.hasplugin("nbval"):
        config.option.nbval_sanitize_with = str(TESTS / "nbval_sanitize.cfg")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, notebooks and browser, so that workers end together."""
    first = {NOTEBOOKS: 0, TESTS / "browser": 1}
    items.sort(key=lambda item: first.get(item.path.parent, 2))


def pytest_unconfigure() -> None:
    """Remove the folder of caches and settings."""
    if HOME:
        shutil.rmtree(HOME, ignore_errors=True)
