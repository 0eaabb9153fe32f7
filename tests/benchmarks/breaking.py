"""Break it on purpose: kill -9, a full disk, a read-only place, two runs in one folder.

    python tests/benchmarks/breaking.py --moments 20

After each, what was to be written is whole or absent, and the same command ends well (a training by
--resume, if there is a checkpoint). Where a command cannot do its work, it says why in one line and
ends with status 2. Prints the table that CONTRIBUTING.md holds. The full disk and the read-only
place are small file systems of their own, which only root can mount; others leave them out.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh

import pcvae

TINY = "--num_points 32 --width 8 --style_dim 4 --style_widths 8,8,8 --encoder_depth 1"
TINY += " --decoder_depth 1 --progress false"


# File systems to be mounted, by what is wrong with them.
PLACES = {"a full disk": "size=64k", "a disk that fills up": "size=20k", "a read-only place": "ro"}


class Command(NamedTuple):
    """One command of the command line.

    Attributes:
        words: what is typed; OUT is what it writes.
        opens: raises unless the file that it wrote is whole.
        out: the file, below the place of the attempt.
    """

    words: str
    opens: Callable[[Path], object]
    out: str


def whole_set(path: Path) -> None:
    """Open a set of clouds."""
    with np.load(path, allow_pickle=False) as archive:
        assert np.isfinite(archive["points"]).all()


COMMANDS = {
    "train": Command(
        f"train --data {{data}}/set.npz {TINY} --max_epochs 12 --out {{out}}/run",
        pcvae.load,
        "run/model.safetensors",
    ),
    "prepare": Command(
        "prepare meshes {data}/folder --out {out}/prepared.npz", whole_set, "prepared.npz"
    ),
    "sample": Command(
        "sample {data}/model.safetensors --count 40 --points 64 --progress false "
        "--out {out}/new.npz",
        whole_set,
        "new.npz",
    ),
    "sample as .ply files": Command(
        "sample {data}/model.safetensors --count 200 --points 64 --progress false "
        "--out {out}/new.ply",
        trimesh.load,
        "new-0199.ply",
    ),
    "evaluate": Command(
        "evaluate {data}/model.safetensors --data {data}/set.npz --count 6 --points 32 --splits 2 "
        "--emd false --progress false --out {out}/scores.json",
        lambda path: json.loads(path.read_text()),
        "scores.json",
    ),
}


def start(words: list[str], cache: Path) -> subprocess.Popen:
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "pcvae", *words],
        env={**os.environ, "PCVAE_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(words: list[str], cache: Path) -> tuple[int, str]:
    """Run a command to its end; return its status and what it said on stderr."""
    process = start(words, cache)
    _, said = process.communicate()
    return process.returncode, said


def words_of(command: Command, data: Path, out: Path) -> list[str]:
    """Return a command's words; a training whose checkpoint is there goes on with it."""
    words = command.words.format(data=data, out=out).split()
    if words[0] == "train" and (out / "run" / "last.ckpt").exists():
        words += ["--resume", str(out / "run")]
    return words


def make_data(folder: Path) -> None:
    """Write a set of clouds, a folder of point files, and a model trained on the set."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 64, 3)).astype(np.float32)
    np.savez(folder / "set.npz", points=points)
    (folder / "folder").mkdir()
    for index, cloud in enumerate(points):
        np.savetxt(folder / "folder" / f"{index}.xyz", cloud)
    words = f"train --data {folder}/set.npz {TINY} --max_epochs 1 --prior true --out {folder}/run"
    status, said = ended(words.split(), folder / "cache")
    assert status == 0, said
    shutil.copy(folder / "run" / "model.safetensors", folder)


def killed(name: str, data: Path, moments: int, chance: random.Random) -> str:
    """Kill a command at random moments, let it go on, and return a line of the table."""
    command, faults, before = COMMANDS[name], [], 0
    began = time.monotonic()
    with place() as out:
        status, said = ended(words_of(command, data, out), out / "cache")
        assert status == 0, said
    usual = time.monotonic() - began
    for _ in range(moments):
        with place() as out:
            process = start(words_of(command, data, out), out / "cache")
            time.sleep(chance.uniform(0.1, 0.95) * usual)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.communicate()
            written = out / command.out
            before += written.exists()
            faults += unsound(command, written, "after the kill") if written.exists() else []
            status, said = ended(words_of(command, data, out), out / "cache")
            faults += [f"then status {status}: {said.strip()}"] if status else []
            faults += unsound(command, written, "at the end")
    return row(f"`kill -9` of {name} at {moments} moments", faults, f"{before} had been through")


def unsound(command: Command, path: Path, when: str) -> list[str]:
    """Say what is wrong with a file, if something is."""
    try:
        command.opens(path)
    except Exception as error:  # whatever it is, the file is not whole
        return [f"{path.name} {when}: {error}"]
    return []


def refused(what: str, name: str, data: Path, out: Path) -> str:
    """Run a command where it cannot write, and return a line of the table."""
    command = COMMANDS[name]
    status, said = ended(words_of(command, data, out), data / "cache")
    written = out / command.out
    lines = [line for line in said.splitlines() if line.startswith("pcvae:")]
    fits = status == 0 and written.exists()  # a small file, on a disk that only fills up
    faults = [] if status == 2 or fits else [f"status {status}"]
    faults += ["a traceback"] if "Traceback" in said else []
    faults += unsound(command, written, "half") if written.exists() else []
    faults += [] if len(lines) == (not fits) else [f"{len(lines)} lines"]
    return row(f"{name}: {what}", faults, " ".join(lines).replace(str(out), "PLACE") or "it fits")


def two_runs(data: Path) -> str:
    """Start a training in the folder of one that runs, and return a line of the table."""
    with place() as out:
        words = words_of(COMMANDS["train"], data, out)
        first = start([*words, "--max_epochs", "4000"], out / "cache")
        while not (out / "run" / "config.json").exists() and first.poll() is None:
            time.sleep(0.1)
        status, said = ended(words, out / "cache")
        os.killpg(first.pid, 9)
        first.communicate()
    faults = [] if status == 2 and "Traceback" not in said else [f"status {status}: {said}"]
    return row("two trainings in one folder", faults, "the second is refused")


def fill(folder: Path) -> None:
    """Leave no room in a file system, but for the blocks that are begun."""
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(1024)):
            pass


def row(what: str, faults: list[str], note: str) -> str:
    """Return a line of the table."""
    return f"| {what} | {'; '.join(faults) if faults else 'well'} | {note} |"


@contextlib.contextmanager
def place(options: str = "") -> Iterator[Path]:
    """Give an empty folder; with options, a small file system of its own, mounted there."""
    folder = Path(tempfile.mkdtemp())
    try:
        if options:
            mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
            subprocess.run(mount, check=True, capture_output=True)
        yield folder
    finally:
        if options:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=20, help="kills of each command")
    options = parser.parse_args()
    print("| what was done | how it ended | |\n| --- | --- | --- |")
    with place() as data:
        make_data(data)
        for name in COMMANDS:
            print(killed(name, data, options.moments, random.Random(0)), flush=True)
        print(two_runs(data), flush=True)
        for what, flags in PLACES.items():
            for name in COMMANDS:
                try:
                    with place(flags) as out:
                        if what == "a full disk":
                            fill(out)
                        print(refused(what, name, data, out), flush=True)
                except subprocess.CalledProcessError:
                    print(f"| {name}: {what} | not tried | only root can mount it |", flush=True)


if __name__ == "__main__":
    main()
