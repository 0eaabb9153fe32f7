"""Comparing recipes: the table has what it promises, and finished runs are kept."""

import json

import pytest

from pcvae.cli import main
from pcvae.training.comparison import compare_recipes

SMALL = {
    "steps": 3,
    "batch_size": 4,
    "num_points": 16,
    "num_shapes": 180,
    "data": "procedural:chair",
    "progress": False,
}


def test_the_table_has_every_recipe_and_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("PCVAE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "recipes"
    table = compare_recipes(["lion", "one_shot"], out=out, **SMALL)
    assert table == json.loads((out / "recipes.json").read_text())
    assert table["lion"]["sigma_xyz_closed_form"] == pytest.approx(0.155, abs=0.005)
    assert table["one_shot"]["sigma_xyz_closed_form"] == pytest.approx(0.481, abs=0.001)
    assert {"swap_z_displacement", "r2 chair/leg_height"} <= set(table["lion"])
    before = (out / "lion" / "model.safetensors").stat().st_mtime_ns
    assert compare_recipes(["lion"], out=out, **SMALL)["lion"] == table["lion"]
    assert (out / "lion" / "model.safetensors").stat().st_mtime_ns == before


def test_unknown_recipes_are_named(capsys):
    assert main(["compare-recipes", "--recipes", '["pancakes"]']) == 2
    assert "'pancakes'" in capsys.readouterr().err
