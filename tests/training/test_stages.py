"""Training a prior: jointly or in two stages, resumed or not, and who teaches whom."""

import pytest
import torch
from safetensors.torch import load_file

import pcvae
from pcvae import checkpoints
from pcvae.models import PointCloudVAE, PriorConfig, VAEConfig
from pcvae.randomness import flow_noise_for_shapes
from pcvae.training import train
from pcvae.training.module import STAGES

PRIOR = {"prior": True, "prior_width": 16, "prior_depth": 1, "local_points": 8}


def weights(path, part):
    return {name: value for name, value in load_file(path).items() if name.startswith(part)}


def same(one, other):
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_joint_run_trains_both_flows_and_logs_them(configure):
    path = train(configure(batch_size=1, **PRIOR))
    model = pcvae.load(path)
    assert model.config.prior == PriorConfig(width=16, depth=1)
    assert model.prior.style.head.weight.abs().sum() > 0  # it starts at zero
    header = (path.parent / "logs/version_0/metrics.csv").read_text().splitlines()[0]
    assert {"train/flow_z", "train/flow_h", "val/flow_h"} <= set(header.split(","))


def test_two_stages_keep_what_the_first_has_learned(configure, tmp_path):
    vae = train(configure(out=tmp_path / "vae"))
    second = {"start_from": str(vae), **PRIOR}
    prior = train(configure(out=tmp_path / "prior", fit="prior", **second))
    for part in ("style_encoder", "point_encoder", "decoder", "normalization"):
        assert same(weights(vae, part), weights(prior, part))
    third = {"start_from": str(prior), **PRIOR}
    style = train(configure(out=tmp_path / "style", fit="style_prior", **third))
    assert same(weights(prior, "prior.points"), weights(style, "prior.points"))
    assert not same(weights(prior, "prior.style"), weights(style, "prior.style"))


def test_going_on_from_a_model_keeps_its_sizes_and_units(configure, tmp_path):
    first = train(configure(out=tmp_path / "first", **PRIOR))
    longer = configure(out=tmp_path / "second", start_from=str(first), width=32, seed=3, **PRIOR)
    second = train(longer)
    assert pcvae.load(second).config == pcvae.load(first).config
    assert same(weights(first, "normalization"), weights(second, "normalization"))


def test_a_model_remembers_all_trainings_before_its_own(configure, tmp_path):
    first = train(configure(out=tmp_path / "first", seed=1))
    second = train(configure(out=tmp_path / "second", seed=2, start_from=str(first)))
    last = tmp_path / "last"
    train(configure(out=last, seed=3, start_from=str(second), max_epochs=1))
    second.unlink()  # what a run was begun with may be gone when it is resumed
    resumed = train(configure(out=None, seed=3, resume=last, start_from=str(second), max_epochs=2))
    notes = checkpoints.notes(resumed)
    assert [run["seed"] for run in (notes["train"], *notes["before"])] == [3, 2, 1]


def test_a_prior_is_trained_on_a_finished_model_only(configure):
    with pytest.raises(ValueError, match="name the model with --start_from"):
        configure(fit="prior", **PRIOR)


def test_a_stopped_joint_run_ends_with_the_weights_of_one_that_was_not(
    configure, tmp_path, cut_power
):
    settings = {"max_epochs": 4, "ema": 0.9, **PRIOR}
    whole = train(configure(out=tmp_path / "whole", **settings))
    cut_power(configure(out=tmp_path / "parts", **settings))
    resumed = train(configure(out=None, resume=tmp_path / "parts", **settings))
    assert same(load_file(whole), load_file(resumed))


def test_mixed_precision_trains_nearly_the_same_model(configure, tmp_path):
    exact = load_file(train(configure(out=tmp_path / "exact", **PRIOR)))
    mixed = load_file(train(configure(out=tmp_path / "mixed", precision="bf16-mixed", **PRIOR)))
    assert not same(exact, mixed)
    for name, value in exact.items():  # Adam moves each weight by at most 1e-3 in each of 6 steps
        assert (mixed[name] - value).abs().max() < 1.3e-2, name


def test_the_flow_of_h_teaches_z_but_not_h():
    torch.manual_seed(0)
    prior = PriorConfig(style_width=16, style_depth=1, width=16, depth=1, condition_dim=8)
    model = PointCloudVAE(VAEConfig(style_dim=8, width=16, prior=prior))
    torch.nn.init.normal_(model.prior.points.network.head.weight)
    output = model(torch.randn(2, 30, 3))
    noise = flow_noise_for_shapes(
        torch.arange(2), seed=0, epoch=0, style_dim=8, point_dim=4, num_points=30, repeats=2
    )
    sum(STAGES["all"].prior_losses(model.prior, output, noise)).backward()
    assert all(p.grad is not None and p.grad.any() for p in model.style_encoder.parameters())
    untouched = [*model.point_encoder.parameters(), *model.decoder.parameters()]
    assert all(p.grad is None or not p.grad.any() for p in untouched)


def test_noise_of_the_flows_belongs_to_shape_and_epoch():
    sizes = {"style_dim": 3, "point_dim": 4, "num_points": 5, "repeats": 2}
    both = flow_noise_for_shapes(torch.tensor([7, 9]), seed=0, epoch=1, **sizes)
    alone = flow_noise_for_shapes(torch.tensor([9]), seed=0, epoch=1, **sizes)
    assert torch.equal(both.points[1:], alone.points)
    assert torch.equal(both.style[2:], alone.style)
    later = flow_noise_for_shapes(torch.tensor([9]), seed=0, epoch=2, **sizes)
    assert not torch.equal(alone.points, later.points)
