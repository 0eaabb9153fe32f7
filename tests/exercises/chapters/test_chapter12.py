"""Typical wrong answers to the exercises of chapter 12: each gets a message of its own."""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from pcvae.exercises import check
from pcvae.models.lion import grid_of, points_in_balls, voxelize

# 12.1: voxelize


def grid(
    features,
    points,
    resolution,
    *,
    center=None,
    size=None,
    scale=0,
    rounded=torch.round,
    axes=(0, 1, 2),
):
    """Means in cells, with one thing done otherwise."""
    moved = points - (points.mean(dim=0) if center is None else center(points))
    length = 2 * moved.norm(dim=1).max() if size is None else size(moved)
    place = ((moved / length + 0.5) * (resolution + scale)).clamp(0, resolution - 1)
    x, y, z = rounded(place).long()[:, list(axes)].T
    sums = torch.zeros(len(features), resolution, resolution, resolution)
    counts = torch.zeros(resolution, resolution, resolution)
    sums.index_put_((torch.arange(len(features))[:, None], x, y, z), features, accumulate=True)
    counts.index_put_((x, y, z), torch.ones(len(x)), accumulate=True)
    return sums / counts.clamp(min=1)


def summed(features, points, resolution):
    ones = torch.ones(1, len(points))
    cells = grid(features, points, resolution)
    place = grid_of(points[None], resolution).place.round().long()[0]
    counts = torch.zeros(1, resolution, resolution, resolution)
    counts.index_put_(
        (torch.zeros(len(points), dtype=torch.long), *place.T), ones[0], accumulate=True
    )
    return cells * counts


def around_the_box(features, points, resolution):
    low = points.amin(dim=0)
    size = (points.amax(dim=0) - low).max()
    return grid(features, points, resolution, center=lambda p: low + size / 2, size=lambda p: size)


def middle(points):
    return (points.amin(dim=0) + points.amax(dim=0)) / 2


def from_the_mean(_, points, __):
    radius = (points - points.mean(dim=0)).norm(dim=1).max()
    return lambda moved: 2 * radius


def stretched(features, points, resolution):
    low, size = points.amin(dim=0), points.amax(dim=0) - points.amin(dim=0)
    return grid(features, (points - low) / size, resolution, center=lambda p: 0.5, size=lambda p: 1)


# 12.2: points in a ball


def balls(centers, points, radius, count):
    return points_in_balls(centers[None], points[None], radius, count)[0]


def found(choose, pad=None):
    def answer(centers, points, radius, count):
        squared = (centers[:, None] - points).square().sum(dim=-1)
        rows = []
        for row in squared:
            kept = choose(row, radius)[:count].tolist()
            filler = pad if pad is not None else (kept[0] if kept else 0)
            rows.append(kept + [filler] * (count - len(kept)))
        return torch.tensor(rows)

    return answer


def inside(row, radius):
    return (row < radius**2).nonzero().flatten()


def nearest_inside(row, radius):
    kept = inside(row, radius)
    return kept[row[kept].argsort(stable=True)]


# 12.3: adaptive group norm


def norm(values, dims, eps=1e-5, correction=0):
    spread = values.var(dim=dims, keepdim=True, correction=correction)
    return (values - values.mean(dim=dims, keepdim=True)) / (spread + eps).sqrt()


def styled(normalize, mix=lambda n, a, b: n * a + b):
    def answer(x, a, b, groups):
        return mix(normalize(x, groups), a[..., None], b[..., None])

    return answer


def grouped(x, groups):
    return norm(x.unflatten(1, (groups, -1)), (2, 3)).flatten(1, 2)


def unbiased(x, groups):
    return norm(x.unflatten(1, (groups, -1)), (2, 3), correction=1).flatten(1, 2)


def other_groups(x, groups):
    return norm(x.unflatten(1, (-1, groups)), (2, 3)).flatten(1, 2)


def over_the_batch(x, groups):
    return norm(x.unflatten(1, (groups, -1)), (0, 2, 3)).flatten(1, 2)


def beside_the_root(x, groups):
    parts = x.unflatten(1, (groups, -1))
    spread = parts.var(dim=(2, 3), keepdim=True, correction=0).sqrt() + 1e-5
    return ((parts - parts.mean(dim=(2, 3), keepdim=True)) / spread).flatten(1, 2)


# 12.4: see the slats


def neighbors(cloud):
    """How many points lie around those of the upper part, for balls of five sizes."""
    tree, upper = cKDTree(cloud), cloud[cloud[:, 1] > np.quantile(cloud[:, 1], 0.6)]
    features = []
    for radius in (0.04, 0.07, 0.1, 0.15, 0.2):
        count = tree.query_ball_point(upper, radius, return_length=True)
        features += [count.mean(), count.std(), *np.quantile(count, [0.1, 0.9])]
    return np.array(features)


def pooled(cloud):
    waves = [wave(k * cloud) for k in (1, 2, 4, 8, 16) for wave in (np.sin, np.cos)]
    return np.concatenate([part.mean(axis=0) for part in waves])


WRONG = [
    ("12.1", summed, "You summed the features"),
    ("12.1", lambda *a: grid(*a, rounded=torch.floor), "You rounded down"),
    ("12.1", around_the_box, "around the bounding box"),
    ("12.1", lambda *a: grid(*a, center=middle, size=from_the_mean(*a)), "*mean* of the points"),
    ("12.1", stretched, "You stretched the grid"),
    ("12.1", lambda *a: grid(*a, scale=-1), "You scaled to `resolution - 1`"),
    ("12.1", lambda *a: grid(*a, center=lambda p: 0), "You did not subtract the mean"),
    ("12.1", lambda *a: grid(*a, size=lambda m: m.norm(dim=1).max()), "*twice*"),
    ("12.1", lambda *a: grid(*a, size=lambda m: 2 * m.abs().max()), "the largest coordinate"),
    ("12.1", lambda *a: grid(*a, axes=(2, 1, 0)), "x comes first, z last"),
    ("12.1", lambda *a: grid(*a).permute(1, 2, 3, 0), "Channels come first"),
    ("12.2", found(nearest_inside), "takes the *first* ones"),
    ("12.2", found(lambda row, radius: row.argsort(stable=True)), "You took the nearest points"),
    ("12.2", found(lambda row, r: (row <= r**2).nonzero().flatten()), "`<`, not `<=`"),
    ("12.2", found(inside, pad=0), "left over with 0"),
    ("12.2", found(inside, pad=-1), "left over with -1"),
    ("12.2", found(lambda row, r: (row < r).nonzero().flatten()), "Square it, too"),
    ("12.2", found(lambda row, r: inside(row, r).flip(0)), "the last points of the ball"),
    ("12.2", lambda c, p, r, k: (c[:, None] - p).norm(dim=-1) < r, "not a mask"),
    ("12.3", styled(grouped, lambda n, a, b: n * (1 + a) + b), "1 + factor"),
    ("12.3", styled(grouped, lambda n, a, b: n * b + a), "changed places"),
    ("12.3", styled(lambda x, g: norm(x, (2,))), "instance norm"),
    ("12.3", styled(lambda x, g: norm(x, (1, 2))), "of all channels together"),
    ("12.3", styled(lambda x, g: norm(x, (1,))), "layer norm"),
    ("12.3", styled(over_the_batch), "over the batch"),
    ("12.3", styled(unbiased), "`var(..., correction=0)`"),
    ("12.3", styled(other_groups), "4 is the number of groups"),
    ("12.3", styled(beside_the_root), "under the root"),
    ("12.3", styled(grouped, lambda n, a, b: n), "You returned the normalized features"),
    ("12.4", pooled, "of the chairs that were not fitted"),
    ("12.4", lambda cloud: cloud, "Return a vector of features"),
    ("12.4", lambda cloud: cloud[:50].ravel(), "Clouds have no order"),
    ("12.4", lambda cloud: np.sort(cloud.ravel()), "300 at most"),
    ("12.4", lambda cloud: None, "Is the `return` missing?"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


def test_nearest_in_any_order_of_equally_near(rejects):
    rejects("12.2", found(lambda row, radius: row.argsort()), "You took the nearest points")


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("12.1", grid),
        ("12.1", lambda f, p, r: voxelize(f[None], grid_of(p[None], r))[0]),
        ("12.2", balls),
        ("12.2", found(inside)),
        ("12.3", styled(grouped)),
        ("12.4", neighbors),
    ],
)
def test_other_ways_that_are_right(id, answer):
    assert check(id, answer).status == "done"
