"""Changes of training clouds that leave a shape what it is: mirrored, stretched, jittered."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pcvae.randomness import Stream, stream_for


@dataclass(frozen=True)
class Augmentation:
    """What to change in a batch of training clouds. Nothing by default.

    The random numbers belong to the seed, the epoch and the shape: an interrupted run, or one on
    several devices, changes each shape as any other run does.

    Attributes:
        mirror: swap left and right (x and -x) with probability one half.
        stretch: scale each axis by a factor of its own, between 1 / (1 + stretch) and 1 + stretch,
            uniform in its logarithm.
        jitter: add Gaussian noise to each coordinate; its standard deviation is this share of the
            cloud's own.

    Raises:
        ValueError: if a number is negative.
    """

    mirror: bool = False
    stretch: float = 0.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("stretch", "jitter"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)}.")

    @property
    def changes_anything(self) -> bool:
        """Whether clouds come out other than they went in."""
        return bool(self.mirror or self.stretch or self.jitter)

    def __call__(
        self, points: Float[Tensor, "B N 3"], shapes: Int[Tensor, " B"], seed: int, epoch: int
    ) -> Float[Tensor, "B N 3"]:
        """Return changed clouds, on the device of those given.

        Args:
            points: clouds whose plane of symmetry, if they have one, is x = 0.
            shapes: which shapes of the training set they are.
            seed: the run's seed.
            epoch: each epoch changes a shape anew.
        """
        if not self.changes_anything:
            return points
        uniform, noise = self._draw(points.shape[:2], shapes, seed, epoch)
        factors = torch.exp(torch.log1p(torch.tensor(self.stretch)) * (2 * uniform[:, 1:] - 1))
        if self.mirror:
            factors[:, 0] *= torch.where(uniform[:, 0] < 0.5, -1.0, 1.0)
        changed = points * factors.unsqueeze(1).to(points.device)
        if noise is None:
            return changed
        size = self.jitter * points.std((1, 2), correction=0, keepdim=True)
        return changed + size * noise.to(points.device)

    def _draw(
        self, size: tuple[int, int], shapes: Tensor, seed: int, epoch: int
    ) -> tuple[Float[Tensor, "B 4"], Float[Tensor, "B N 3"] | None]:
        """Draw on the CPU, so that every device gets the same numbers."""
        uniform = torch.empty(len(shapes), 4)
        noise = torch.empty(*size, 3) if self.jitter else None
        for row, shape in enumerate(shapes.tolist()):
            generator = stream_for(Stream.AUGMENTATION, seed=seed, shape=shape, epoch=epoch)
            uniform[row].uniform_(generator=generator)
            if noise is not None:
                noise[row].normal_(generator=generator)
        return uniform, noise
