"""What the notes of a model prove of the shapes that it is measured on."""

import re

import pytest

from pcvae import checkpoints
from pcvae.commands.held_out import why_unseen
from pcvae.models import Normalization, PointCloudVAE, VAEConfig


@pytest.fixture
def remember(tmp_path):
    """Write a model that remembers these trainings, the last one first."""

    def write(*runs):
        model = PointCloudVAE(VAEConfig(style_dim=4, width=8), Normalization())
        notes = {"train": runs[0], "before": list(runs[1:])} if runs else {}
        return str(checkpoints.save(model, tmp_path / "model.safetensors", notes))

    return write


def run(data="mine.npz", seed=0, **more):
    return {"data": data, "seed": seed, **more}


@pytest.mark.parametrize("source", ["furniture", "procedural", "procedural:chair,table"])
def test_sets_with_shapes_of_their_own_for_testing_are_never_trained_on(remember, source):
    for model in (remember(), remember(run(source, 3), run(source, 5, start_from="shapes"))):
        assert why_unseen(model, source, "test").startswith("No training sees them")
        assert why_unseen(model, source, "train") == "These are shapes to train on."


def test_files_among_the_trainings_are_named_since_nobody_can_look_into_them(remember):
    model = remember(run("furniture"), run("runs/mix.npz"), run("procedural:chair"))
    for source in ("furniture", "procedural"):
        said = why_unseen(model, source, "test")
        assert said.endswith("to test (what is in runs/mix.npz, the notes do not say).")
    assert "(" not in why_unseen(remember(run("furniture"), run("procedural")), "furniture", "test")


def test_data_parted_by_one_seed_are_unseen(remember):
    model = remember(run(seed=3), run("furniture", 5))
    assert why_unseen(model, "mine.npz", "test").startswith("Not trained on: all")
    assert "by the seed 3" in why_unseen(model, "mine.npz", "val")


@pytest.mark.parametrize(
    ("runs", "seed", "reason"),
    [
        ([], None, "does not remember"),
        ([run(seed=1, start_from="x"), run(seed=0)], None, r"by the seeds \[0, 1\]"),
        ([run(seed=0)], 4, r"by the seeds \[0, 4\]"),
        ([run("other.npz")], None, "other data"),
        ([run(start_from="gone.safetensors")], None, "does not remember"),
    ],
)
def test_what_is_not_proven_is_said_so(remember, runs, seed, reason):
    said = why_unseen(remember(*runs), "mine.npz", "test", seed)
    assert said.startswith("Not proven unseen")
    assert re.search(reason, said)
