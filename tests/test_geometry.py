import numpy as np
import pytest
from scipy.spatial.distance import cdist

from pcvae.geometry import farthest_points, sample_surface, to_unit_sphere

# A unit square in the plane y = 2 as one triangle of three quarters and one of a quarter of it,
# and a triangle without area.
SQUARE = np.array([[0, 2, 0], [1, 2, 0], [1, 2, 1], [0, 2, 1], [0.5, 2, 0]], dtype=np.float64)
FACES = np.array([[0, 3, 4], [4, 3, 2], [4, 2, 1], [0, 4, 1]])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_samples_lie_on_their_triangles_with_upright_normals(rng):
    points, normals, faces = sample_surface(SQUARE, FACES, 500, rng)
    assert points.dtype == normals.dtype == np.float32
    assert np.allclose(points[:, 1], 2)
    assert np.allclose(normals, [0, 1, 0])
    for point, face in zip(points, faces, strict=True):
        corners = SQUARE[FACES[face]][:, [0, 2]]
        weights = np.linalg.solve(np.vstack([corners.T, np.ones(3)]), [point[0], point[2], 1])
        assert (weights > -1e-6).all()


def test_samples_are_uniform_by_area(rng):
    points, _, faces = sample_surface(SQUARE, FACES, 20_000, rng)
    shares = np.bincount(faces, minlength=4) / 20_000
    assert np.allclose(shares, [0.25, 0.5, 0.25, 0], atol=0.015)
    cells, _, _ = np.histogram2d(points[:, 0], points[:, 2], bins=4, range=[[0, 1], [0, 1]])
    assert np.allclose(cells / 20_000, 1 / 16, atol=0.01)


def test_sampling_depends_on_its_generator_alone():
    first, second = (sample_surface(SQUARE, FACES, 9, np.random.default_rng(4)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("faces", [np.zeros((0, 3), dtype=int), np.array([[0, 4, 1]])])
def test_a_mesh_without_area_is_refused(rng, faces):
    with pytest.raises(ValueError, match="no surface"):
        sample_surface(SQUARE, faces, 5, rng)


def test_a_mesh_with_nan_is_refused(rng):
    with pytest.raises(ValueError, match="not finite"):
        sample_surface(np.full((3, 3), np.nan), np.array([[0, 1, 2]]), 5, rng)


def test_each_next_point_is_the_farthest_from_those_before(rng):
    points = rng.normal(size=(60, 3)).astype(np.float32)
    chosen = farthest_points(points, 60, start=7)
    distances = cdist(points, points)
    assert chosen[0] == 7
    assert sorted(chosen) == list(range(60))
    for k in range(1, 60):
        to_chosen = distances[:, chosen[:k]].min(axis=1)
        assert to_chosen[chosen[k]] == pytest.approx(to_chosen.max(), rel=1e-5)


def test_fewer_farthest_points_are_the_first_of_more(rng):
    points = rng.normal(size=(200, 3))
    assert (farthest_points(points, 20) == farthest_points(points, 50)[:20]).all()


def test_farthest_points_are_spread_more_evenly_than_random_ones(rng):
    points = rng.random((2000, 3)).astype(np.float32)

    def spacing(rows):
        apart = cdist(points[rows], points[rows])
        np.fill_diagonal(apart, np.inf)
        return apart.min(axis=1).mean()

    assert spacing(farthest_points(points, 200)) > 1.5 * spacing(np.arange(200))


@pytest.mark.parametrize(("count", "start"), [(0, 0), (11, 0), (3, 10), (3, -1)])
def test_impossible_counts_and_starts_are_refused(rng, count, start):
    with pytest.raises(ValueError, match="must"):
        farthest_points(rng.normal(size=(10, 3)), count, start)


def test_the_unit_sphere_is_reached_and_can_be_undone(rng):
    points = (rng.normal(size=(300, 3)) * [1, 20, 3] + [5, -700, 9]).astype(np.float32)
    cloud, center, radius = to_unit_sphere(points)
    assert cloud.dtype == np.float32
    assert np.linalg.norm(cloud, axis=1).max() == pytest.approx(1, abs=1e-6)
    assert np.allclose(cloud.min(axis=0), -cloud.max(axis=0), atol=1e-6)
    assert np.allclose(cloud * radius + center, points, atol=1e-3)
    again, _, _ = to_unit_sphere(cloud)
    assert np.allclose(again, cloud, atol=1e-6)


@pytest.mark.parametrize(
    "points", [np.zeros((0, 3)), np.ones((1, 3)), np.ones((5, 3)), np.full((5, 3), np.inf)]
)
def test_clouds_without_size_are_refused(points):
    with pytest.raises(ValueError, match="points"):
        to_unit_sphere(points)
