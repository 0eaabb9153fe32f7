"""What is inside a Debian package, without writing any of it to disk.

Members are read within memory: none can land outside of a folder, whatever its name says.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO


@dataclass(frozen=True)
class Package:
    """One version of one package.

    Attributes:
        name: What apt-get calls it.
        version: Its version.
        sha256: Its digest.
    """

    name: str
    version: str
    sha256: str

    @property
    def how_to_pass_it(self) -> str:
        """What to do on a machine that cannot fetch it."""
        return (
            f"Fetch {self.name} {self.version} on any machine (on Debian: apt-get download "
            f"{self.name}) and pass it with --deb PATH."
        )


def download(package: Package, folder: Path) -> Path:
    """Download a package with apt-get, which checks Debian's signatures.

    Args:
        package: Which one.
        folder: Where to put it.

    Returns:
        The package's path.

    Raises:
        FileNotFoundError: There is no apt-get here, or it could not get the package.
    """
    if shutil.which("apt-get") is None:
        raise FileNotFoundError(f"There is no apt-get on this machine. {package.how_to_pass_it}")
    command = ["apt-get", "download", f"{package.name}={package.version}"]
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = sorted(folder.glob("*.deb"))
    if outcome.returncode != 0 or not found:
        raise FileNotFoundError(
            f"`{' '.join(command)}` failed: {outcome.stderr.strip() or 'it left no package'}\n"
            f"`apt-get update` may help. {package.how_to_pass_it}"
        )
    return found[0]


def check(package: Package, deb: Path) -> None:
    """Hold a file against a package's SHA-256.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is another file than the one this project was made from.
    """
    if not deb.is_file():
        raise FileNotFoundError(f"There is no file {deb}. {package.how_to_pass_it}")
    with deb.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise ValueError(
            f"{deb} is not {package.name} {package.version}: expected SHA-256 {package.sha256}, "
            f"got {found}. It may be another version or a broken download. "
            f"{package.how_to_pass_it}"
        )


def members(deb: Path, suffix: str) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield name and content of each file within a package that ends in a suffix.

    Raises:
        tarfile.TarError: It is no Debian package. Damage shows as other errors too, of the
            decompressors.
    """
    with deb.open("rb") as file:
        _seek_member(file, "data.tar")
        # "r|*" reads on from here and unpacks as it goes: the package need not be held at once.
        with tarfile.open(fileobj=file, mode="r|*") as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                content = archive.extractfile(member) if path.suffix == suffix else None
                if content is not None:  # None: not a regular file
                    yield path, content.read()


def _seek_member(file: BinaryIO, start: str) -> None:
    """Move to the content of the first member of an ar archive whose name starts so.

    Source: the manual page ar(5): an 8-byte magic, then headers of 60 bytes with the name in the
    first 16 and the size in decimal at 48, each member padded to an even length.
    """
    if file.read(8) != b"!<arch>\n":
        raise tarfile.ReadError("it is not a Debian package")
    while len(header := file.read(60)) == 60 and header[58:] == b"`\n":
        if header[:16].decode("ascii", "replace").startswith(start):
            return
        size = int(header[48:58]) if header[48:58].strip().isdigit() else 0
        file.seek(size + size % 2, io.SEEK_CUR)
    raise tarfile.ReadError(f"it has no {start}")
