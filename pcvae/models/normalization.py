"""From the units of the data to the units of the model, and back."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

MODES = ("global", "shape", "box")

# A cloud that is one point has no size; it becomes the origin instead of NaN.
SMALLEST_SCALE = 1e-12


class Statistics(NamedTuple):
    """What is subtracted from clouds, and what they are then divided by.

    Attributes:
        mean: for each axis, (3,), or (B, 1, 3) where each cloud has its own.
        scale: one for all axes, () or (B, 1, 1).
    """

    mean: Float[Tensor, "*B 3"]
    scale: Float[Tensor, "*C"]


class Normalization(nn.Module):
    """Subtract a mean per axis, divide by one scale for all axes.

    What these are depends on the mode, as in the original system:

    - "global": the mean of all points of the training set, and one standard deviation of all
      their coordinates.
    - "shape": the same two of each cloud.
    - "box": the middle of each cloud's bounding box, and half its longest edge.

    A standard deviation is that of all coordinates about their common mean, not about the means
    per axis. The numbers are buffers, saved with the weights, so that reconstructions come back in
    the units that the data came in. By "shape" and "box", each cloud is brought back by its own
    (`statistics`); the buffers are then the training set's averages, the place and size of clouds
    that were decoded without having been encoded.

    The original takes a cloud's numbers from all its 15,000 points, and so does training here,
    which hands them over. Where nobody does, they are those of the points at hand: a model that is
    given 2,048 points knows no others.

    Args:
        mean: mean per axis, in data units; 0 by default.
        scale: one scale for all axes, in data units; 1 by default.
        mode: one of "global", "shape", "box".

    Raises:
        ValueError: if the scale is not a positive finite number, or there is no such mode.
    """

    mean: Float[Tensor, " 3"]
    scale: Float[Tensor, ""]

    def __init__(
        self, mean: Float[Tensor, " 3"] | None = None, scale: float = 1.0, mode: str = "global"
    ) -> None:
        super().__init__()
        if not 0 < scale < float("inf"):
            raise ValueError(
                f"The scale of a normalization must be a positive number, not {scale}. "
                "Are all points of the data the same?"
            )
        if mode not in MODES:
            raise ValueError(f"A normalization is one of {', '.join(MODES)}, not {mode!r}.")
        self.mode = mode
        self.register_buffer("mean", torch.zeros(3) if mean is None else mean.clone())
        self.register_buffer("scale", torch.tensor(scale))

    def statistics(self, points: Float[Tensor, "*B N 3"]) -> Statistics:
        """Return the numbers by which these clouds are normalized and brought back."""
        if self.mode == "global":
            return Statistics(self.mean, self.scale)
        return cloud_statistics(points, self.mode)

    def forward(
        self, points: Float[Tensor, "*B N 3"], statistics: Statistics | None = None
    ) -> Float[Tensor, "*B N 3"]:
        """Return points in the model's units.

        Args:
            points: clouds in data units.
            statistics: numbers to use; by default those of the mode.
        """
        mean, scale = statistics or self.statistics(points)
        return (points - mean) / scale

    def inverse(
        self, points: Float[Tensor, "*B N 3"], statistics: Statistics | None = None
    ) -> Float[Tensor, "*B N 3"]:
        """Return points in the data's units.

        Args:
            points: clouds in the model's units.
            statistics: those of the clouds that were encoded; by default those of the training
                set, which is all that is known of clouds that were not.
        """
        mean, scale = statistics or (self.mean, self.scale)
        return points * scale + mean


def cloud_statistics(points: Float[Tensor, "*B N 3"], mode: str) -> Statistics:
    """Return mean and scale of each cloud by itself.

    Args:
        points: clouds.
        mode: "shape" or "box".

    Source: Zeng et al., "LION", 2022, appendix; Yang et al., "PointFlow", 2019.
    """
    if mode == "box":
        low, high = points.amin(-2, keepdim=True), points.amax(-2, keepdim=True)
        mean, scale = (low + high) / 2, (high - low).amax(-1, keepdim=True) / 2
    else:
        mean = points.mean(-2, keepdim=True)
        scale = points.std((-2, -1), correction=0, keepdim=True)
    return Statistics(mean, scale.clamp_min(SMALLEST_SCALE))
