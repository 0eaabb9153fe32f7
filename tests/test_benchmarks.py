"""Comparing recipes: the table has what it promises, and finished runs are kept."""

import json
from pathlib import Path

import pytest
import torch
from benchmarks import networks, open_tasks, slats, stages, waking
from benchmarks.recipes import compare_recipes

import pcvae
from pcvae.models import PointCloudVAE, VAEConfig
from pcvae.objective import Objective

SMALL = {
    "steps": 3,
    "batch_size": 4,
    "num_points": 16,
    "num_shapes": 180,
    "data": "procedural:chair",
    "progress": False,
}


def untimed(column):
    return {name: value for name, value in column.items() if "ms_per_step" not in name}


def test_the_table_has_every_recipe_and_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "recipes"
    table = compare_recipes(["lion", "one_shot"], out=out, **SMALL)
    assert table == json.loads((out / "recipes.json").read_text())
    assert table["lion"]["sigma_xyz_closed_form"] == pytest.approx(0.155, abs=0.005)
    assert table["one_shot"]["sigma_xyz_closed_form"] == pytest.approx(0.481, abs=0.001)
    assert {"swap_z_displacement", "r2 chair/leg_height"} <= set(table["lion"])
    before = (out / "lion" / "model.safetensors").stat().st_mtime_ns
    again = compare_recipes(["lion"], out=out, **SMALL)["lion"]
    assert untimed(again) == untimed(table["lion"])
    assert (out / "lion" / "model.safetensors").stat().st_mtime_ns == before


def test_a_learned_prior_is_among_the_recipes_and_timed(tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_CACHE", str(tmp_path / "cache"))
    table = compare_recipes(["one_shot", "joint_flow"], out=tmp_path / "recipes", **SMALL)
    assert table["joint_flow"].keys() == table["one_shot"].keys()
    assert table["joint_flow"]["sigma_xyz_closed_form"] == pytest.approx(0.0196, abs=1e-4)
    assert table["joint_flow"]["ms_per_step_one_thread"] > 0


def test_each_recipe_is_trained_by_each_conditioning(tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "recipes"
    table = compare_recipes(["one_shot"], ["adain", "adaln"], out=out, **SMALL)
    assert list(table) == ["one_shot adain", "one_shot adaln"]
    kinds = [pcvae.load(out / f"one_shot-{k}/model.safetensors").config for k in ("adain", "adaln")]
    assert [kind.conditioning for kind in kinds] == ["adain", "adaln"]


def test_unknown_conditionings_are_named():
    with pytest.raises(ValueError, match="conditioning 'film'; there are adain"):
        compare_recipes(["lion"], ["film"])


def test_unknown_recipes_are_named():
    with pytest.raises(ValueError, match="'pancakes'"):
        compare_recipes(["pancakes"])


QUOTED = {
    "another's z, own h: points move by": "swap_z_displacement",
    "own z, another's h: points move by": "swap_h_displacement",
    "Chamfer distance from z alone": "chamfer_from_z_alone",
    "KL of z, nats": "kl_z_nats",
    "KL of h, nats for each point": "kl_h_nats_per_point",
    "standard deviation of h_xyz": "sigma_xyz",
    "the same, if noise alone counted": "sigma_xyz_closed_form",
    "ms a step, one thread": "ms_per_step_one_thread",
}


def test_readme_quotes_the_recipes():
    root = Path(__file__).resolve().parents[1]
    table = json.loads((root / "data/comparisons/recipes.json").read_text())
    readme = (root / "README.md").read_text(encoding="utf-8")
    cells = {words: [f"{c[name]:g}" for c in table.values()] for words, name in QUOTED.items()}
    for words, row in {"": [f"`{name}`" for name in table], **cells}.items():
        assert f"| {words} | {' | '.join(row)} |".replace("|  |", "| |") in readme
    (floor,) = {column["resampling_floor"] for column in table.values()}
    assert f"two samples of one shape are {floor:g} apart" in " ".join(readme.split())


def test_readme_quotes_the_conditionings():
    root = Path(__file__).resolve().parents[1]
    columns = json.loads((root / "data/comparisons/conditionings.json").read_text()).values()
    readme = " ".join((root / "README.md").read_text(encoding="utf-8").split())
    near, milliseconds, donor = (
        [f"{column[name]:g}" for column in columns]
        for name in ("chamfer_from_z_alone", "ms_per_step_one_thread", "swap_z_chamfer_to_donor")
    )
    assert "{} with `adain`, {} with `adagn` and {} with `adaln`".format(*near) in readme
    assert "{}, {} and {} ms a step".format(*milliseconds) in readme
    assert f"({donor[2]}; {donor[0]} and {donor[1]} under the others)" in readme


def test_the_studies_of_z_are_whole():
    root = Path(__file__).resolve().parents[1]
    found = json.loads((root / "data/comparisons/waking.json").read_text())
    assert list(found) == list(waking.STUDIES)
    assert [len(found["toy"][kind]) for kind in ("constant", "linear")] == [8, 8]
    for study, settings in {"starts": 2, "suspects": 8, "ramps": 12}.items():
        assert len(found[study]) == settings
        assert all(len(seeds) == 3 for seeds in found[study].values())


def test_the_shipped_recipe_was_watched_over_seeds():
    root = Path(__file__).resolve().parents[1]
    found = json.loads((root / "data/comparisons/waking.json").read_text())["shipped"]
    assert [list(seen) for seen in found["lion"]] == [[str(k) for k in range(500, 3001, 500)]] * 3
    ends = sorted(seen["3000"]["moved"] for seen in found["lion"])
    card = " ".join((root / "data/checkpoints/README.md").read_text(encoding="utf-8").split())
    assert f"moves points by {ends[0]:.2f} to {ends[-1]:.2f} standard deviations" in card


def test_stages_differ_in_what_is_trained_first(tmp_path):
    root = Path(__file__).resolve().parents[1]
    found = json.loads((root / "data/comparisons/stages.json").read_text())
    assert [len(found[way]) for way in stages.FIRST] == [3, 3]
    model = stages.fitted("vae", seed=0, steps=2, folder=tmp_path)
    first = pcvae.load(tmp_path / "first" / "model.safetensors")
    for name, weight in first.state_dict().items():  # the second half moves the flows alone
        moved = not torch.equal(weight, model.state_dict()[name])
        assert moved == name.startswith("prior."), name
    assert set(stages.look(model, 12)) == set(found["joint"][0])


def test_both_networks_are_looked_at_in_the_same_way():
    root = Path(__file__).resolve().parents[1]
    found = json.loads((root / "data/comparisons/networks.json").read_text())
    assert [len(found[name]) for name in networks.KINDS] == [3, 3]
    model, steps = networks.fitted("points", seed=0, seconds=0.05)
    seen = networks.look(model, steps, 0.05)
    assert set(seen) == set(found["points"][0])
    assert seen["weights"] == found["points"][0]["weights"]


def test_a_score_of_slats_needs_no_model():
    asked = slats.backs(64, seed=5)
    real, panels = slats.look(asked.points, asked), slats.look(asked.panels, asked)
    assert real["slats"] > 0.99
    assert real["right_number"] == 1
    assert real["panels"] < 0.2
    assert panels["slats"] == pytest.approx(real["panels"], abs=0.05)  # a panel of the same size
    alone = slats.look(slats.apart(64, seed=5), asked)
    assert real["panels"] + 0.1 < alone["slats"] < 0.45


def test_only_neighbors_see_each_other(monkeypatch):
    monkeypatch.setattr(slats, "TRAIN", 8)
    asked = slats.backs(4, seed=6)
    moved = asked._replace(panels=asked.panels.clone())
    moved.panels[:, ::2] += 0.3
    for name in ("points, told the number", "neighbors, told the number, stretched"):
        model, steps = slats.fitted(name, seed=0, seconds=0.01)
        torch.nn.init.normal_(list(model.flow.network.parameters())[-2])  # begins near 0
        assert steps > 0
        same = torch.equal(model.draw(asked)[:, 1::2], model.draw(moved)[:, 1::2])
        assert same != model.way.neighbors, name


def test_slats_were_drawn_by_every_way_over_three_seeds():
    root = Path(__file__).resolve().parents[1]
    found = json.loads((root / "data/comparisons/slats.json").read_text())
    asked = slats.backs(slats.HELD_OUT, slats.UNSEEN)
    assert found["runs"]["real"] == {"without training": slats.look(asked.points, asked)}
    assert found["seen"]["real"] == slats.front(asked.points, asked)
    assert set(found["runs"]) == set(found["seen"]) > set(slats.WAYS)
    for name in slats.WAYS:
        assert list(found["runs"][name]) == [str(seed) for seed in slats.SEEDS], name


def test_a_study_looks_when_it_is_asked_to():
    torch.manual_seed(0)
    vae = PointCloudVAE(VAEConfig(style_dim=4, width=8, encoder_depth=1, decoder_depth=1))
    seen = waking.fit(vae, Objective("l1", "shape"), waking.constant, 2, (1, 2))
    assert list(seen) == [1, 2]
    assert all(look["moved"] >= 0 and look["kl_z"] >= 0 for look in seen.values())


def test_chamfer_is_fooled_by_as_few_points_as_the_walk_through_says(capsys):
    open_tasks.fooling()
    lines = [line.rsplit(maxsplit=3) for line in capsys.readouterr().out.splitlines()]
    found = {what.strip(): [float(number) for number in numbers] for what, *numbers in lines}
    assert min(found["01.5 100 points cover: Chamfer / floor"]) > 1
    assert max(found["01.5 150 points cover: Chamfer / floor"]) < 1
    assert min(found["01.5 150 points cover: EMD / floor"]) > 6
