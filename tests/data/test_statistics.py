"""Normalizations fitted to training sets that may not fit into memory."""

import numpy as np
import pytest
import torch

from pcvae.data import CloudSet, statistics
from pcvae.data.lazy import PointFiles
from pcvae.data.statistics import check_finite, fit_normalization

POINTS = (np.random.default_rng(0).normal(size=(7, 30, 3)) * [1, 5, 2] + [100, -3, 0]).astype(
    np.float32
)


def named(points):
    return CloudSet("set", points, tuple("abcdefg"[: len(points)]), ("x",) * len(points))


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{row}.npy" for row in range(7)]
    for path, cloud in zip(paths, POINTS, strict=True):
        np.save(path, cloud)
    return paths


def by_hand(points):
    """Mean of each axis over all points; one deviation of all coordinates about one mean."""
    wide = points.astype(np.float64)
    return wide.reshape(-1, 3).mean(axis=0), wide.reshape(-1).std()


@pytest.mark.parametrize("chunk", [1, 200, 10**6])
def test_global_numbers_are_the_originals(monkeypatch, chunk):
    monkeypatch.setattr(statistics, "CHUNK", chunk)
    found = fit_normalization(named(POINTS))
    mean, scale = by_hand(POINTS)
    assert np.allclose(found.mean, mean, rtol=1e-6)
    assert found.scale.item() == pytest.approx(scale, rel=1e-6)


def test_all_points_of_the_files_count_not_only_those_trained_on(files):
    lazy = PointFiles(files, 30, 0, 20)
    found = fit_normalization(named(lazy))
    assert np.allclose(found.mean, by_hand(POINTS)[0], rtol=1e-6)


@pytest.mark.parametrize("mode", ["shape", "box"])
def test_by_shape_the_averages_are_kept(mode):
    found = fit_normalization(named(POINTS), mode)
    each = found.statistics(torch.from_numpy(POINTS))
    assert found.mode == mode
    torch.testing.assert_close(found.mean, each.mean.mean(0)[0])
    torch.testing.assert_close(found.scale, each.scale.mean())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_found_on_the_disk(files, bad):
    spoiled = POINTS[3].copy()
    spoiled[-1, 2] = bad
    np.save(files[3], spoiled)
    clouds = named(PointFiles(files, 30))
    with pytest.raises(ValueError, match=r"'set'.*NaN or infinity in d\."):
        fit_normalization(clouds)
    with pytest.raises(ValueError, match=r"infinity in d\."):
        check_finite(clouds, clouds.points[[5, 3]], [5, 3])


def test_points_that_are_all_the_same_are_refused():
    with pytest.raises(ValueError, match="all points of the data the same"):
        fit_normalization(named(np.ones((2, 5, 3), dtype=np.float32)))
