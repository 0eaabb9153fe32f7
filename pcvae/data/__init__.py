"""Where clouds come from, and how they reach a trainer."""

from typing import TYPE_CHECKING, Any

from pcvae.data.cloud_files import read_clouds
from pcvae.data.clouds import CloudSet, Splits
from pcvae.data.folders import open_folder
from pcvae.data.furniture import load_furniture
from pcvae.data.procedural import generate
from pcvae.data.reading import read_shape
from pcvae.data.sources import open_splits

if TYPE_CHECKING:
    from pcvae.data.batches import Augmentation, Batch, PointCloudData, subsample

__all__ = [
    "Augmentation",
    "Batch",
    "CloudSet",
    "PointCloudData",
    "Splits",
    "generate",
    "load_furniture",
    "open_folder",
    "open_splits",
    "read_clouds",
    "read_shape",
    "subsample",
]


def __getattr__(name: str) -> Any:
    """Import Lightning, which takes seconds, only for those who train."""
    if name in ("Augmentation", "Batch", "PointCloudData", "subsample"):
        from pcvae.data import batches

        return getattr(batches, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
