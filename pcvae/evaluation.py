"""How well a model rebuilds held-out shapes and makes new ones: numbers beside their floors.

The parts are plain functions of arrays of clouds: any generator's shapes can be scored.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from pcvae import metrics
from pcvae.geometry import bounding_spheres
from pcvae.metrics import Work, check_clouds, set_size
from pcvae.metrics.transport import SUBSET
from pcvae.models import PointCloudVAE
from pcvae.randomness import Stream, draw_for_shapes, normal
from pcvae.sampling import Way, sample

BATCH = 16
SMALLEST_RADIUS = 1e-12
UNITS = {
    "shape": "each shape centered on its bounding box and scaled to the unit sphere",
    "data": "as in the data",
}

Clouds = Float[np.ndarray, "S N 3"]


def evaluate(
    model: PointCloudVAE,
    references: Float[np.ndarray, "..."],
    training: Float[np.ndarray, "..."],
    *,
    samples: Float[np.ndarray, "..."] | None = None,
    count: int = 200,
    points: int = 2048,
    splits: int = 20,
    emd: bool = True,
    units: str = "shape",
    seed: int = 0,
    way: Way = Way(),
    work: Work = Work(),
) -> dict[str, Any]:
    """Return all scores of a model: reconstruction, generation, memorization.

    Every distance is taken in the units that `units` names. By "shape", the default, size and place
    of a shape do not count, and numbers of data sets in different units can be compared; a
    reconstruction is moved and scaled as its target is, so that there they do count. By "data",
    clouds are compared as they are; the voxels of JSD then fill the cube that holds all references.

    Args:
        model: a trained model. Without a learned prior its latents are drawn from N(0, I), and the
            result says so.
        references: held-out shapes in data units, (H, M, 3) with their points in any order. For
            reconstruction M should be twice `points`: one half is encoded, the other shows what
            another sample of the same surface scores. With fewer, halves are smaller.
        training: the shapes that the model was taught, (T, M, 3).
        samples: new shapes in data units, to be scored in place of the model's own.
        count: shapes of each set that is compared, as far as there are twice as many held-out ones.
            The model draws twice as many, so that the noise of their choice shows, too; and twice
            as many held-out shapes are rebuilt.
        points: points of each shape, as far as the clouds have them.
        splits: how often the sets are drawn anew, see `pcvae.metrics.ThreeSets`.
        emd: whether to score by EMD-512 as well, which takes longest.
        units: "shape" or "data".
        seed: decides samples, points and splits.
        way: how the prior's flow of h is followed.
        work: how distances are worked out.

    Returns:
        Under "settings", "reconstruction", "generation" and "memorization" what was measured.
        Chamfer distances are squared, both ways summed, in squared units; EMD in units.

    Raises:
        ValueError: if clouds are missing, not finite or of the wrong shape, or a setting cannot be.
    """
    _check(references, training, count, points, units)
    size = set_size(count, len(references))
    held_out = references[some_rows(len(references), 2 * size, seed)]
    rebuilt = reconstruction(model, held_out, points=points, units=units, seed=seed, way=way)
    drawn_from = "samples given"
    if samples is None:
        drawn_from = "N(0, I)" if model.prior is None else "the learned prior"
        samples = sample(model, 2 * size, points, seed=seed, way=way, progress=work.progress)
    check_clouds(samples, "samples")
    made = generation(
        samples, held_out, points=points, splits=splits, emd=emd, units=units, seed=seed, work=work
    )
    copied = memorizing(
        samples[:size], held_out[:size], training, points=points, units=units, work=work
    )
    settings = {
        "drawn_from": drawn_from,
        "units": UNITS[units],
        "seed": seed,
        "steps": way.steps if drawn_from == "the learned prior" else None,
        "solver": way.solver if drawn_from == "the learned prior" else None,
    }
    return {
        "settings": settings,
        "reconstruction": rebuilt,
        "generation": made,
        "memorization": copied,
    }


def _check(
    references: np.ndarray, training: np.ndarray, count: int, points: int, units: str
) -> None:
    """Raise a ValueError for what cannot be evaluated."""
    check_clouds(references, "references")
    check_clouds(training, "training")
    if count < 1 or points < 1:
        raise ValueError(f"Expected at least one shape and point, got {count} and {points}.")
    if units not in UNITS:
        raise ValueError(f"units must be one of {', '.join(UNITS)}, not {units!r}.")
    if references.shape[1] < 2:
        raise ValueError("References need two points or more: half of them are encoded.")


def some_rows(available: int, count: int, seed: int = 0) -> Int[np.ndarray, " K"]:
    """Return which shapes to take: at most so many, drawn at random, in their order.

    At random, as neighbors in a file are often of one kind.
    """
    return np.sort(np.random.default_rng(seed).permutation(available)[:count])


def to_units(clouds: Float[np.ndarray, "S N 3"], units: str) -> Clouds:
    """Return clouds in the units that they are compared in."""
    if units == "data":
        return clouds
    center, radius = _spheres(clouds)
    return ((clouds - center) / radius).astype(np.float32)


def _spheres(clouds: Clouds) -> tuple[Float[np.ndarray, "S 1 3"], Float[np.ndarray, "S 1 1"]]:
    """Return centers and radii; a cloud that is one point has no size, and becomes the origin."""
    center, radius = bounding_spheres(clouds)
    return center, np.maximum(radius, SMALLEST_RADIUS)


def reconstruction(
    model: PointCloudVAE,
    references: Float[np.ndarray, "S M 3"],
    *,
    points: int = 2048,
    units: str = "shape",
    seed: int = 0,
    way: Way = Way(),
) -> dict[str, Any]:
    """Return how well held-out shapes come back from all latents, and from z alone.

    One half of a cloud's points is encoded. From samples of both posteriors, as in training, comes
    a cloud that is compared with the half it came from. From z alone (the mean of its posterior,
    with h drawn from the prior) comes a cloud that is compared with the other half, and the *floor*
    is the distance of the two halves: z cannot know which points were drawn.

    Args:
        model: the model.
        references: held-out shapes in data units.
        points: points of a half, if there are enough.
        units: of the distances, see `evaluate`.
        seed: decides which points are in which half, and the latents' noise.
        way: how the prior's flow of h is followed.

    Returns:
        Means over shapes, of squared Chamfer distances ("cd_...") and F-scores ("f_...").
    """
    half = min(points, references.shape[1] // 2)
    drawn = metrics.fixed_subsets(references, 2 * half, seed)
    seen, other = drawn[:, :half], drawn[:, half:]
    rebuilt = rebuild(model, seen, seed=seed, way=way)
    if units == "shape":
        center, radius = _spheres(drawn)
        seen, other, *rebuilt = ((c - center) / radius for c in (seen, other, *rebuilt))
    pairs = {"posterior": (rebuilt[0], seen), "style": (rebuilt[1], other), "floor": (seen, other)}
    found: dict[str, Any] = {"shapes": len(references), "points": half}
    for name, (one, target) in pairs.items():
        found[f"cd_{name}"] = _mean(metrics.chamfer_distance, one, target)
        found[f"f_{name}"] = _mean(metrics.f_score, one, target)
    found["cd_style_over_floor"] = found["cd_style"] / max(found["cd_floor"], np.finfo(float).tiny)
    return found


def _mean(
    distance: Callable[[np.ndarray, np.ndarray], float],
    clouds: Float[np.ndarray, "S N 3"],
    targets: Float[np.ndarray, "S M 3"],
) -> float:
    """Return the mean over matching clouds."""
    return float(np.mean([distance(a, b) for a, b in zip(clouds, targets, strict=True)]))


@torch.inference_mode()
def rebuild(
    model: PointCloudVAE, clouds: Float[np.ndarray, "S N 3"], *, seed: int = 0, way: Way = Way()
) -> tuple[Clouds, Clouds]:
    """Return clouds from samples of the posteriors, and from the mean of z and h of the prior.

    Args:
        model: the model.
        clouds: shapes in data units.
        seed: decides the noise; each shape has its own.
        way: how the prior's flow of h is followed.

    Returns:
        Two arrays of clouds in data units, of as many points.
    """
    device = next(model.parameters()).device
    local = clouds.shape[1], 3 + model.config.latent_dim
    draw = normal((model.config.style_dim,), local, local)  # for z, and for h of either kind
    both: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for first in range(0, len(clouds), BATCH):
        data = torch.from_numpy(clouds[first : first + BATCH].astype(np.float32)).to(device)
        shapes = range(first, first + len(data))
        noise = draw_for_shapes(Stream.REBUILD, shapes, draw, seed=seed)
        style, posterior, prior = (part.to(device) for part in noise)
        statistics = model.normalization.statistics(data)
        x = model.normalization(data, statistics)
        decoded = (
            model(x, style, posterior).points,
            model.draw_points(prior, model.encode_style(x).mean, **vars(way)),
        )
        for kept, cloud in zip(both, decoded, strict=True):
            kept.append(model.normalization.inverse(cloud, statistics).cpu().numpy())
    return np.concatenate(both[0]), np.concatenate(both[1])


def generation(
    samples: Float[np.ndarray, "S N 3"],
    held_out: Float[np.ndarray, "H M 3"],
    *,
    points: int = 2048,
    splits: int = 20,
    emd: bool = True,
    units: str = "shape",
    seed: int = 0,
    work: Work = Work(),
) -> dict[str, Any]:
    """Return MMD, COV and 1-NNA by CD and by EMD-512, and JSD, of any generator's shapes.

    Sets have half as many shapes as there are held-out ones, or as many as there are samples if
    those are fewer; see `pcvae.metrics.sets` for what is drawn and what the floor is. Samples
    beyond twice that many are left out.

    Args:
        samples: new shapes in data units.
        held_out: real shapes in data units that the generator was not taught.
        points: points of each, as far as both have them.
        splits: how many splits.
        emd: whether to score by EMD-512.
        units: of the distances, see `evaluate`.
        seed: decides points and splits.
        work: how distances are worked out.

    Returns:
        Under "cd", "emd-512" and "jsd" dictionaries of `pcvae.metrics.Score` by name, and beside
        them how many shapes, points and splits there were.
    """
    points = min(points, samples.shape[1], held_out.shape[1])
    size = set_size(len(samples), len(held_out))
    new = to_units(metrics.fixed_subsets(samples[: 2 * size], points, seed=1), units)
    real = to_units(metrics.fixed_subsets(held_out, points, seed=2), units)
    drawn = list(metrics.random_splits(len(new), len(real), splits, seed))
    pool = np.concatenate([new, real])
    found: dict[str, Any] = {"shapes": size, "points": points, "splits": splits}
    found["cd"] = _by_distances(
        metrics.chamfer_matrix(pool, work=work.kept_in("chamfer.npz")), drawn
    )
    if emd:
        distances = metrics.emd_of_neighbors(
            metrics.fixed_subsets(pool, SUBSET, seed=3),
            [question for split in drawn for question in _questions(split)],
            work=work.kept_in("emd-512.npz"),
        )
        found["emd-512"] = _by_distances(distances, drawn)
        found["emd_solved"] = metrics.share_solved(distances)
    found["jsd"] = _by_voxels(pool, float(np.abs(real).max()) if units == "data" else 1.0, drawn)
    return found


def _questions(split: metrics.ThreeSets) -> list[metrics.Question]:
    """Return what the scores of samples and of peers ask of distances."""
    return [
        question
        for new in (split.samples, split.peers)
        for question in metrics.score_questions(new, split.references)
    ]


def _by_distances(
    distances: Float[np.ndarray, "T T"], splits: list[metrics.ThreeSets]
) -> dict[str, metrics.Score]:
    """Return MMD, COV and 1-NNA."""
    return metrics.scores_over_splits(
        lambda new, real: metrics.set_scores(distances, new, real), splits
    )


def _by_voxels(
    pool: Float[np.ndarray, "T N 3"], half_edge: float, splits: list[metrics.ThreeSets]
) -> metrics.Score:
    """Return JSD."""
    counts = metrics.voxel_counts(pool, half_edge=half_edge)
    scores = metrics.scores_over_splits(
        lambda new, real: {"jsd": metrics.jensen_shannon(counts[new], counts[real])}, splits
    )
    return scores["jsd"]


def memorizing(
    samples: Float[np.ndarray, "S N 3"],
    held_out: Float[np.ndarray, "H M 3"],
    training: Float[np.ndarray, "T K 3"],
    *,
    points: int = 2048,
    units: str = "shape",
    work: Work = Work(),
) -> dict[str, Any]:
    """Return the nearest training shape of each sample, and whether it is suspiciously near.

    The floor is how near held-out shapes lie to training shapes.

    Args:
        samples: new shapes in data units.
        held_out: real shapes that the generator was not taught.
        training: the shapes that it was taught.
        points: points of each, as far as all have them.
        units: of the distances, see `evaluate`.
        work: how distances are worked out.

    Returns:
        Under "indices" and "distances" the nearest training shape of each sample; medians of the
        distances of samples and of held-out shapes; "nearer_than_held_out", see
        `pcvae.metrics.nearer_than`.
    """
    points = min(points, *(clouds.shape[1] for clouds in (samples, held_out, training)))
    new, real, known = (
        to_units(metrics.fixed_subsets(clouds, points, seed), units)
        for seed, clouds in ((1, samples), (2, held_out), (4, training))
    )
    nearest = metrics.nearest_shapes(
        np.concatenate([new, real]), known, work=work.kept_in("training.npz")
    )
    distances, floor = nearest.distances[: len(new)], nearest.distances[len(new) :]
    return {
        "training_shapes": len(training),
        "median_distance": float(np.median(distances)),
        "median_distance_of_held_out": float(np.median(floor)),
        "nearer_than_held_out": metrics.nearer_than(distances, floor),
        "indices": nearest.indices[: len(new)].tolist(),
        "distances": distances.tolist(),
    }
