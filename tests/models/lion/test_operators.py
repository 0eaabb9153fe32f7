import pytest
import torch
from scipy.spatial import cKDTree

from pcvae.models.lion import operators
from pcvae.models.lion.operators import Grid, furthest_points, grid_of, points_in_balls


def places(reference, name):
    return reference[f"ops/{name}/coords"].transpose(1, 2).contiguous()  # (B, N, 3)


def chosen(reference, name):
    points, index = places(reference, name), reference[f"ops/{name}/idx"].long()
    return points, points.gather(1, index.unsqueeze(-1).expand(-1, -1, 3))


class TestAgainstTheReference:
    @pytest.mark.parametrize("name", ["fps_grid", "fps_random", "fps_dup"])
    def test_furthest_points_with_ties_and_coincident_points(self, reference, name):
        index = reference[f"ops/{name}/idx"]
        found = furthest_points(places(reference, name), index.shape[1])
        assert torch.equal(found, index.long())

    @pytest.mark.parametrize(
        ("name", "radius", "count"),
        [
            ("ball", 0.1, 16),
            ("ball", 0.3, 32),
            ("ball", 0.9, 8),
            ("ball_grid", 0.125, 8),
            ("ball_grid", 0.25, 16),
        ],
    )
    def test_points_in_balls_with_points_on_the_surface(self, reference, name, radius, count):
        points, centers = chosen(reference, "fps_grid" if name == "ball_grid" else "fps_random")
        found = points_in_balls(centers, points, radius, count)
        assert torch.equal(found, reference[f"ops/{name}/{radius}_{count}"].long())

    def test_an_empty_ball_gives_point_0(self, reference):
        points = places(reference, "fps_random")[:1]
        found = points_in_balls(torch.full((1, 4, 3), 9.0), points, 0.5, 5)
        assert torch.equal(found, reference["ops/ball_empty/idx"].long())

    @pytest.mark.parametrize("name", ["vox8", "vox5", "vox_half"])
    def test_voxels_and_back(self, reference, name):
        half = name == "vox_half"  # places exactly between two cells go to the even one
        points = places(reference, "vox_half" if half else "fps_random")
        features = reference["ops/vox_half/feat" if half else "ops/feat"]
        grid = grid_of(points, reference[f"ops/{name}/grid"].shape[-1])
        close(grid.place.transpose(1, 2), reference[f"ops/{name}/norm_coords"])
        cells = operators.voxelize(features, grid)
        close(cells, reference[f"ops/{name}/grid"])
        close(operators.devoxelize(cells, grid), reference[f"ops/{name}/devox"])

    def test_blending_at_whole_places_and_in_the_far_corner(self, reference):
        grid = Grid(places(reference, "devox"), 6)
        close(operators.devoxelize(reference["ops/devox/grid"], grid), reference["ops/devox/out"])

    @pytest.mark.parametrize(("name", "of"), [("nn3", "fps_random"), ("nn3_dup", "fps_dup")])
    def test_three_nearest(self, reference, name, of):
        points, centers = chosen(reference, of)
        index, weight = operators.three_nearest(points, centers)
        assert torch.equal(index, reference[f"ops/{name}/idx"].long())
        close(weight, reference[f"ops/{name}/weight"])
        found = operators.interpolate(points, centers, reference[f"ops/{name}/feat"])
        close(found, reference[f"ops/{name}/out"])


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.fixture
def cloud() -> torch.Tensor:
    return torch.randn(2, 300, 3, generator=torch.Generator().manual_seed(0))


def test_each_furthest_point_is_as_far_as_can_be(cloud):
    index = furthest_points(cloud, 20)
    for points, order in zip(cloud, index, strict=True):
        for step in range(1, 20):
            gap = torch.cdist(points, points[order[:step]]).amin(dim=1)
            assert gap[order[step]] == pytest.approx(gap.max().item())


def test_fewer_different_points_than_are_asked_for_give_point_0_again(cloud):
    index = furthest_points(cloud[:, :3].repeat(1, 5, 1), 6)
    assert (index[:, 3:] == 0).all()
    assert (index[:, :3].sort(dim=1).values == torch.arange(3)).all()


def test_balls_agree_with_scipy(cloud):
    found = points_in_balls(cloud[:, :10], cloud, 0.5, 8)
    for points, rows in zip(cloud, found, strict=True):
        for center, row in zip(points[:10], rows, strict=True):
            inside = sorted(cKDTree(points).query_ball_point(center, 0.5))[:8]
            assert row[: len(inside)].tolist() == inside
            assert (row[len(inside) :] == inside[0]).all()


def test_more_neighbors_than_points_repeat_the_first(cloud):
    found = points_in_balls(cloud[:, :2], cloud[:, 2:7], 1e3, 9)
    assert found[0, 0].tolist() == [0, 1, 2, 3, 4, 0, 0, 0, 0]


def test_voxels_keep_what_all_points_have_in_common(cloud):
    grid = grid_of(cloud, 8)
    cells = operators.voxelize(torch.ones(2, 1, 300), grid)
    torch.testing.assert_close(cells, cells.round())  # 0 or 1
    assert 0 < cells.mean() < 1


def test_nothing_mixes_the_clouds_of_a_batch(cloud):
    features = torch.randn(2, 4, 300, generator=torch.Generator().manual_seed(1))
    grid = grid_of(cloud, 8)
    together = operators.voxelize(features, grid)
    for k in range(2):
        alone = operators.voxelize(features[k : k + 1], Grid(grid.place[k : k + 1], 8))
        torch.testing.assert_close(together[k : k + 1], alone)


def test_weights_of_the_nearest_add_up_to_one(cloud):
    points = torch.cat([cloud, cloud[:, :5]], dim=1)  # some lie on a center exactly
    index, weight = operators.three_nearest(points, cloud[:, :40])
    torch.testing.assert_close(weight.sum(-1), torch.ones(2, 305))
    torch.testing.assert_close(index[:, :40, 0], torch.arange(40).expand(2, -1))


def test_gradients_reach_features_and_chosen_coordinates(cloud):
    points = cloud.double().requires_grad_()
    features = torch.randn(2, 4, 300, dtype=torch.double, requires_grad=True)
    cells = operators.voxelize(features, grid_of(points, 4))
    operators.devoxelize(cells, grid_of(points, 4)).square().sum().backward()
    assert features.grad.abs().sum() > 0
    assert points.grad is None  # the grid itself learns nothing
    operators.take(points.transpose(1, 2), furthest_points(points, 5)).sum().backward()
    assert (points.grad.abs().sum(dim=-1) > 0).sum(dim=1).tolist() == [5, 5]


@pytest.mark.parametrize("value", [1.0, torch.nan, torch.inf])
def test_a_cloud_without_a_size_is_told(value):
    with pytest.raises(ValueError, match="finite points that are not all the same"):
        grid_of(torch.full((1, 20, 3), value), 8)
