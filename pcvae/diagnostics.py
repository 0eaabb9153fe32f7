"""What the latents of a trained model do: tests that tell a dead one in one look.

A low reconstruction error says nothing about z: h alone can carry the whole cloud. So each test
here moves one latent and holds the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pcvae.metrics import chamfer_distance, fixed_subsets
from pcvae.models import Encoding, PointCloudVAE

RIDGE = 1e-3
FOLDS = 5


@dataclass(frozen=True)
class Swap:
    """What happened when one latent was taken from another shape, the donor.

    Attributes:
        displacement: mean distance that decoded points moved, in model units.
        to_own: mean Chamfer distance to the shape that gave the other latent.
        to_donor: mean Chamfer distance to the donor.
    """

    displacement: float
    to_own: float
    to_donor: float


@torch.no_grad()
def swap_test(
    model: PointCloudVAE, x: Float[Tensor, "B N 3"], encoding: Encoding | None = None
) -> dict[str, Swap]:
    """Give each shape the z of the next one and hold its h, and the reverse.

    A live z brings the swapped cloud nearer to its donor; a dead one leaves it where it was.

    Args:
        model: the model.
        x: at least two shapes in model units, in an order without meaning.
        encoding: what the model's encoders say of them, if that is known already.

    Returns:
        Under "z" and "h", what moving that latent did.

    Raises:
        ValueError: if there are fewer than two shapes.
    """
    if len(x) < 2:
        raise ValueError(f"The swap test needs at least two shapes, got {len(x)}.")
    encoding = encoding or model.encode(x)
    z, h = encoding.style.mean, encoding.points.mean
    own = model.decode(h, z)
    donor = x.roll(-1, dims=0)
    moved = {"z": model.decode(h, z.roll(-1, dims=0)), "h": model.decode(h.roll(-1, dims=0), z)}
    return {
        name: Swap(
            displacement=(cloud - own).norm(dim=-1).mean().item(),
            to_own=mean_chamfer(cloud, x),
            to_donor=mean_chamfer(cloud, donor),
        )
        for name, cloud in moved.items()
    }


def mean_chamfer(one: Float[Tensor, "B N 3"], other: Float[Tensor, "B M 3"]) -> float:
    """Return the mean Chamfer distance of matching clouds."""
    pairs = zip(one.numpy(), other.numpy(), strict=True)
    return float(np.mean([chamfer_distance(a, b) for a, b in pairs]))


def resampling_floor(points: Float[Tensor, "B N 3"]) -> float:
    """Return the mean Chamfer distance of two halves of the same cloud.

    No model that draws its points anew can be expected below it, at N / 2 points.

    Args:
        points: clouds whose points are in an order without meaning.
    """
    half = points.shape[1] // 2
    return mean_chamfer(points[:, :half], points[:, half : 2 * half])


def principal_axes(
    means: Float[np.ndarray, "S D"],
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, "K D"]]:
    """Return variances along the principal directions of mu_z, and the directions, largest first.

    In double precision: directions of nearly equal variance would otherwise differ by machine. K is
    the smaller of S and D.
    """
    centered = means.astype(np.float64) - means.mean(axis=0, dtype=np.float64)
    _, singular, basis = np.linalg.svd(centered, full_matrices=False)
    return np.square(singular) / max(len(means) - 1, 1), basis


def variance_shares(means: Float[np.ndarray, "S D"]) -> Float[np.ndarray, " D"]:
    """Return the share of variance along each principal direction of mu_z, largest first.

    Where there are fewer shapes than dimensions, the missing shares are zero.
    """
    found, _ = principal_axes(means)
    shares = np.zeros(means.shape[1])
    shares[: len(found)] = found
    return (shares / max(shares.sum(), np.finfo(np.float64).tiny)).astype(means.dtype)


def explained_variance(means: Float[np.ndarray, "S D"], factor: Float[np.ndarray, " S"]) -> float:
    """Return R^2 of a factor read off z by ridge regression, on shapes that it was not fitted to.

    Args:
        means: mu_z of S shapes.
        factor: the factor's values; shapes where it is NaN are left out.

    Returns:
        1 if z tells the factor exactly, 0 if no better than its mean, below 0 if worse.

    Raises:
        ValueError: if fewer shapes than twice the folds have the factor, or it does not vary.
    """
    known = np.isfinite(factor)
    inputs, targets = means[known].astype(np.float64), factor[known].astype(np.float64)
    if len(targets) < 2 * FOLDS or np.ptp(targets) == 0:
        raise ValueError(
            f"R^2 needs at least {2 * FOLDS} shapes with differing values, got {len(targets)}."
        )
    predicted = np.empty_like(targets)
    for fold in range(FOLDS):
        held_out = np.arange(len(targets)) % FOLDS == fold
        predicted[held_out] = _read_off(inputs[~held_out], targets[~held_out], inputs[held_out])
    residual = np.square(targets - predicted).sum()
    return float(1 - residual / np.square(targets - targets.mean()).sum())


def _read_off(
    inputs: Float[np.ndarray, "S D"],
    targets: Float[np.ndarray, " S"],
    queries: Float[np.ndarray, "Q D"],
) -> Float[np.ndarray, " Q"]:
    """Fit a linear map with a small penalty on standardized inputs, and apply it."""
    center, spread = inputs.mean(axis=0), inputs.std(axis=0).mean() + 1e-12
    weights = ridge((inputs - center) / spread, targets - targets.mean(), RIDGE)
    return (queries - center) / spread @ weights + targets.mean()


def ridge(
    inputs: Float[np.ndarray, "S D"], targets: Float[np.ndarray, "S ..."], penalty: float
) -> Float[np.ndarray, "D ..."]:
    """Return the weights of a ridge regression.

    Args:
        inputs: with mean 0 and about one spread.
        targets: with mean 0, one or several for each row.
        penalty: of squared weights, for each row.
    """
    penalties = penalty * len(inputs) * np.eye(inputs.shape[1])
    return np.linalg.solve(inputs.T @ inputs + penalties, inputs.T @ targets)


@dataclass(frozen=True)
class Errors:
    """Reconstruction error two ways, and how noisy the latents are.

    Attributes:
        from_means: mean absolute error of a coordinate when the posteriors' means are decoded.
        from_samples: the same when samples are decoded, as in training.
        sigma_xyz: mean standard deviation of q(h | x, z) over the coordinates of h.
        sigma_feat: the same over its feature channels; NaN if there are none.
        kl_style: KL of z in nats for each shape.
        kl_point: KL of h in nats for each point.
    """

    from_means: float
    from_samples: float
    sigma_xyz: float
    sigma_feat: float
    kl_style: float
    kl_point: float


@torch.no_grad()
def reconstruction_errors(
    model: PointCloudVAE, x: Float[Tensor, "B N 3"], encoding: Encoding | None = None
) -> Errors:
    """Return how well shapes come back, from means and from samples.

    Decoding means flatters: training decodes samples, and so does everybody who draws new shapes.

    Args:
        model: the model.
        x: shapes in model units.
        encoding: what the model's encoders say of them, if that is known already.
    """
    encoding = encoding or model.encode(x)
    from_means = model.decode(encoding.points.mean, encoding.style.mean)
    generator = torch.Generator().manual_seed(0)
    z = encoding.style.sample(torch.randn(encoding.style.mean.shape, generator=generator))
    points = model.encode_points(x, z)
    h = points.sample(torch.randn(points.mean.shape, generator=generator))
    return Errors(
        from_means=(from_means - x).abs().mean().item(),
        from_samples=(model.decode(h, z) - x).abs().mean().item(),
        sigma_xyz=points.sigma[..., :3].mean().item(),
        sigma_feat=points.sigma[..., 3:].mean().item(),
        kl_style=encoding.style.kl().sum(dim=1).mean().item(),
        kl_point=points.kl().sum(dim=-1).mean().item(),
    )


@dataclass(frozen=True)
class Diagnosis:
    """All diagnostics of a model on some shapes; `pcvae.figures.diagnosis_figure` draws it.

    Attributes:
        shapes: how many there were.
        swaps: what the swap test of z and that of h did.
        errors: reconstruction errors, standard deviations of h, and KL.
        variance_shares: of mu_z, along each of its principal directions.
        sigmas: standard deviations of single coordinates of h_xyz, in model units.
        from_style: Chamfer distance of shapes to what their mu_z makes of noise.
        floor: Chamfer distance of two halves of the same cloud.
        factors: R^2 of the factors that are known of the shapes.
    """

    shapes: int
    swaps: dict[str, Swap]
    errors: Errors
    variance_shares: Float[np.ndarray, " S"]
    sigmas: Float[np.ndarray, " K"]
    from_style: float
    floor: float
    factors: dict[str, float]

    def numbers(self) -> dict[str, float]:
        """Return what can be said in single numbers, rounded to four digits; no factors."""
        found = {"shapes": self.shapes} | swap_numbers(self.swaps) | error_numbers(self.errors)
        found |= {"chamfer_from_z_alone": self.from_style, "resampling_floor": self.floor}
        found |= share_numbers(self.variance_shares)
        return {name: float(f"{value:.4g}") for name, value in found.items()}


def swap_numbers(swaps: dict[str, Swap]) -> dict[str, float]:
    """Return what the swap test of each latent did, by the names that are logged."""
    found = {}
    for latent, swap in swaps.items():
        found[f"swap_{latent}_displacement"] = swap.displacement
        found[f"swap_{latent}_chamfer_to_own"] = swap.to_own
        found[f"swap_{latent}_chamfer_to_donor"] = swap.to_donor
    return found


def error_numbers(errors: Errors) -> dict[str, float]:
    """Return errors, standard deviations and KL by the names that are logged."""
    return {
        "error_from_means": errors.from_means,
        "error_from_samples": errors.from_samples,
        "sigma_xyz": errors.sigma_xyz,
        "sigma_feat": errors.sigma_feat,
        "kl_z_nats": errors.kl_style,
        "kl_h_nats_per_point": errors.kl_point,
    }


def share_numbers(shares: Float[np.ndarray, " S"]) -> dict[str, float]:
    """Return the first five shares of variance by the names that are logged."""
    return {f"z_variance_share_{i + 1}": float(share) for i, share in enumerate(shares[:5])}


def diagnose(model: PointCloudVAE, points: Float[np.ndarray, "S N 3"]) -> dict[str, float]:
    """Return all diagnostics that need nothing but clouds, rounded to four digits.

    Args:
        model: the model.
        points: clouds in data units, neighbors being of the same kind or not as they come: they
            are shuffled, with the same result every time.
    """
    return examine(model, points).numbers()


@torch.no_grad()
def examine(
    model: PointCloudVAE,
    points: Float[np.ndarray, "S N 3"],
    factors: Mapping[str, Float[np.ndarray, " S"]] | None = None,
) -> Diagnosis:
    """Return all diagnostics. The shapes are encoded once.

    Args:
        model: the model.
        points: clouds in data units, shuffled as in `diagnose`.
        factors: what is known of each shape, NaN where a shape has no such factor. Those that fewer
            than ten of the shapes have, or that do not vary, are left out.
    """
    order = np.random.default_rng(0).permutation(len(points))
    # Points may stand in an order that means something, too: half of a cloud is to be a fair half.
    shuffled = fixed_subsets(points[order], points.shape[1])
    x = model.normalization(torch.from_numpy(shuffled))
    encoding = model.encode(x)
    means = encoding.style.mean.numpy()
    return Diagnosis(
        shapes=len(x),
        swaps=swap_test(model, x, encoding),
        errors=reconstruction_errors(model, x, encoding),
        variance_shares=variance_shares(means),
        sigmas=encoding.points.sigma[:, ::16, :3].flatten().numpy(),
        from_style=chamfer_from_style(model, x, encoding.style.mean),
        floor=resampling_floor(x),
        factors=factors_read_off(means, {k: v[order] for k, v in (factors or {}).items()}),
    )


def factors_read_off(
    means: Float[np.ndarray, "S D"], factors: Mapping[str, Float[np.ndarray, " S"]]
) -> dict[str, float]:
    """Return R^2 of each factor that enough shapes have, and that varies."""
    known = {name: values[np.isfinite(values)] for name, values in factors.items()}
    enough = [n for n, v in known.items() if len(v) >= 2 * FOLDS and np.ptp(v) > 0]
    return {name: explained_variance(means, factors[name]) for name in enough}


@torch.no_grad()
def chamfer_from_style(
    model: PointCloudVAE, x: Float[Tensor, "B N 3"], z: Float[Tensor, "B S"] | None = None
) -> float:
    """Return the Chamfer distance of shapes to what their mu_z makes of noise.

    The noise is h itself, or what the learned prior carries to h, given z.

    Args:
        model: the model.
        x: shapes in model units.
        z: their mu_z, if it is known already.
    """
    z = model.encode_style(x).mean if z is None else z
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(*x.shape[:2], 3 + model.config.latent_dim, generator=generator)
    return mean_chamfer(model.draw_points(noise, z), x)


@torch.no_grad()
def style_means(
    model: PointCloudVAE, points: Float[np.ndarray, "S N 3"], batch_size: int = 64
) -> Float[np.ndarray, "S D"]:
    """Return mu_z of many shapes.

    Args:
        model: the model.
        points: clouds in data units.
        batch_size: how many to encode at a time.
    """
    batches = torch.from_numpy(points).split(batch_size)
    means = [model.encode_style(model.normalization(batch)).mean for batch in batches]
    return torch.cat(means).numpy()
