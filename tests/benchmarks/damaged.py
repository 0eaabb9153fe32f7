"""Damaged files of many kinds, through every command and loader that reads such files.

    python tests/benchmarks/damaged.py

Each file is damaged in each way that fits it, and given to what reads it: alone, and, for shapes,
beside good ones. What is right: status 2 with one line that names the file, or, beside good ones,
a warning that names it. No traceback, nothing unpickled, nothing written elsewhere, and no memory
for what a header only claims: each attempt may take 2 GiB. Prints the table that CONTRIBUTING.md
holds, and what was wrong. Numbers that are other numbers now, in formats without checksums, nobody
can tell from good ones; they are counted as read. The same seed damages the same bytes.
"""

import argparse
import contextlib
import gzip
import io
import itertools
import os
import pickle
import re
import resource
import shutil
import signal
import struct
import sys
import tempfile
import traceback
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import trimesh

import pcvae
import pcvae.explore
import pcvae.training
from pcvae.commands import main
from pcvae.data import open_folder, open_splits, read_clouds, read_shape

TINY = "--num_points 32 --width 8 --style_dim 4 --style_widths 8,8,8 --encoder_depth 1"
TINY += " --decoder_depth 1 --progress false --max_steps 1"
MEMORY, SECONDS = 2**31, 60
TEN_GIGABYTES = 10 * 2**30
SIGNS = ("escaped", "unpickled")  # names of files that must not be there in the end
PAGE = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12345\n" % 0
PNG = b"\x89PNG\r\n\x1a\n"
FOLDERS = ("alone", "beside")


class Trap:
    """What leaves a file behind if it is unpickled."""

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        """Tell pickle what to call."""
        return os.mkdir, (os.environ["TRAP"],)


# Good files


def good_files(folder: Path) -> dict[str, bytes]:
    """Return what good files hold: shapes, sets of clouds, and what a training left."""
    mesh = trimesh.creation.icosphere(subdivisions=1)
    points = np.random.default_rng(0).normal(size=(30, 64, 3)).astype(np.float32)
    rows = ["{:.5f} {:.5f} {:.5f}".format(*point) for point in points[0]]
    pcd = "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 64\nHEIGHT 1\nPOINTS 64\nDATA "
    files = {
        f"shape.{kind}": mesh.export(file_type=kind) for kind in ("obj", "off", "ply", "stl", "glb")
    }
    files |= {
        "text.ply": mesh.export(file_type="ply", encoding="ascii"),
        "text.stl": mesh.export(file_type="stl_ascii"),
        "shape.npy": array_bytes(points[0]),
        "shape.npz": archive_bytes({"points": array_bytes(points[0])}),
        "shape.xyz": "\n".join(["64", *rows, ""]),
        "shape.csv": "\n".join(["x,y,z", *(row.replace(" ", ",") for row in rows), ""]),
        "text.pcd": pcd + "\n".join(["ascii", *rows, ""]),
        "shape.pcd": f"{pcd}binary\n".encode() + points[0].tobytes(),
        "set.npy": array_bytes(points),
        "set.npz": archive_bytes({"points": array_bytes(points)}),
    }
    (folder / "set.npz").write_bytes(files["set.npz"])
    words = f"train --data {folder}/set.npz {TINY} --prior true --out {folder}/run"
    status, said = attempt(lambda: main(words.split()), folder)
    assert status == 0, said
    for name in ("config.json", "last.ckpt", "model.safetensors"):
        files[name] = (folder / "run" / name).read_bytes()
    return {n: c if isinstance(c, bytes) else c.encode() for n, c in files.items()}


def array_bytes(array: np.ndarray) -> bytes:
    """Return a .npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archive_bytes(members: dict[str, bytes]) -> bytes:
    """Return a .npz file of .npy files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


# Ways to damage them: each takes a file's name and content, and returns another content, or
# nothing where it does not fit

Damage = Callable[[str, bytes, np.random.Generator], bytes | None]


def cut(name: str, content: bytes, rng: np.random.Generator) -> bytes:
    """Cut a file somewhere."""
    return content[: rng.integers(1, len(content) * 9 // 10)]


def cut_at_the_end(name: str, content: bytes, rng: np.random.Generator) -> bytes:
    """Take a few bytes from the end."""
    return content[: -int(rng.integers(12, 20))]


def cut_in_the_middle(name: str, content: bytes, rng: np.random.Generator) -> bytes:
    """Take some bytes from the middle."""
    return content[: len(content) // 2] + content[len(content) // 2 + int(rng.integers(5, 50)) :]


def flip(content: bytes, places: Iterable[int], rng: np.random.Generator) -> bytes:
    """Change bytes at some places."""
    changed = bytearray(content)
    for place in places:
        changed[place] ^= int(rng.integers(1, 256))
    return bytes(changed)


def flipped(name: str, content: bytes, rng: np.random.Generator) -> bytes:
    """Change one byte in a hundred."""
    return flip(content, rng.integers(len(content), size=1 + len(content) // 100), rng)


def flipped_head(name: str, content: bytes, rng: np.random.Generator) -> bytes:
    """Change four bytes among the first hundred."""
    return flip(content, rng.integers(min(100, len(content)), size=4), rng)


def counted(change: Callable[[int], int]) -> Damage:
    """Let headers claim other numbers than there are."""

    def damage(name: str, content: bytes, rng: np.random.Generator) -> bytes | None:
        kind = name.rpartition(".")[2]
        if name in ("shape.npz", "set.npz"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                array = archive.read("points.npy")
            return archive_bytes({"points": claim(array, rb"'shape': \((\d+)", change)})
        if name == "shape.stl":
            (count,) = struct.unpack_from("<I", content, 80)
            return content[:80] + struct.pack("<I", change(count) % 2**32) + content[84:]
        if name == "model.safetensors":
            return claim(content, rb'"shape":\[(\d+)', change)
        pattern = {
            "npy": rb"'shape': \((\d+)",
            "off": rb"OFF\s+(\d+)",
            "obj": rb"\nf (\d+)",
            "ply": rb"element vertex (\d+)",
            "glb": rb'"count":(\d+)',
            "xyz": rb"(\d+)\n",
            "pcd": rb"POINTS (\d+)",
            "json": rb'"width": (\d+)',
        }.get(kind)
        return claim(content, pattern, change) if pattern else None

    return damage


def claim(content: bytes, pattern: bytes, change: Callable[[int], int]) -> bytes:
    """Change the first number that fits a pattern, and the lengths that stand before it."""
    found = re.search(pattern, content)
    start, end = found.span(1)
    number = str(change(int(found[1]))).encode()
    changed = content[:start] + number + content[end:]
    longer = len(number) - (end - start)
    if content.startswith(b"\x93NUMPY"):  # its header is filled up with blanks
        header = changed[10 : 10 + int.from_bytes(content[8:10], "little") + longer]
        header = header.rstrip(b" \n").ljust(len(header) - longer - 1)[: len(header) - longer - 1]
        return content[:10] + header + b"\n" + content[10 + len(header) + 1 :]
    if content.startswith(b"glTF"):
        size = int.from_bytes(content[12:16], "little") + longer
        length = int.from_bytes(content[8:12], "little") + longer
        return changed[:8] + struct.pack("<II", length, size) + changed[16:]
    if changed[8:9] == b"{":  # safetensors
        return struct.pack("<Q", struct.unpack("<Q", content[:8])[0] + longer) + changed[8:]
    return changed


def pickled(name: str, content: bytes, rng: np.random.Generator) -> bytes:
    """Put Python objects that would run a command into a file."""
    if name.endswith((".npy", ".npz")):
        array = io.BytesIO()
        np.save(array, np.array([Trap()] * 4, dtype=object), allow_pickle=True)
        points = array.getvalue()
        return points if name.endswith(".npy") else archive_bytes({"points": points})
    if name.endswith((".ckpt", ".safetensors")):
        file = io.BytesIO()
        torch.save({"state_dict": Trap(), "schedule_steps": 1, "epoch": 0}, file)
        return file.getvalue()
    return pickle.dumps(Trap())


def climbing(name: str, content: bytes, rng: np.random.Generator) -> bytes:
    """Make a zip file whose members would lie elsewhere."""
    array = array_bytes(np.zeros((64, 3)))
    return archive_bytes({"../../escaped": array, "/tmp/escaped": array, "..\\escaped": array})


def bomb(name: str, content: bytes, rng: np.random.Generator) -> bytes | None:
    """Make a small zip file of an array that really has ten gigabytes."""
    if not name.endswith((".npz", ".npy", ".ckpt")):
        return None
    blocks = 768 * 13  # of 2^20 bytes, which make whole clouds of 64 points: 10.5 GB in all
    shape = (blocks * 2**20 // 768, 64, 3) if name.startswith("set") else (blocks * 2**20 // 12, 3)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = squeeze.compress(header.getvalue()) + squeeze.flush(zlib.Z_FULL_FLUSH)
    block = squeeze.compress(bytes(2**20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    body += block * blocks + squeeze.flush()
    size = len(header.getvalue()) + blocks * 2**20
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 8, 0, 0, 0, 2**32 - 1, 2**32 - 1, 10, 20)
    sizes = struct.pack("<HHQQ", 1, 16, size, len(body))
    local += b"points.npy" + sizes + body
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 8, 0, 0, 0, 2**32 - 1, 2**32 - 1, 10, 20, 0, 0, 0, 0, 0
    )
    entry += b"points.npy" + sizes
    return local + entry + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local), 0)


def magic(name: str, content: bytes, rng: np.random.Generator) -> bytes:
    """Let a file begin as pictures do."""
    return PNG + content[len(PNG) :]


def nested(name: str, content: bytes, rng: np.random.Generator) -> bytes | None:
    """Nest a description a hundred thousand deep."""
    deep = b"[" * 100_000 + b"]" * 100_000
    if name.endswith(".json"):
        return b'{"width": ' + deep + b"}"
    if name.endswith(".glb"):
        deep = b'{"asset": ' + deep + b"}"
        return b"glTF" + struct.pack("<4I", 2, 20 + len(deep), len(deep), 0x4E4F534A) + deep
    if name.endswith(".safetensors"):
        deep = b'{"__metadata__": ' + deep + b"}"
        return struct.pack("<Q", len(deep)) + deep
    if name.endswith(".npy"):
        deep = b"{'shape': " + deep.replace(b"[", b"(").replace(b"]", b")")[70_000:130_000] + b"}"
        return b"\x93NUMPY\1\0" + struct.pack("<H", len(deep)) + deep
    return None


def not_numbers(name: str, content: bytes, rng: np.random.Generator) -> bytes | None:
    """Put NaN or infinity among the numbers."""
    if name.endswith((".npy", ".pcd")) and name.startswith(("shape", "set")):
        return content[:-24] + np.array([np.nan, np.inf] * 3, "<f4").tobytes()
    if name in ("shape.npz", "set.npz"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            array = archive.read("points.npy")
        return archive_bytes({"points": array[:-24] + np.full(6, np.inf, "<f4").tobytes()})
    if name == "model.safetensors":
        return content[:-400] + np.full(100, np.nan, "<f4").tobytes()
    found = list(re.finditer(rb"\d\.\d{3,}", content)) if name != "last.ckpt" else []
    if not found or b"\0" in content:
        return None
    start, end = found[len(found) // 2].span()
    return content[:start] + b"1e999" + content[end:]


def whole(content: bytes) -> Damage:
    """Put something else in place of a file."""
    return lambda *_: content


BOMB = "a zip of 10 GB in 10 MB"
DAMAGES: dict[str, Damage] = {
    "cut somewhere": cut,
    "cut at the end": cut_at_the_end,
    "some bytes lost in the middle": cut_in_the_middle,
    "bytes flipped": flipped,
    "bytes of the head flipped": flipped_head,
    "a count too high": counted(lambda count: count + 1000),
    "a count too low": counted(lambda count: count - 5),
    "a negative count": counted(lambda count: -count),
    "a claim of 10 GB": counted(lambda count: TEN_GIGABYTES // 12),
    "a claim of 2^62": counted(lambda count: 2**62),
    "pickled objects": pickled,
    "a zip of `../` names": climbing,
    BOMB: bomb,
    "another magic": magic,
    "empty": whole(b""),
    "a page of text": whole(PAGE),
    "compressed by gzip": lambda name, content, rng: gzip.compress(content),
    "zeros": lambda name, content, rng: bytes(len(content)),
    "zeros in its second half": lambda name, content, rng: (
        content[: len(content) // 2] + bytes(len(content) - len(content) // 2)
    ),
    "noise": lambda name, content, rng: rng.bytes(len(content)),
    "a pointer of Git LFS": whole(POINTER),
    "nested too deep": nested,
    "NaN and infinity": not_numbers,
}
# Ways after which a file may hold other numbers, and nobody can tell.
ANY_NUMBERS = {"bytes flipped", "bytes of the head flipped", "zeros in its second half"}
# So may text that lost some of its digits, and text that does not say how long it is.
TEXT = ("shape.obj", "shape.off", "shape.xyz", "shape.csv", "text.ply", "text.stl", "text.pcd")
# What a training says of one shape alone.
TOO_FEW = "expected training shapes"


# What reads them


class Way(NamedTuple):
    """One way to read a file.

    Attributes:
        name: for messages.
        run: does it, and returns a status.
        beside: whether there are good files beside, so that it can go on without this one.
        loader: whether it is a function, whose caller knows which file it read.
    """

    name: str
    run: Callable[[], object]
    beside: bool = False
    loader: bool = False


def ways(name: str, here: Path, good: Path) -> list[Way]:
    """Return all ways to read a file that lies in `here`, and beside good ones in here/beside."""
    if name.startswith(("shape", "text")):
        return ways_of_shapes(name, here)
    path, model = here / name, good / "run" / "model.safetensors"
    sizes = "--count 4 --points 16 --progress false"
    if name.startswith("set"):
        lines = [
            f"train --data {path} {TINY} --out new",
            f"evaluate {model} --data {path} {sizes} --splits 1 --emd false",
            f"diagnose {model} --data {path} --count 4",
        ]
        loaders = [read_clouds, lambda path: open_splits(str(path))]
    elif name == "model.safetensors":
        lines = [
            f"sample {path} {sizes} --out new.npz",
            f"evaluate {path} --data {good}/set.npz {sizes} --splits 1 --emd false",
            f"diagnose {path} --data {good}/set.npz --count 4",
            f"train --data {good}/set.npz {TINY} --start_from {path} --out new",
        ]
        loaders = [pcvae.load]
    else:
        lines = [f"train --resume {here} --max_epochs 3 --max_steps 3"]
        loaders = []
    found = [Way(line.split()[0], partial(main, line.split())) for line in lines]
    return found + [Way("a loader", lambda f=f: f(path) and 0, loader=True) for f in loaders]


def ways_of_shapes(name: str, here: Path) -> list[Way]:
    """Return all ways to read a shape."""
    found = []
    for folder in FOLDERS:
        for line in (
            f"prepare meshes {here / folder} --num_points 32 --out new.npz",
            f"prepare meshes {here / folder} --num_points 32 --strict true --out new.npz",
            f"train --data {here / folder} {TINY} --out new",
        ):
            on = folder == "beside" and "--strict" not in line
            found.append(Way(f"{line.split()[0]} {folder}", partial(main, line.split()), on))
        path = here / folder
        found.append(
            Way(f"open_folder {folder}", lambda path=path: open_folder(path) and 0, on, True)
        )
    words = f"train --data {here / 'alone' / name} {TINY} --out new".split()
    path = here / "alone" / name
    if not path.suffix.startswith(".np"):
        found.append(Way("train --data FILE", partial(main, words)))
    return [*found, Way("read_shape", lambda: read_shape(path) and 0, loader=True)]


def attempt(run: Callable[[], object], folder: Path) -> tuple[int, str]:
    """Run something in a process of its own with little memory; return its status and stderr."""
    said = folder / "stderr"
    child = os.fork()
    if child == 0:
        status = 99
        try:
            with said.open("wb", buffering=0) as file:
                os.dup2(file.fileno(), 2)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.chdir(folder)
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
            signal.alarm(SECONDS)
            status = in_child(run)
        finally:
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    text = said.read_text(errors="replace")
    said.unlink()
    return os.waitstatus_to_exitcode(ended), text


def in_child(run: Callable[[], object]) -> int:
    """Return the status that a command ends with, 2 for the errors that loaders may raise."""
    try:
        return int(run() or 0)
    except SystemExit as error:
        return int(error.code or 0)
    except (ValueError, OSError, MemoryError) as error:
        print("pcvae:", error, *getattr(error, "__notes__", ()), file=sys.stderr)
        return 2
    except BaseException:
        traceback.print_exc()
        return 98


# What is right


def judge(name: str, damage: str, way: Way, status: int, said: str, same: bool) -> tuple[str, str]:
    """Return what came of an attempt in a word, and what is wrong with that."""
    lines = [line for line in said.splitlines() if line.strip() and "shapes:" not in line]
    named = (
        name.rpartition(".")[0] in said or way.loader or (name == "config.json" and "--" in said)
    )
    same = same or damage in ANY_NUMBERS
    same = same or (damage.startswith(("cut", "some")) and name in TEXT)
    if same and TOO_FEW in said:
        return "read", ""
    if "Traceback" in said or status not in (0, 2):
        return "fault", f"status {status}: {lines[-1] if lines else 'nothing said'}"
    if "memory" in said.lower() and damage != BOMB:  # that one has what it claims
        return "fault", f"memory: {lines[-1]}"
    if status == 2:
        refusals = [line for line in lines if line.startswith("pcvae:")]
        wrong = len(refusals) != 1 or lines[-1] != refusals[-1] or not named
        return ("fault", f"one line that names it? {said!r}") if wrong else ("refused", "")
    if way.beside and name in said:
        return "told", ""
    if name in said:
        return "warned", ""
    return ("read", "") if same else ("fault", f"nothing said ({said!r})")


def try_all(only: str = "") -> None:
    """Damage each file in each way, and print what came of it."""
    counts: dict[str, Counter] = {damage: Counter() for damage in DAMAGES}
    faults, files = [], Counter()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        os.environ["TRAP"] = str(root / "unpickled")
        os.environ["PCVAE_CACHE"] = str(root / "cache")
        good = root / "good"
        good.mkdir()
        contents = good_files(good)
        for number, (name, damage) in enumerate(itertools.product(contents, DAMAGES)):
            rng = np.random.default_rng(number)
            content = DAMAGES[damage](name, contents[name], rng)
            if content is None or content == contents[name] or only not in f"{damage} {name}":
                continue
            files[damage] += 1
            here = root / "a" / "b"
            place_files(name, content, contents, here, good)
            same = is_same(here, name, contents)
            for way in ways(name, here, good):
                work = Path(tempfile.mkdtemp(dir=root / "a"))
                status, said = attempt(way.run, work)
                word, wrong = judge(name, damage, way, status, said, same)
                counts[damage][word] += 1
                if wrong:
                    faults.append(f"{damage} | {name} | {way.name} | {wrong}")
                    print(faults[-1], file=sys.stderr, flush=True)
                shutil.rmtree(work)
            shutil.rmtree(here)
        left = [path for path in root.rglob("*") if any(sign in path.name for sign in SIGNS)]
        faults += [f"{path} was made" for path in left]
    print_table(counts, files, faults)


def place_files(
    name: str, content: bytes, contents: dict[str, bytes], here: Path, good: Path
) -> None:
    """Write a damaged file where the ways to read it look for it."""
    here.mkdir(parents=True)
    if name.startswith(("shape", "text")):
        for folder in FOLDERS:
            (here / folder).mkdir()
            (here / folder / name).write_bytes(content)
        for other in ("a.off", "b.off", "c.off", "d.off"):
            (here / "beside" / other).write_bytes(contents["shape.off"])
        return
    for other in ("config.json", "last.ckpt") if name in ("config.json", "last.ckpt") else ():
        (here / other).write_bytes(contents[other])
    (here / name).write_bytes(content)


def is_same(here: Path, name: str, contents: dict[str, bytes]) -> bool:
    """Tell whether a damaged shape is read as the good one is."""
    if not name.startswith(("shape", "text")):
        return False
    path = here / name
    found = []
    for content in ((here / "alone" / name).read_bytes(), contents[name]):
        path.write_bytes(content)
        try:
            found.append(read_shape(path, warn=False).vertices)
        except Exception:
            return False
    path.unlink()
    return found[0].shape == found[1].shape and np.allclose(*found)


def print_table(counts: dict[str, Counter], files: Counter, faults: list[str]) -> None:
    """Print a line for each kind of damage."""
    words = {"refused": "refused", "told": "left out, named", "warned": "read, with a warning"}
    words |= {"read": "read", "fault": "wrong"}
    print(f"| damage | files | {' | '.join(words.values())} |\n|{' --- |' * (2 + len(words))}")
    for damage, found in counts.items():
        if files[damage]:
            cells = " | ".join(str(found[word]) for word in words)
            print(f"| {damage} | {files[damage]} | {cells} |")
    total = " | ".join(str(sum(c[word] for c in counts.values())) for word in words)
    print(f"| in all | {files.total()} | {total} |")
    print(*faults, sep="\n", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="part of a damage and file, to try that only")
    torch.set_num_threads(1)
    try_all(parser.parse_args().only)
