"""What the optimizer sees: reconstruction error, KL divergences in nats, and their weights."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pcvae.models import Reconstruction
from pcvae.models.flow import take_points

REDUCTIONS = ("shape", "batch")
SCHEDULES = ("linear", "cyclical", "constant")


def l1(decoded: Float[Tensor, "B N 3"], target: Float[Tensor, "B N 3"]) -> Float[Tensor, " B"]:
    """Sum of absolute differences of matching coordinates, for each shape.

    Up to a constant it is the negative log likelihood, in nats, of a Laplace distribution of
    scale 1 around each decoded coordinate.
    """
    return (decoded - target).abs().sum(dim=(1, 2))


def l2(decoded: Float[Tensor, "B N 3"], target: Float[Tensor, "B N 3"]) -> Float[Tensor, " B"]:
    """Half the sum of squared differences: a Gaussian of standard deviation 1, for each shape."""
    return 0.5 * (decoded - target).square().sum(dim=(1, 2))


def chamfer(decoded: Float[Tensor, "B M 3"], target: Float[Tensor, "B N 3"]) -> Float[Tensor, " B"]:
    """Squared distances to the nearest point, summed over the points, both ways, for each shape.

    No likelihood stands behind it, but it needs no matching of points. Of several nearest points
    that are equally far, one gets the gradient.
    """
    of_decoded, of_target = nearest_points(decoded, target)
    there = decoded - take_points(target, of_decoded)
    back = target - take_points(decoded, of_target)
    return there.square().sum(dim=(1, 2)) + back.square().sum(dim=(1, 2))


@torch.no_grad()
def nearest_points(
    one: Float[Tensor, "B M 3"], other: Float[Tensor, "B N 3"]
) -> tuple[Int[Tensor, "B M"], Int[Tensor, "B N"]]:
    """Return which point of the other cloud is nearest to each point, both ways."""
    found = []
    for a, b in zip(one, other, strict=True):  # all distances at once are gigabytes in training
        # The differences themselves, not the expansion x^2 + y^2 - 2xy, which loses its digits for
        # near-equal clouds.
        distances = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
        found.append((distances.argmin(dim=1), distances.argmin(dim=0)))
    return tuple(torch.stack(indices) for indices in zip(*found, strict=True))


ERRORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1, "l2": l2, "chamfer": chamfer}


@dataclass(frozen=True)
class KLSchedule:
    """The KL weight as a function of the optimizer's step; it never looks at a clock.

    Attributes:
        kind: "linear" (LION's: a ramp, then constant), "cyclical" (the ramp again and again: Fu et
            al., "Cyclical Annealing Schedule", NAACL 2019) or "constant".
        start: the weight at step 0.
        end: the weight after the ramp.
        ratio: the share of all steps (of a cycle, if cyclical) that the ramp takes.
        cycles: how many cycles all steps hold, if cyclical.
    """

    kind: str = "linear"
    start: float = 1e-7
    end: float = 0.5
    ratio: float = 0.5
    cycles: int = 4

    def __post_init__(self) -> None:
        """Raise a ValueError that names the first setting that cannot be."""
        if self.kind not in SCHEDULES:
            raise ValueError(f"kind must be one of {', '.join(SCHEDULES)}, not {self.kind!r}.")
        if not 0 <= self.start <= self.end < math.inf:
            raise ValueError(f"Expected 0 <= start <= end, got {self.start} and {self.end}.")
        if not 0 < self.ratio <= 1 or self.cycles < 1:
            raise ValueError("Expected a ratio above 0 and at most 1, and at least one cycle.")

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the weight at optimizer step `step` of `total_steps` in all."""
        if self.kind == "constant":
            return self.end
        progress = step / max(total_steps, 1)
        if self.kind == "cyclical":
            progress = progress * self.cycles % 1.0
        weight = self.start + (self.end - self.start) * progress / self.ratio
        return min(max(weight, self.start), self.end)


@dataclass(frozen=True)
class Terms:
    """The parts of a loss, each a mean over the shapes of the batch, KL in nats for each shape.

    Attributes:
        loss: what is minimized. Under "batch" it is on another scale than the other terms.
        reconstruction: error of the decoded cloud for each shape.
        kl_style: KL of q(z | x) from N(0, I).
        kl_xyz: KL of the coordinates of q(h | x, z), summed over the points.
        kl_feat: KL of the feature channels of q(h | x, z), summed over the points.
        kl_weight: the weight that the KL terms had.
        flow_z: squared error of the learned prior's flow of z, if there is one.
        flow_h: squared error of its flow of h, summed over the points.
        factors: squared error of the factors read off z, in variances, if it is told any.
    """

    loss: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    kl_style: Float[Tensor, ""]
    kl_xyz: Float[Tensor, ""]
    kl_feat: Float[Tensor, ""]
    kl_weight: Float[Tensor, ""]
    flow_z: Float[Tensor, ""] | None = None
    flow_h: Float[Tensor, ""] | None = None
    factors: Float[Tensor, ""] | None = None

    def present(self) -> dict[str, Float[Tensor, ""]]:
        """Return the terms that there are, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Objective:
    """Reconstruction plus weighted KL.

    Attributes:
        error: "l1" (the original's), "l2" or "chamfer".
        reduction: "shape" is an ELBO for each shape, averaged over the batch. "batch" is LION's:
            the error is summed over the whole batch while the KL is averaged over it, so that the
            error weighs B times more, and changing the batch size changes the model.
        style_weight: factor on the KL of z, beside the annealed weight that all KL terms have.
        free_bits: nats of KL of z for each coordinate, averaged over the batch, that cost nothing
            (Kingma et al., "Improving Variational Inference with Inverse Autoregressive Flow",
            NeurIPS 2016, appendix C.8).
    """

    error: str = "l1"
    reduction: str = "shape"
    style_weight: float = 1.0
    free_bits: float = 0.0

    def __post_init__(self) -> None:
        """Raise a ValueError that names the first setting that cannot be."""
        if self.error not in ERRORS:
            raise ValueError(f"error must be one of {', '.join(ERRORS)}, not {self.error!r}.")
        if self.reduction not in REDUCTIONS:
            names = " or ".join(REDUCTIONS)
            raise ValueError(f"reduction must be {names}, not {self.reduction!r}.")
        if self.style_weight < 0 or self.free_bits < 0:
            raise ValueError("style_weight and free_bits must not be negative.")

    def __call__(
        self, target: Float[Tensor, "B N 3"], output: Reconstruction, kl_weight: float
    ) -> Terms:
        """Return the loss and its terms.

        Args:
            target: the clouds that went into the model, in model units.
            output: what came out of it.
            kl_weight: the schedule's weight at this step.
        """
        reconstruction = ERRORS[self.error](output.points, target).mean()
        kl_style = self._style_kl(output)
        kl_points = output.encoding.points.kl()  # (B, N, 3 + latent_dim)
        kl_xyz = kl_points[..., :3].sum(dim=(1, 2)).mean()
        kl_feat = kl_points[..., 3:].sum(dim=(1, 2)).mean()
        error = reconstruction * (len(target) if self.reduction == "batch" else 1)
        loss = error + kl_weight * (self.style_weight * kl_style + kl_xyz + kl_feat)
        weight = torch.tensor(kl_weight)
        return Terms(loss, reconstruction, kl_style, kl_xyz, kl_feat, weight)

    def _style_kl(self, output: Reconstruction) -> Float[Tensor, ""]:
        """KL of z in nats for each shape, never less than the free bits."""
        kl = output.encoding.style.kl()  # (B, S)
        if not self.free_bits:
            return kl.sum(dim=1).mean()
        return kl.mean(dim=0).clamp(min=self.free_bits).sum()


def equilibrium_sigma(kl_weight: float, copies: int = 1) -> float:
    """The local posterior's standard deviation where L1 and KL balance, if nothing but noise moves.

    While encoder and decoder are the identity, the error of one coordinate is |sigma * noise|,
    whose mean is sqrt(2 / pi) * sigma. Minimizing copies * sqrt(2 / pi) * s + w * (s^2 / 2 - ln s)
    gives w s^2 + a s - w = 0 with a = copies * sqrt(2 / pi).

    Args:
        kl_weight: w, the weight after annealing.
        copies: how many times the error counts: 1 for "shape", the batch size for "batch".

    Returns:
        The standard deviation s, in model units.
    """
    a = copies * math.sqrt(2 / math.pi)
    # The usual root formula would subtract nearly equal numbers where a is large.
    return 2 * kl_weight / (a + math.sqrt(a * a + 4 * kl_weight * kl_weight))
