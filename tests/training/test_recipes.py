"""Recipes: each of them trains every weight."""

import pytest
import torch

from pcvae.data.batches import Batch
from pcvae.models import PointCloudVAE
from pcvae.training import (
    RECIPES,
    TrainConfig,
    VAEModule,
    build_objective,
    build_schedule,
    model_config,
)

SMALL = {"batch_size": 4, "num_points": 48, "prior_depth": 2}


@pytest.fixture
def module(recipe):
    """A model that a recipe is about to train, at its widths."""
    config = TrainConfig(**(RECIPES[recipe].settings | SMALL))
    return VAEModule(
        PointCloudVAE(model_config(config)),
        build_objective(config),
        build_schedule(config),
        prior_weight=config.prior_weight,
        local_points=min(config.local_points, 32),
    )


@pytest.mark.parametrize("recipe", RECIPES)
def test_gradients_reach_every_parameter(module, generator):
    batch = Batch(torch.randn(4, 48, 3, generator=generator), torch.arange(4))
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-6)
    # The flow of z starts with a last layer of zeros: the others learn from the second step on.
    for _ in range(2):
        optimizer.zero_grad()
        module.terms(batch, epoch=0).loss.backward()
        optimizer.step()
    silent = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
