"""`pcvae prepare`: data sets from files."""

from functools import wraps
from typing import Any

from pcvae.data.folders import prepare_meshes


@wraps(prepare_meshes)
def meshes(*arguments: Any, **flags: Any) -> None:
    """Make the data set, and say where it is."""
    print(f"The clouds are in {prepare_meshes(*arguments, **flags)}")


prepare = {"meshes": meshes}
