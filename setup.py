"""Put what the course ships into the package of a wheel, which has no `data/` beside it.

All else about the package stands in pyproject.toml; `pcvae.files.shipped_folder` finds the files.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("*.npz", "*.csv", "*.md", "checkpoints/*", "comparisons/*")


class BuildWithShipped(build_py):
    """Builds the modules, and copies the shipped files beside them unless it is to be editable."""

    def shipped(self) -> list[Path]:
        """Return the files of `data/` that belong to a wheel: all but what made them."""
        return sorted(path for pattern in SHIPPED for path in Path("data").glob(pattern))

    def run(self) -> None:
        """Build."""
        super().run()
        for path in [] if self.editable_mode else self.shipped():
            target = Path(self.build_lib, "pcvae", "shipped", path.relative_to("data"))
            self.mkpath(str(target.parent))
            self.copy_file(str(path), str(target))

    def get_source_files(self) -> list[str]:
        """Return what a source distribution needs to build the same wheel."""
        return [*super().get_source_files(), *map(str, self.shipped())]


setup(cmdclass={"build_py": BuildWithShipped})
