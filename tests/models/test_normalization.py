"""Clouds in model units, and back: by hand, and through a saved model."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import pcvae
from pcvae import checkpoints
from pcvae.models import Normalization, PointCloudVAE, VAEConfig
from pcvae.models.normalization import MODES


@pytest.fixture
def clouds(generator) -> torch.Tensor:
    """Three clouds of 50 points, of different sizes, off the origin and longest along y."""
    size = torch.tensor([0.1, 3.0, 40.0]).reshape(3, 1, 1)
    points = torch.randn(3, 50, 3, generator=generator) * torch.tensor([1.0, 4.0, 2.0])
    return points * size + torch.tensor([5.0, -7.0, 0.0])


def by_hand(points, mode):
    """The original's definitions, one cloud at a time."""
    cloud = points.numpy().astype(np.float64)
    if mode == "box":
        low, high = cloud.min(axis=0), cloud.max(axis=0)
        return (low + high) / 2, (high - low).max() / 2
    return cloud.mean(axis=0), cloud.reshape(-1).std()  # of all coordinates, about one mean


@pytest.mark.parametrize("mode", ["shape", "box"])
def test_each_cloud_is_normalized_as_the_original_does(clouds, mode):
    x = Normalization(mode=mode)(clouds)
    for cloud, found in zip(clouds, x, strict=True):
        mean, scale = by_hand(cloud, mode)
        assert np.allclose(found, (cloud.numpy() - mean) / scale, atol=1e-4)


def test_a_box_is_filled_along_its_longest_edge(clouds):
    x = Normalization(mode="box")(clouds)
    assert torch.allclose(x.amax((1, 2)), torch.ones(3), atol=1e-5)
    assert torch.allclose(x.amin((1, 2)), -torch.ones(3), atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_the_inverse_brings_clouds_back(clouds, mode):
    normalization = Normalization(torch.tensor([1.0, 2.0, 3.0]), 4.0, mode)
    statistics = normalization.statistics(clouds)
    x = normalization(clouds, statistics)
    assert torch.equal(x, normalization(clouds))
    torch.testing.assert_close(normalization.inverse(x, statistics), clouds, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_what_was_not_encoded_takes_the_training_sets_numbers(mode, clouds):
    normalization = Normalization(torch.tensor([1.0, 2.0, 3.0]), 4.0, mode)
    assert torch.allclose(normalization.inverse(clouds), clouds * 4 + torch.tensor([1.0, 2, 3]))


@pytest.mark.parametrize("mode", ["shape", "box"])
def test_a_single_point_becomes_the_origin(mode):
    points = torch.full((2, 1, 3), 7.0)
    assert torch.equal(Normalization(mode=mode)(points), torch.zeros(2, 1, 3))


@pytest.mark.parametrize("mode", MODES)
def test_a_saved_model_reconstructs_in_the_units_it_is_given(mode, clouds, tmp_path):
    config = VAEConfig(style_dim=8, width=16, normalization=mode)
    normalization = Normalization(clouds.mean((0, 1)), float(clouds.std()), mode)
    path = checkpoints.save(PointCloudVAE(config, normalization), tmp_path / "model.safetensors")
    model = pcvae.load(path)
    assert model.normalization.mode == mode
    scale = model.normalization.statistics(clouds).scale.expand(3, 1, 1)
    # An untrained model is nearly the identity, to a share of the model's unit.
    assert ((model.reconstruct(clouds) - clouds).abs() < 0.1 * scale).all()


def test_checkpoints_from_before_there_were_modes_are_global(tmp_path):
    model = PointCloudVAE(VAEConfig(style_dim=8, width=16), Normalization(None, 3.0))
    path = checkpoints.save(model, tmp_path / "new.safetensors")
    config = '{"style_dim": 8, "width": 16}'
    old = tmp_path / "old.safetensors"
    save_file(load_file(path), old, {"format": checkpoints.FORMAT, "config": config})
    normalization = pcvae.load(old).normalization
    assert (normalization.mode, normalization.scale) == ("global", 3)


def test_unknown_modes_and_those_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"global, shape, box.*'sphere'"):
        Normalization(mode="sphere")
    with pytest.raises(ValueError, match=r"global, shape, box.*'sphere'"):
        VAEConfig(normalization="sphere")
    with pytest.raises(ValueError, match=r"'global'.*'box'"):
        PointCloudVAE(normalization=Normalization(mode="box"))
