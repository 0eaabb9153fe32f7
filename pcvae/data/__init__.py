"""Where clouds come from, and how they reach a trainer."""

from typing import TYPE_CHECKING, Any

from pcvae.data.clouds import CloudSet
from pcvae.data.furniture import load_furniture
from pcvae.data.sources import Splits, open_splits

if TYPE_CHECKING:
    from pcvae.data.datamodule import PointCloudData

__all__ = [
    "CloudSet",
    "PointCloudData",
    "Splits",
    "load_furniture",
    "open_splits",
]


def __getattr__(name: str) -> Any:
    """Import Lightning, which takes seconds, only for those who train."""
    if name == "PointCloudData":
        from pcvae.data.datamodule import PointCloudData

        return PointCloudData
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
