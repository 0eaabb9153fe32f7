"""Typical wrong answers to the exercises of chapter 11: each gets a message of its own."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import pcvae
from pcvae.data import open_splits
from pcvae.evaluation import reconstruction
from pcvae.exercises import check
from pcvae.exercises.chapters import chapter11
from pcvae.geometry import to_unit_sphere, z_up_to_y_up
from pcvae.training import RECIPES, TrainConfig, train

# 11.1: the weight on many devices


def weight(w, batch, devices, accumulate, reduction):
    return w / batch if reduction == "batch" else w


def by(change):
    return lambda w, b, k, a, kind: change(w, b, k, a) if kind == "batch" else w


# 11.2: a split without leaks


def split(objects, seed):
    names = np.unique(objects)
    order = np.random.default_rng(seed).permutation(names)
    train_end, val_end = round(0.7 * len(order)), round(0.8 * len(order))
    place = dict.fromkeys(order[:train_end], "train")
    place |= dict.fromkeys(order[train_end:val_end], "val")
    return np.array([place.get(name, "test") for name in objects])


def by_clouds(objects, seed):
    return np.random.default_rng(seed).choice(
        ["train", "val", "test"], len(objects), p=[0.7, 0.1, 0.2]
    )


def unseeded(objects, seed):
    return split(objects, None)


def always_the_same(objects, seed):
    return split(objects, 0)


def by_name(objects, seed):
    names = np.unique(objects)
    place = dict(zip(names, ["train"] * 28 + ["val"] * 4 + ["test"] * 8, strict=True))
    if seed:
        place[names[28]], place[names[39]] = "test", "val"
    return np.array([place[name] for name in objects])


def unsorted(objects, seed):
    names = list(dict.fromkeys(objects.tolist()))
    order = np.random.default_rng(seed).permutation(names)
    place = dict(zip(order, ["train"] * 28 + ["val"] * 4 + ["test"] * 8, strict=True))
    return np.array([place[name] for name in objects])


def halves(objects, seed):
    return np.where(split(objects, seed) == "train", "train", "test")


# 11.3: up and scale


def upright(cloud, up):
    return to_unit_sphere(z_up_to_y_up(cloud) if up == "z" else cloud)[0]


def turned(turn, both=False):
    return lambda c, up: to_unit_sphere(turn(c) if up == "z" or both else c)[0]


def scaled(center, size):
    def answer(cloud, up):
        cloud = z_up_to_y_up(cloud) if up == "z" else cloud
        moved = cloud - center(cloud)
        return moved / size(moved)

    return answer


def middle(cloud):
    return (cloud.min(axis=0) + cloud.max(axis=0)) / 2


def radius(moved):
    return np.linalg.norm(moved, axis=1).max()


# 11.4: the capstone


def capstone(meshes, out, seed, **changes):
    settings = RECIPES["one_shot"].settings | {"num_points": 128, "batch_size": 4, "max_epochs": 60}
    sizes = {"width": 32, "style_dim": 16, "style_widths": (32, 64, 64), "encoder_depth": 1}
    config = TrainConfig(
        **settings, **sizes, decoder_depth=2, data=str(meshes), seed=seed, validate_every=50,
        diagnose_every=0, progress=False, out=out / "run",
    )  # fmt: skip
    path = train(replace(config, **changes))
    path.rename(out / "model.safetensors")
    test = open_splits(str(meshes), num_points=256, seed=seed).test.points
    scores = reconstruction(pcvae.load(out / "model.safetensors"), np.asarray(test), points=128)
    (out / "scores.json").write_text(json.dumps(scores))
    parts = {
        "Data": "16 stools, a fifth held out",
        "Training": str(config),
        "Scores": f"CD {scores['cd_style']:.3g}, floor {scores['cd_floor']:.3g}",
        "Exploring": "Direction 1 of z makes them 0.2 wider.",
        "Limits": "It knows stools only.",
    }
    card = "\n\n".join(f"## {name}\n\n{text}" for name, text in parts.items())
    (out / "card.md").write_text(f"# Stools\n\n{card}\n")


def without(part):
    def answer(meshes, out, seed):
        capstone(meshes, out, seed, max_epochs=1)
        (out / part).unlink()

    return answer


def card_of(change):
    def answer(meshes, out, seed):
        capstone(meshes, out, seed, max_epochs=1)
        card = out / "card.md"
        card.write_text(change(card.read_text()))

    return answer


def scores_of(text):
    def answer(meshes, out, seed):
        capstone(meshes, out, seed, max_epochs=1)
        (out / "scores.json").write_text(text)

    return answer


def flattering(meshes, out, seed):
    capstone(meshes, out, seed, max_epochs=1)
    scores = json.loads((out / "scores.json").read_text())
    (out / "scores.json").write_text(json.dumps(scores | {"cd_style": scores["cd_style"] / 4}))


def of_those_trained_on(meshes, out, seed):
    capstone(meshes, out, seed, max_epochs=1)
    shapes = open_splits(str(meshes), num_points=256, seed=seed).train.points
    scores = reconstruction(pcvae.load(out / "model.safetensors"), np.asarray(shapes), points=128)
    (out / "scores.json").write_text(json.dumps(scores))
    card = (out / "card.md").read_text()
    (out / "card.md").write_text(card.replace("CD ", f"CD {scores['cd_style']:.3g}, "))


def no_model(meshes, out, seed):
    capstone(meshes, out, seed, max_epochs=1)
    (out / "model.safetensors").write_bytes(b"weights")


WRONG = [
    ("11.1", by(lambda w, b, k, a: w / (b * k)), "You divided by the devices, too"),
    ("11.1", by(lambda w, b, k, a: w * k / b), "You multiplied by the devices"),
    ("11.1", by(lambda w, b, k, a: w / (b * a)), "by the accumulated batches"),
    ("11.1", by(lambda w, b, k, a: w / (b * k * a)), "the whole batch of all devices"),
    ("11.1", lambda w, b, k, a, kind: w / b, "You divided for both losses"),
    ("11.1", by(lambda w, b, k, a: w * b), "You multiplied by the batch"),
    ("11.1", lambda w, b, k, a, kind: w if kind == "batch" else w / b, "changed places"),
    ("11.1", lambda w, b, k, a, kind: w, "You returned the weight as it is"),
    ("11.2", by_clouds, "Split *objects*, not clouds"),
    ("11.2", unseeded, "The same seed gave another split"),
    ("11.2", always_the_same, "Another seed gave the same split"),
    ("11.2", by_name, "You took the first objects by name"),
    ("11.2", unsorted, "Another order of the clouds"),
    ("11.2", halves, "yours are 0.70, 0.00, 0.30"),
    ("11.2", lambda objects, seed: np.unique(objects), "Return one word for each cloud"),
    ("11.2", lambda objects, seed: np.full(len(objects), "learn"), "Expected train, val and test"),
    ("11.3", turned(lambda c: c[:, [0, 2, 1]]), "You exchanged Y and Z"),
    ("11.3", turned(lambda c: c[:, [0, 2, 1]] * [1, -1, 1]), "You turned the other way"),
    ("11.3", turned(z_up_to_y_up, both=True), "whose Y is up, too"),
    ("11.3", turned(lambda c: c), "You never turned it"),
    ("11.3", scaled(middle, lambda m: np.abs(m).max(axis=0)), "becomes a cube"),
    ("11.3", scaled(middle, lambda m: np.abs(m).max()), "the longest coordinate"),
    ("11.3", scaled(lambda c: c.mean(axis=0), radius), "the mean of the points"),
    ("11.3", scaled(lambda c: 0, radius), "You did not center"),
    ("11.3", scaled(lambda c: c.min(axis=0), radius), "the lowest corner"),
    ("11.4", lambda meshes, out, seed: None, "it holds nothing"),
    ("11.4", without("model.safetensors"), "there is no `model.safetensors`"),
    ("11.4", without("card.md"), "there is no `card.md`"),
    ("11.4", card_of(lambda card: card.replace("## Limits", "Limits")), "with the word *limits*"),
    ("11.4", card_of(lambda card: re.sub("CD .*", "CD 77.7, I think.", card)), "quotes none"),
    (
        "11.4",
        card_of(lambda card: card.replace("It knows", "").replace("only", "")),
        "says nothing",
    ),
    (
        "11.4",
        card_of(lambda card: card.replace("16 stools, a fifth held out", "some stools of ours")),
        "no number",
    ),
    ("11.4", of_those_trained_on, "the scores of the shapes that were trained on"),
    ("11.4", scores_of("{"), "`scores.json` is no JSON"),
    ("11.4", scores_of('{"cd": 1}'), "`cd_style` and `cd_floor`"),
    ("11.4", flattering, "Score shapes that the training has not seen"),
    ("11.4", no_model, "cannot be opened"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


@pytest.mark.parametrize(
    ("id", "answer"), [("11.1", weight), ("11.2", split), ("11.3", upright), ("11.4", capstone)]
)
def test_other_ways_that_are_right(id, answer):
    card = check(id, answer)
    assert card.status == "done", card


def test_ones_own_folder_is_read_as_well(tmp_path):
    meshes, out = tmp_path / "meshes", tmp_path / "out"
    chapter11.write_stools(meshes, chapter11.MESHES, seed=5)
    assert "there is no `model.safetensors`" in chapter11.read_own(out, meshes).message
    out.mkdir()
    capstone(meshes, out, 0, max_epochs=1)
    card = chapter11.read_own(out, meshes)
    assert card.status == "done", card
    assert "held-out shapes come back" in card.message
    (out / "card.md").write_text("# Data")
    assert "says nothing" in chapter11.read_own(out, meshes).message


SILENT = {"reduction": "batch", "sigma_offset": 6.0, "anneal_kl": True}
NUMBER = r"([\d.]+\d)"
CAPSTONE = re.compile(
    rf"come back {NUMBER}, {NUMBER} and {NUMBER} floors off for the seeds 0, 1 and 2; by the "
    rf"default loss it is {NUMBER}, {NUMBER} and {NUMBER}, .* epochs it is {NUMBER} to {NUMBER}\. "
)


def test_a_silent_z_is_found_out_and_is_as_far_off_as_the_notebook_says(rejects, posed):
    # As many epochs as the solution has: five of them fail by any loss.
    card = rejects(
        "11.4", lambda m, o, s: capstone(m, o, s, **SILENT), "By the default loss z is silent"
    )
    told = [float(number) for number in CAPSTONE.search(posed("11.4").prose).groups()]
    (over,) = re.findall(r"come back (.*) floors off", card.message)
    assert float(over) == pytest.approx(told[3], rel=0.15)  # of the first seed
    assert told[:3] == [round(value, 1) for value in chapter11.REFERENCE]
    # "By the default loss it is 8 to 9", and the bound asks for less than the least of them.
    assert {round(value) for value in told[3:6]} == {8, 9}
    assert max(told[:3]) < chapter11.FARTHEST < min(told[3:6])


def test_more_epochs_bring_what_the_notebook_says(posed, tmp_path):
    chapter11.write_stools(tmp_path / "meshes", chapter11.MESHES, seed=0)
    (tmp_path / "out").mkdir()
    capstone(tmp_path / "meshes", tmp_path / "out", 0, max_epochs=150)
    over = chapter11.measured(tmp_path / "out" / "model.safetensors", seed=0)
    low, high = map(float, CAPSTONE.search(posed("11.4").prose).groups()[6:])
    assert 0.9 * low < over < 1.1 * high
