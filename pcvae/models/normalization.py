"""From the units of the data to the units of the model, and back."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Normalization(nn.Module):
    """Subtract one mean per axis, divide by one scale for all axes.

    The numbers are buffers, so that they are saved with the weights and a reconstruction comes back
    in the units that the data came in.

    Args:
        mean: mean per axis, in data units; 0 by default.
        scale: one standard deviation for all axes, in data units; 1 by default.

    Raises:
        ValueError: if the scale is not a positive finite number.
    """

    mean: Float[Tensor, " 3"]
    scale: Float[Tensor, ""]

    def __init__(self, mean: Float[Tensor, " 3"] | None = None, scale: float = 1.0) -> None:
        super().__init__()
        if not 0 < scale < float("inf"):
            raise ValueError(
                f"The scale of a normalization must be a positive number, not {scale}. "
                "Are all points of the data the same?"
            )
        self.register_buffer("mean", torch.zeros(3) if mean is None else mean.clone())
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, points: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3"]:
        """Return points in the model's units, where coordinates have standard deviation 1."""
        return (points - self.mean) / self.scale

    def inverse(self, points: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3"]:
        """Return points in the data's units."""
        return points * self.scale + self.mean
