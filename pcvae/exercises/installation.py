"""Is everything here that the course needs? It names what to fix, and how."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from pcvae.files import shipped_folder

FILES = ("furniture.npz", "checkpoints/furniture.safetensors")
REPAIR = "in the folder of the course run `make lab`, which installs what is missing"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        found: what was found, such as a version.
        fix: what to do about it; empty if nothing.
    """

    name: str
    found: str
    fix: str = ""

    def __str__(self) -> str:
        """Return a line for the reader."""
        line = f"{'FIX ' if self.fix else 'ok  '} {self.name:<20} {self.found}"
        return f"{line}\n     -> {self.fix}" if self.fix else line


def check_package(line: str) -> Check:
    """Compare an installed package with a requirement.

    Args:
        line: a requirement as in pyproject.toml, such as "torch>=2.6,<3".
    """
    requirement = Requirement(line)
    wanted = f"{requirement.name} {requirement.specifier}"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Check(requirement.name, "is not installed", f"The course needs {wanted}: {REPAIR}.")
    if requirement.specifier.contains(version, prereleases=True):
        return Check(requirement.name, version)
    return Check(requirement.name, version, f"The course needs {wanted}: {REPAIR}.")


def check_file(name: str) -> Check:
    """See whether a file that comes with the course is there."""
    path = shipped_folder() / name
    if path.is_file():
        return Check(path.name, f"{path.stat().st_size / 1e6:.1f} MB")
    fix = f"Restore it: `git checkout -- data/{name}` in a clone; a wheel is to be installed anew."
    return Check(path.name, "is not there", fix)


def check_python(version: Sequence[int] = sys.version_info) -> Check:
    """See whether Python is new enough."""
    found = ".".join(str(part) for part in version[:3])
    fix = "" if tuple(version[:2]) >= (3, 11) else "The course needs Python 3.11 or newer."
    return Check("Python", found, fix)


def check_fonts() -> Check:
    """See whether matplotlib's list of fonts names its own font, and a file that is there.

    A list that was left by an environment that is gone does not: every figure warns then.
    """
    import matplotlib  # takes a second
    from matplotlib import font_manager

    name = matplotlib.rcParamsDefault["font.sans-serif"][0]
    try:
        font_manager.fontManager.findfont(name, fallback_to_default=False, rebuild_if_missing=False)
    except ValueError:
        lists = Path(matplotlib.get_cachedir()) / "fontlist-*.json"
        fix = f"Delete {lists} and start the kernel again: matplotlib then looks for fonts anew."
        return Check("fonts of figures", f"{name} is not found", fix)
    return Check("fonts of figures", name)


def check_all() -> list[Check]:
    """Look at Python, at every package that pyproject.toml asks for, at fonts and at the data."""
    lines = [line for line in metadata.requires("pcvae") or [] if "extra ==" not in line]
    files = [check_file(name) for name in FILES]
    return [check_python(), *(check_package(line) for line in lines), check_fonts(), *files]


def check_installation() -> None:
    """Print all checks, and what they come to."""
    checks = check_all()
    print(*checks, sep="\n")
    wrong = sum(bool(check.fix) for check in checks)
    print(f"\n{wrong} to fix." if wrong else "\nEverything is in place.")
