"""Shapes that seem to lie on their sides: their files may have another axis up than the others."""

from __future__ import annotations

import logging

import numpy as np
from jaxtyping import Bool

from pcvae.data.clouds import CloudSet, some

logger = logging.getLogger(__name__)

# A class with fewer shapes has no proportions to compare with.
FEWEST = 5
# How much better a shape must fit its class when Y and Z change places, in logarithms of extents.
MARGIN = 0.5
# Extents below this are taken for it: a flat shape has none along one axis.
THINNEST = 0.05


def lying(clouds: CloudSet) -> Bool[np.ndarray, " S"]:
    """Tell which shapes fit the others of their class much better with Y and Z swapped.

    Compared are the extents along the axes with their medians over the class. It takes most shapes
    of a class to be upright, and cannot tell what is as high as it is deep.

    Args:
        clouds: Shapes in the unit sphere, in memory.

    Returns:
        True for each shape that seems to lie.
    """
    extents = np.log(np.maximum(np.ptp(np.asarray(clouds.points), axis=1), THINNEST))  # (S, 3)
    classes = np.array(clouds.classes)
    found = np.zeros(len(clouds), dtype=bool)
    for kind in np.unique(classes):
        rows = np.flatnonzero(classes == kind)
        if len(rows) >= FEWEST:
            usual = np.median(extents[rows], axis=0)
            as_it_is = np.abs(extents[rows] - usual).sum(axis=1)
            swapped = np.abs(extents[rows][:, [0, 2, 1]] - usual).sum(axis=1)
            found[rows] = swapped + MARGIN < as_it_is
    return found


def warn_of_lying(clouds: CloudSet, where: str) -> None:
    """Name shapes that seem to lie, in one warning.

    Args:
        clouds: Shapes in the unit sphere, in memory.
        where: Their folder, for the message.
    """
    names = [clouds.ids[row] for row in np.flatnonzero(lying(clouds))]
    if names:
        logger.warning(
            "%s: %d of %d shapes seem to lie on their sides, compared with others of their class: "
            "%s. The up axis asked for was taken to be that of all files (glTF is always Y up). "
            "If these have another, put them into a folder of their own and prepare it with the "
            "other --up.",
            *(where, len(names), len(clouds), some(names)),
        )
