"""What furniture learns shape from: random things, and stretched shapes that it may train on."""

import make_mixture as script
import numpy as np
import pytest
from make_mixture import SLICES, STRETCH, make_mixture, warp
from making.assemblies import KINDS, assembly
from scipy.spatial import cKDTree

from pcvae.data import load_furniture, open_splits


@pytest.mark.parametrize("kind", sorted({kind.__name__ for kind in KINDS}))
def test_each_kind_of_random_thing_fills_the_unit_sphere(kind, monkeypatch):
    (made,) = {each for each in KINDS if each.__name__ == kind}
    monkeypatch.setattr("making.assemblies.KINDS", (made,))
    for seed in range(20):
        cloud = assembly(np.random.default_rng(seed), 300)
        assert cloud.shape == (300, 3)
        assert np.isfinite(cloud).all()
        assert 0.5 < np.linalg.norm(cloud, axis=1).max() < 1 + 1e-5


def test_random_things_differ_and_come_again_by_seed():
    first, again = (assembly(np.random.default_rng(3), 50) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != assembly(np.random.default_rng(4), 50)).any()


def test_stretching_keeps_left_and_right_alike_and_neighbors_together():
    rng = np.random.default_rng(0)
    half = rng.uniform(0, 1, (400, 3))
    cloud = np.concatenate([half, half * [-1, 1, 1]])
    moved = warp(cloud, rng)
    assert moved.dtype == np.float32
    assert np.abs(moved[:400] * [-1, 1, 1] - moved[400:]).max() < 1e-5
    order = np.argsort(cloud[:, 1])
    assert (np.diff(moved[order, 1]) >= 0).all()  # what was above stays above
    steps = np.diff(moved[order, 1]) / np.maximum(np.diff(cloud[order, 1]), 1e-9)
    steps = steps[np.diff(cloud[order, 1]) > 1e-4]
    assert 1.05 < steps.max() / steps.min() < np.exp(2 * STRETCH) * 1.05
    assert SLICES > 2


def test_nothing_that_is_tested_with_is_in_it(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(script, "load_furniture", lambda s: asked.append(s) or load_furniture(s))
    make_mixture(tmp_path / "mixture.npz", assemblies=3, warped=150)
    assert sorted(set(asked)) == ["train", "val"]
    splits = open_splits(str(tmp_path / "mixture.npz"))
    made = np.concatenate([splits.train.points, splits.test.points])
    assert [len(made), len(splits.val)] == [153, len(load_furniture("val"))]
    held_out = load_furniture("test").points
    tree = cKDTree(np.concatenate(held_out))
    for cloud in made:  # no cloud lies in one that is tested with
        distance, index = tree.query(cloud)
        same = np.bincount(index // held_out.shape[1], minlength=len(held_out))
        assert not ((distance < 1e-3).mean() > 0.9 and same.max() > 0.9 * len(cloud))
