"""The shipped models are what their cards say."""

import json
import re

import pytest

import pcvae
from pcvae import checkpoints
from pcvae.data import load_furniture
from pcvae.diagnostics import diagnose
from pcvae.training import RECIPES, TrainConfig

CARD = (checkpoints.SHIPPED / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stated():
    return json.loads((checkpoints.SHIPPED / "furniture.json").read_text(encoding="utf-8"))


def test_every_model_has_a_section_and_numbers():
    assert checkpoints.shipped()
    for name in checkpoints.shipped():
        assert f"## {name}\n" in CARD
        assert (checkpoints.SHIPPED / f"{name}.json").is_file()
        assert checkpoints.find(name).stat().st_size < 8_000_000


def test_measured_again_the_numbers_are_the_same(stated):
    found = diagnose(pcvae.load("furniture"), load_furniture("test").points)
    assert found == pytest.approx(stated, rel=0.01, abs=1e-4)


def test_the_card_quotes_the_numbers(stated):
    table = CARD.split("| diagnostic | value |")[1]
    quoted = {float(number) for number in re.findall(r"\d+\.\d+", table.split("\n\nSo ")[0])}
    assert quoted == {value for name, value in stated.items() if name != "shapes"}


def test_a_shape_with_another_z_turns_into_the_other(stated):
    assert stated["swap_z_chamfer_to_donor"] < 0.6 * stated["swap_z_chamfer_to_own"]
    assert stated["swap_z_displacement"] > 0.5


def test_it_was_trained_as_the_card_says():
    notes = checkpoints.notes("furniture")
    words = re.search(r"`(pcvae train [^`]*)`", CARD).group(1).split()[2:]
    flags = dict(zip(words[::2], words[1::2], strict=True))
    assert f"| {notes['train']['seed']}; {notes['steps']} |" in CARD
    assert RECIPES[flags["--recipe"]].settings.items() <= notes["train"].items()
    for flag, value in flags.items():
        assert str(notes["train"][flag.removeprefix("--")]).lower() == value
    assert set(notes["train"]) <= set(TrainConfig.__dataclass_fields__)


def test_its_size_is_as_stated():
    count = sum(p.numel() for p in pcvae.load("furniture").parameters())
    assert f"{count:,} weights" in CARD
