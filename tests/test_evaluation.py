"""Scores of generators whose merits are known, and the command that prints them."""

import json

import numpy as np
import pytest
import torch

from pcvae import checkpoints
from pcvae.commands import main
from pcvae.commands.held_out import open_data_of
from pcvae.data.cloud_files import write_set
from pcvae.data.clouds import CloudSet
from pcvae.evaluation import evaluate, generation, memorizing, rebuild, reconstruction
from pcvae.metrics import (
    Work,
    chamfer,
    emd_matrix,
    fixed_subsets,
    random_splits,
    set_scores,
    transport,
)
from pcvae.models import DiagonalGaussian, Normalization, PointCloudVAE, PriorConfig, VAEConfig
from pcvae.sampling import Way

PRIOR = PriorConfig(style_width=16, style_depth=1, width=16, depth=1, condition_dim=8)
SMALL = {"style_dim": 4, "width": 16}


def boxes(rng, count, points=256):
    """Points on the surfaces of boxes of random proportions, as a real data set might hold."""
    inside = rng.uniform(-1, 1, size=(count, points, 3))
    axis = rng.integers(3, size=(count, points, 1))
    np.put_along_axis(inside, axis, np.sign(np.take_along_axis(inside, axis, -1)), -1)
    return (inside * rng.uniform(0.2, 1, size=(count, 1, 3))).astype(np.float32)


@pytest.fixture
def held_out(rng):
    return boxes(rng, 60)


@pytest.fixture
def training(rng):
    return boxes(rng, 80)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return PointCloudVAE(VAEConfig(**SMALL), Normalization(torch.tensor([0.1, 0, 0]), 0.5)).eval()


class StyleIsWidth(PointCloudVAE):
    """z is a box's three edges, and h, whatever it is, a place on the surface of that box."""

    def encode_style(self, x):
        edges = x.abs().amax(dim=1)
        return DiagonalGaussian(edges, torch.full_like(edges, -20))

    def decode(self, h, z):
        inside = torch.erf(h[..., :3] / 2**0.5)  # uniform, if h is standard normal
        axis = (h[..., 3:4] * 1e4).round().long() % 3
        return inside.scatter(-1, axis, inside.gather(-1, axis).sign()) * z.unsqueeze(1)


@pytest.fixture
def perfect():
    return StyleIsWidth(VAEConfig(style_dim=3, width=16))


def score(held_out, samples, **options):
    return generation(samples, held_out, **{"points": 128, "splits": 5, "emd": False} | options)


def test_real_shapes_score_at_the_floor(rng, held_out):
    found = score(held_out, boxes(rng, 60), splits=20)
    for part in (*found["cd"].values(), found["jsd"]):
        assert abs(part.excess) < 3 * part.excess_std
    assert found["cd"]["1-nna"].floor == pytest.approx(0.5, abs=0.1)
    assert (found["shapes"], found["points"], found["splits"]) == (30, 128, 20)


def test_one_shape_again_and_again_is_found_out(rng, held_out):
    found = score(held_out, np.repeat(boxes(rng, 1), 60, axis=0))
    cov, told, mmd = (found["cd"][name] for name in ("cov", "1-nna", "mmd"))
    assert cov.value < 0.1 < 0.4 < cov.floor
    assert told.excess > 0.3
    assert mmd.excess > 5 * mmd.floor_std
    assert found["jsd"].excess > 0


def test_noisy_shapes_score_worse_the_noisier_they_are(rng, held_out):
    real = boxes(rng, 60)
    scores = [
        score(held_out, real + noise * rng.normal(size=real.shape).astype(np.float32))
        for noise in (0, 0.1, 0.3)
    ]
    for name in ("mmd", "1-nna"):
        values = [found["cd"][name].value for found in scores]
        assert values == sorted(values)


def test_size_and_place_count_only_in_data_units(rng, held_out):
    samples = boxes(rng, 60)
    moved = 7 * samples + np.float32(3)
    here, there = score(held_out, samples), score(7 * held_out + np.float32(3), moved)
    for name, part in here["cd"].items():
        assert part == pytest.approx(there["cd"][name], rel=1e-3, abs=1e-6)
    # Against references that were not moved: no matter by shape, and all that matters as they are.
    assert score(held_out, moved)["cd"]["1-nna"] == pytest.approx(here["cd"]["1-nna"], rel=1e-3)
    assert score(held_out, moved, units="data")["cd"]["1-nna"].value == 1


def test_data_units_scale_as_squares(rng, held_out):
    samples = boxes(rng, 60)
    one, ten = (
        score(f * held_out, f * samples, units="data") for f in (np.float32(1), np.float32(10))
    )
    assert ten["cd"]["mmd"].value == pytest.approx(100 * one["cd"]["mmd"].value, rel=1e-4)
    assert ten["jsd"].value == pytest.approx(one["jsd"].value, rel=1e-6)


def test_emd_512_is_scored_as_brute_force_would(rng, held_out):
    samples = boxes(rng, 20)
    found = score(held_out[:20], samples, points=64, emd=True, units="data", splits=3)
    pool = np.concatenate([fixed_subsets(samples, 64, seed=1), fixed_subsets(held_out[:20], 64, 2)])
    exact = emd_matrix(fixed_subsets(pool, 512, seed=3))
    splits = list(random_splits(20, 20, 3))
    expected = [set_scores(exact, split.samples, split.references) for split in splits]
    for name, part in found["emd-512"].items():
        assert part.value == pytest.approx(np.mean([one[name] for one in expected]))
    assert 0 < found["emd_solved"] < 1


def test_a_perfect_model_rebuilds_to_the_floor(perfect, held_out):
    found = reconstruction(perfect, held_out, points=128)
    assert found["cd_style_over_floor"] == pytest.approx(1, abs=0.15)
    assert found["f_style"] == pytest.approx(found["f_floor"], abs=0.05)
    assert (found["shapes"], found["points"]) == (60, 128)


def test_an_untrained_model_copies_by_h_and_knows_nothing_by_z(model, held_out):
    """The model begins as the identity with little noise: the original's trap, in two numbers."""
    found = reconstruction(model, held_out, points=128)
    assert found["cd_posterior"] < 0.1 * found["cd_floor"]
    assert found["cd_style"] > 3 * found["cd_floor"]


def test_halves_are_smaller_if_clouds_have_too_few_points(model, held_out):
    assert reconstruction(model, held_out, points=2048)["points"] == 128


def test_reconstructions_are_moved_as_their_targets_are(perfect, held_out):
    """A model that makes everything twice as large is wrong, also in units of the shape."""

    class Doubled(StyleIsWidth):
        def decode(self, h, z):
            return 2 * super().decode(h, z)

    doubled = Doubled(perfect.config)
    assert reconstruction(doubled, held_out, points=128)["cd_style_over_floor"] > 10


@pytest.mark.parametrize("mode", ["global", "shape", "box"])
def test_rebuilt_clouds_are_in_data_units(held_out, mode):
    config = VAEConfig(**SMALL, normalization=mode)
    model = PointCloudVAE(config, Normalization(torch.tensor([50.0, 0, 0]), 3.0, mode)).eval()
    far = 20 * held_out + np.float32([50, 0, 0])
    posterior, style = rebuild(model, far)
    np.testing.assert_allclose(posterior, far, atol=1)
    assert posterior.dtype == style.dtype == np.float32


def test_a_shape_is_rebuilt_alike_whoever_is_beside_it(model, held_out):
    for one, few in zip(rebuild(model, held_out), rebuild(model, held_out[:5]), strict=True):
        np.testing.assert_allclose(one[:5], few, rtol=0, atol=1e-5)


def test_copies_of_training_shapes_are_named(rng, held_out, training):
    copied = rng.permutation(80)[:20]
    samples = training[copied] + np.float32(1e-3)
    found = memorizing(samples, held_out, training)
    assert found["indices"] == copied.tolist()
    assert found["nearer_than_held_out"] == 1
    assert found["median_distance"] < 0.01 * found["median_distance_of_held_out"]


def test_new_shapes_are_not_taken_for_copies(rng, held_out, training):
    found = memorizing(boxes(rng, 60), held_out, training)
    assert found["nearer_than_held_out"] == pytest.approx(0.5, abs=0.15)


OPTIONS = {"points": 100, "count": 10, "splits": 3}


def test_everything_is_scored_and_the_same_every_time(model, held_out, training):
    found = evaluate(model, held_out, training, **OPTIONS)
    assert found["settings"]["drawn_from"] == "N(0, I)"
    assert found["generation"]["shapes"] == 10
    assert set(found["generation"]) >= {"cd", "emd-512", "jsd"}
    assert len(found["memorization"]["indices"]) == 10
    assert evaluate(model, held_out, training, work=Work(workers=1), **OPTIONS) == found


def test_a_learned_prior_is_named(held_out, training):
    model = PointCloudVAE(VAEConfig(**SMALL, prior=PRIOR)).eval()
    found = evaluate(model, held_out, training, emd=False, way=Way(steps=2), **OPTIONS)
    assert found["settings"]["drawn_from"] == "the learned prior"
    assert found["settings"]["steps"] == 2
    assert "emd-512" not in found["generation"]


def test_samples_of_others_are_scored(rng, model, held_out, training):
    samples = boxes(rng, 60)
    found = evaluate(model, held_out, training, samples=samples, emd=False, **OPTIONS)
    assert found["settings"]["drawn_from"] == "samples given"
    assert found["generation"]["cd"]["1-nna"].value < 0.75


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"references": np.zeros((4, 9, 2), np.float32)}, "references: expected an array"),
        ({"references": np.zeros((1, 9, 3), np.float32)}, "at least one sample and two held-out"),
        ({"references": np.zeros((4, 1, 3), np.float32)}, "two points or more"),
        ({"training": np.full((4, 9, 3), np.inf, np.float32)}, "training: expected finite"),
        ({"samples": np.full((4, 9, 3), np.nan, np.float32)}, "samples: expected finite"),
        ({"count": 0}, "at least one shape"),
        ({"units": "cm"}, "shape, data"),
        ({"splits": 0}, "at least one split"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(rng, model, held_out, training, options, message):
    given = {"references": held_out, "training": training, "emd": False} | OPTIONS | options
    with pytest.raises(ValueError, match=message):
        evaluate(model, **given)


@pytest.fixture
def files(rng, model, held_out, training, tmp_path):
    """A checkpoint and the data it remembers."""
    clouds = CloudSet(
        "boxes",
        np.concatenate([training, held_out]),
        tuple(f"box-{row:03d}" for row in range(140)),
        ("box",) * 140,
    )
    splits = np.array(["train"] * 80 + ["val"] * 20 + ["test"] * 40)
    data = write_set(tmp_path / "boxes.npz", clouds, splits=splits)
    notes = {"train": {"data": str(data), "seed": 3, "categories": "", "num_shapes": 3000}}
    return checkpoints.save(model, tmp_path / "model.safetensors", notes), data


def test_the_command_prints_a_table_and_writes_json(files, tmp_path, capsys):
    checkpoint, data = files
    out = tmp_path / "scores.json"
    words = ["evaluate", str(checkpoint), "--data", str(data), "--count", "10", "--points", "100"]
    words += ["--splits", "3", "--out", str(out), "--cache", str(tmp_path / "distances")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    for label in ("CD from z alone", "1-NNA-CD", "COV-EMD-512", "JSD", "held-out ones", "N(0, I)"):
        assert label in printed
    assert max(map(len, printed.splitlines()[1:])) <= 80  # paths may be longer
    found = json.loads(out.read_text())
    told = found["generation"]["cd"]["1-nna"]
    assert f"{told['value']:.3f} ± {told['std']:.3f}" in printed
    assert f"{told['floor']:.3f} ± {told['floor_std']:.3f}" in printed
    assert found["memorization"]["ids"][0].startswith("box-")
    assert int(found["memorization"]["ids"][0][4:]) == found["memorization"]["indices"][0]
    assert {path.name for path in (tmp_path / "distances").iterdir()} == {
        "chamfer.npz",
        "emd-512.npz",
        "training.npz",
    }
    assert main([*words, "--workers", "1"]) == 0
    assert json.loads(out.read_text()) == found


def test_the_data_are_those_the_model_was_trained_on(files, tmp_path):
    checkpoint, data = files
    out = tmp_path / "scores.json"
    flags = "--count 5 --points 64 --splits 2 --emd false --progress false"
    assert main(["evaluate", str(checkpoint), *flags.split(), "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["settings"]["data"] == str(data)
    assert found["memorization"]["training_shapes"] == 80


def test_distances_are_kept_until_the_evaluation_is_through(files, tmp_path, monkeypatch):
    checkpoint, _ = files
    monkeypatch.setenv("PCVAE_CACHE", str(tmp_path / "cache"))
    flags = "--count 5 --points 64 --splits 2 --progress false --workers 1"
    words = ["evaluate", str(checkpoint), *flags.split()]

    def stop(one, other):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transport, "emd", stop)
        assert main(words) == 130
    kept = {path.name for path in (tmp_path / "cache").rglob("*.npz")}
    assert kept == {"chamfer.npz", "emd-512.npz"}

    fresh = []
    row = chamfer.chamfer_row
    monkeypatch.setattr(
        chamfer, "chamfer_row", lambda *a: fresh.append(len(a[0].clouds)) or row(*a)
    )
    assert main(words) == 0
    assert fresh == [10] * 10  # samples and references against training shapes, and no more
    assert not list((tmp_path / "cache").rglob("*.npz"))


def test_samples_are_read_from_a_file(files, rng, tmp_path):
    checkpoint, _ = files
    samples, out = tmp_path / "shapes.npz", tmp_path / "scores.json"
    np.savez(samples, points=boxes(rng, 40))
    flags = "--count 20 --points 64 --splits 4 --emd false --progress false"
    words = ["evaluate", str(checkpoint), *flags.split(), "--samples", str(samples)]
    assert main([*words, "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["settings"]["drawn_from"] == "samples given"
    assert found["generation"]["cd"]["1-nna"]["value"] < 0.75


def test_procedural_shapes_are_parted_as_for_training(model, tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_CACHE", str(tmp_path))
    notes = {"train": {"data": "procedural:mug", "seed": 5, "categories": "", "num_shapes": 40}}
    path = checkpoints.save(model, tmp_path / "model.safetensors", notes)
    source, parts = open_data_of(str(path), None, 4096)
    assert source == "procedural:mug"
    sizes = [len(part) for part in (parts.train, parts.val, parts.test)]
    assert sizes == [28, 4, 8]
    assert parts.test.points.shape[1] == 4096
    same = open_data_of(str(path), "procedural:mug", 2048)[1]  # with other points: as in training
    assert same.test.ids == parts.test.ids
    np.testing.assert_array_equal(same.test.factors["mug/height"], parts.test.factors["mug/height"])


def test_a_model_without_memory_needs_data(model, tmp_path, capsys):
    path = checkpoints.save(model, tmp_path / "model.safetensors")
    assert main(["evaluate", str(path)]) == 2
    assert "name them with --data" in capsys.readouterr().err
