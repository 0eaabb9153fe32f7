"""The cells near points give the same numbers as all cells."""

import pytest
import torch

from pcvae.models import LionVAE
from pcvae.models.lion import blocks, sparse
from pcvae.models.lion.operators import grid_of, voxelize


@pytest.fixture
def surface():
    """Two spheres of points, whose grids are mostly empty, and points in a corner of each."""
    points = torch.randn(2, 400, 3, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    points = points / points.norm(dim=-1, keepdim=True)
    points[:, :20] = points[:, :20].abs()
    points[1] *= 0.5
    points[1, 0] = 1.0  # far out: the rest lies in few cells
    return points


@pytest.mark.parametrize("resolution", [3, 8, 16])
@pytest.mark.parametrize("style_dim", [0, 5])
def test_values_and_gradients_are_those_of_all_cells(surface, resolution, style_dim):
    torch.manual_seed(1)
    block = blocks.PVConv(6, 16, resolution, style_dim).double().eval()
    style = torch.randn(2, style_dim, dtype=torch.double) if style_dim else None
    grid, found = grid_of(surface, resolution), {}
    for way in (block.everywhere, block.near_points):
        x = torch.linspace(-1, 1, 2 * 6 * 400, dtype=torch.double).sin().view(2, 6, 400)
        x = (x * 20).sin().requires_grad_()
        block.zero_grad()
        out = way(x, grid, style)
        (out**2 * torch.arange(16.0).view(1, 16, 1)).sum().backward()
        weights = [w.grad.clone() for w in block.voxel_layers.parameters()]
        found[way.__name__] = [out.detach(), x.grad, *weights]
    for one, other in zip(*found.values(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("style_dim", [0, 5])
def test_in_training_without_dropout_both_ways_are_one(surface, style_dim):
    block = blocks.PVConv(6, 16, 8, style_dim).double().train()
    block.voxel_layers[3].p = 0.0
    x, grid = torch.randn(2, 6, 400, dtype=torch.double), grid_of(surface, 8)
    style = torch.randn(2, style_dim, dtype=torch.double) if style_dim else None
    torch.testing.assert_close(block.near_points(x, grid, style), block.everywhere(x, grid, style))


def test_a_field_of_voxels_is_the_grid_of_voxels(surface):
    features, grid = torch.randn(2, 4, 400, dtype=torch.double), grid_of(surface, 8)
    field = sparse.sparse_voxels(features, grid)
    torch.testing.assert_close(field.dense(), voxelize(features, grid))
    torch.testing.assert_close(field.total(), voxelize(features, grid).sum(dim=(2, 3, 4)))


def test_kinds_of_cells_count_the_grid():
    sizes = sparse.sizes_of_kinds(5)
    assert sizes.sum() == 5**3
    assert sizes[13] == 3**3  # inside
    assert sizes[0] == 1  # a corner


def test_a_model_can_be_trained_after_it_was_looked_at():
    """What is kept between calls was made in inference mode once, and training refused it."""
    sparse.kinds_of_cells.cache_clear()
    sparse.sizes_of_kinds.cache_clear()
    torch.manual_seed(0)
    model, x = LionVAE("small"), torch.randn(1, 512, 3)
    with torch.inference_mode():
        model(x)
    model(x).points.sum().backward()
    assert model.decoder.layers.classifier[0].layers[0].weight.grad is not None
