"""Runs on data of every kind, with the options that change what a model is shown."""

import numpy as np
import pytest
import torch

import pcvae
from pcvae.commands import main
from pcvae.training import TrainConfig, open_data, train


@pytest.fixture
def shapenet(tmp_path):
    """Mugs in PointFlow's layout, far from the origin and large."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 2), ("test", 2)):
        folder = tmp_path / "PC15k" / "03797390" / split
        folder.mkdir(parents=True)
        for row in range(count):
            cloud = rng.normal(size=(100, 3)) * rng.uniform(5, 20) + [100, 0, 0]
            np.save(folder / f"{split}{row}.npy", cloud.astype(np.float32))
    return tmp_path / "PC15k"


@pytest.mark.parametrize("normalization", ["global", "shape", "box"])
def test_models_of_each_normalization_reconstruct_in_the_units_of_the_data(
    configure, shapenet, normalization
):
    config = configure(data=f"shapenet:{shapenet}", categories="mug", normalization=normalization)
    model = pcvae.load(train(config))
    assert model.normalization.mode == normalization
    cloud = torch.from_numpy(np.load(shapenet / "03797390" / "test" / "test0.npy"))[None]
    assert (model.reconstruct(cloud) - cloud).abs().mean() < 0.2 * cloud.std((0, 1)).mean()


EVERYTHING = {
    "replacement": True,
    "mirror": True,
    "stretch": 0.1,
    "jitter": 0.01,
    "normalization": "box",
    "num_points": 24,
}


def test_a_resumed_run_sees_the_same_changes(configure, tmp_path, cut_power):
    whole = train(configure(out=tmp_path / "whole", max_epochs=4, **EVERYTHING))
    cut_power(configure(out=tmp_path / "parts", max_epochs=4, **EVERYTHING))
    resumed = configure(out=None, resume=tmp_path / "parts", max_epochs=4, **EVERYTHING)
    weights = [pcvae.load(path).state_dict() for path in (whole, train(resumed))]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    plain = pcvae.load(train(configure(out=tmp_path / "plain", max_epochs=4))).state_dict()
    assert any(not torch.equal(weights[0][name], plain[name]) for name in plain)


def test_options_are_flags(monkeypatch):
    seen = []
    monkeypatch.setattr("pcvae.training.train", lambda config: seen.append(config) or "model")
    words = "--data shapenet:/data --categories chair,airplane --normalization shape --up z"
    words += " --replacement true --mirror true --stretch 0.1 --jitter 0.02 --strict true"
    assert main(["train", *words.split(), "--num_shapes", "50"]) == 0
    expected = TrainConfig(
        data="shapenet:/data",
        categories="chair,airplane",
        normalization="shape",
        up="z",
        replacement=True,
        mirror=True,
        stretch=0.1,
        jitter=0.02,
        strict=True,
        num_shapes=50,
    )
    assert seen == [expected]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"jitter": -0.1}, "--jitter"), ({"stretch": 1.0}, "--stretch"), ({"num_shapes": 0}, "--num")],
)
def test_impossible_options_are_named(configure, changes, message):
    with pytest.raises(ValueError, match=message):
        configure(**changes)


def test_local_latents_go_to_a_fair_draw_of_each_cloud(configure, tmp_path):
    """The first of a cloud's points get them, and files are often ordered, say by height."""
    ordered = np.sort(np.random.default_rng(0).uniform(-1, 1, (20, 64, 3)).astype("f4"), axis=1)
    np.savez(tmp_path / "set.npz", points=ordered)
    config = configure(data=str(tmp_path / "set.npz"), num_points=64, local_points=16)
    data = open_data(config)
    seen = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0).points[:, :16]
    assert seen[..., 1].amin() < -0.8
    assert seen[..., 1].amax() > 0.8
    assert data.shuffle
    assert not open_data(configure(data=str(tmp_path / "set.npz"), num_points=64)).shuffle
