"""Known factors of procedural shapes, which z is taught to say."""

import pytest
import torch
from safetensors.torch import load_file

import pcvae
from pcvae.data.batches import Batch
from pcvae.models import PointCloudVAE, VAEConfig
from pcvae.objective import KLSchedule, Objective
from pcvae.training import VAEModule, train

CHAIRS = {"data": "procedural:chair", "num_shapes": 40, "num_points": 64, "style_dim": 8}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_CACHE", str(tmp_path / "cache"))


def told(known, weight=2.0):
    """A module that is taught these numbers, on the same random weights each time."""
    torch.manual_seed(0)
    model = PointCloudVAE(VAEConfig(style_dim=8, width=16))
    module = VAEModule(model, Objective(), KLSchedule(), known=known, factor_weight=weight)
    module.schedule_steps = 1
    return module


def terms_of(module, training=True):
    batch = Batch(
        torch.randn(4, 32, 3, generator=torch.Generator().manual_seed(1)), torch.arange(4)
    )
    return module.train(training).terms(batch, epoch=0)


@pytest.fixture
def _no_trainer(monkeypatch):
    monkeypatch.setattr(VAEModule, "global_step", 0)


@pytest.mark.usefixtures("_no_trainer")
def test_the_loss_grows_by_the_weighted_error_of_what_is_known():
    known = torch.randn(9, 3)
    plain, taught = terms_of(told(None)), terms_of(told(known))
    assert plain.factors is None
    torch.testing.assert_close(taught.loss, plain.loss + 2 * taught.factors)
    assert terms_of(told(known), training=False).factors is None


@pytest.mark.usefixtures("_no_trainer")
def test_what_is_not_known_teaches_nothing():
    known = torch.full((9, 3), torch.nan)
    assert terms_of(told(known)).factors == 0
    known[:, 1] = 0.5
    module = told(known)
    terms_of(module).factors.backward()
    assert torch.isfinite(module.readout.weight.grad).all()
    assert (module.readout.weight.grad.abs().sum(dim=1) > 0).tolist() == [False, True, False]


@pytest.mark.usefixtures("_no_trainer")
def test_the_style_encoder_learns_from_factors_and_the_decoder_does_not():
    module = told(torch.randn(9, 3))
    terms_of(module).factors.backward()
    assert module.model.style_encoder.head.weight.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in module.model.decoder.parameters())


def test_a_stopped_run_ends_with_the_weights_of_one_that_was_not(configure, tmp_path, cut_power):
    settings = {**CHAIRS, "max_epochs": 4, "factor_weight": 1.0}
    whole = train(configure(out=tmp_path / "whole", **settings))
    cut_power(configure(out=tmp_path / "parts", **settings))
    resumed = train(configure(out=None, resume=tmp_path / "parts", **settings))
    found = load_file(whole)
    assert all(torch.equal(value, load_file(resumed)[name]) for name, value in found.items())
    assert not any("readout" in name for name in found)
    assert pcvae.checkpoints.notes(whole)["train"]["factor_weight"] == 1.0
    header = (whole.parent / "logs/version_0/metrics.csv").read_text().splitlines()[0]
    assert "train/factors" in header


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "furniture"}, "is for --data procedural"),
        ({"stretch": 0.1}, "has other factors"),
        ({"fit": "prior", "prior": True, "start_from": "shapes"}, "which --fit prior leaves"),
    ],
)
def test_factors_that_are_not_known_or_teach_nobody_are_refused(configure, changes, message):
    with pytest.raises(ValueError, match=message):
        configure(**({"data": "procedural"} | changes), factor_weight=1.0)
