"""The command line: the original's flags, defaults by recipe, messages instead of tracebacks."""

import errno
import json
import re
import threading

import matplotlib.pyplot as plt
import numpy as np
import pytest

from pcvae import checkpoints
from pcvae.commands import main, parse
from pcvae.commands.ends import one_voice
from pcvae.data.sources import open_splits
from pcvae.models import PointCloudVAE, VAEConfig
from pcvae.training import RECIPES, TrainConfig, build_schedule


def train_config(*words):
    _, given = parse(["train", *words])
    return given["config"]


def test_flags_of_the_original_script_are_spelled_and_read_the_same():
    flags = "--batch_size 4 --num_points 1024 --max_epochs 7 --learning_rate 1e-4"
    found = train_config(*f"{flags} --kl_weight 0.25 --gpus 1".split())
    assert (found.batch_size, found.num_points, found.max_epochs) == (4, 1024, 7)
    assert (found.learning_rate, found.kl_weight, found.gpus) == (1e-4, 0.25, 1)


def test_defaults_are_those_of_the_original_script():
    found = train_config()
    expected = {
        "batch_size": 2,
        "num_points": 2048,
        "max_epochs": 100,
        "learning_rate": 1e-3,
        "kl_weight": 0.5,
        "latent_dim": 1,
        "style_dim": 128,
        "skip_weight": 0.01,
        "sigma_offset": 6.0,
        "anneal_kl": True,
        "error": "l1",
        "reduction": "batch",
        "gpus": 0,
    }
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_recipe_gives_defaults_that_flags_override(recipe):
    found = train_config("--recipe", recipe)
    for name, value in RECIPES[recipe].settings.items():
        assert getattr(found, name) == value
    assert train_config("--batch_size", "5", "--recipe", recipe).batch_size == 5
    assert train_config(f"--recipe={recipe}", "--batch_size=5").batch_size == 5


def test_lions_recipe_has_its_constants():
    config = TrainConfig(**RECIPES["lion"].settings)
    assert (config.batch_size, config.max_epochs, config.reduction) == (32, 8000, "batch")
    schedule = build_schedule(config)
    assert [schedule(step, 800) for step in (0, 200, 400, 800)] == (
        pytest.approx([1e-7, 0.25, 0.5, 0.5])
    )


def test_annealing_can_be_turned_off():
    found = train_config("--anneal_kl", "false")
    assert build_schedule(TrainConfig(anneal_kl=found.anneal_kl))(0, 100) == 0.5


def test_help_explains_every_flag_with_its_default(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["train", "--help"])
    assert exit_.value.code == 0
    _, _, text = " ".join(capsys.readouterr().out.split()).partition("options:")
    entries = re.split(r" (?=--\w+ (?:[A-Z_]+|{[^}]*}|\[ITEM,\.{3}\]) )", text)
    explained = {re.match(r"--(\w+) \S+ \S.*default:", entry) for entry in entries} - {None}
    assert {match.group(1) for match in explained} == set(TrainConfig.__dataclass_fields__)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--gpus", "99"], "--gpus 99 was asked for"),
        (["train", "--data", "no/such/file.npz"], "'no/such/file.npz'"),
        (["train", "--batch_size", "0"], "--batch_size must be at least 1"),
        (["train", "--resume", "no/such/run"], "no checkpoint"),
        (["train", "--seed", "4294967296"], "--seed must be from 0 to 4294967295, not 4294967296"),
        (["sample", "shapes", "--seed", "-1"], "--seed must be from 0 to 4294967295, not -1"),
        (["prepare", "meshes", ".", "--out", "a.npz", "--seed", "-1"], "--seed must be from 0"),
    ],
)
def test_wrong_input_ends_in_one_line_and_status_2(words, message, capsys):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("pcvae: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train --batch_size two", "--batch_size: Expected a whole number. Got value: two."),
        ("train --learning_rate high", "--learning_rate: Expected a number. Got value: high."),
        ("train --style_widths 8,8", "--style_widths: Expected three numbers, such as 64,128,256."),
        ("train --style_widths 8.8.8", "--style_widths: Expected three numbers, such as"),
        ("train --mirror maybe", "--mirror: Expected true or false. Got value: maybe."),
        ("train --error l3", "--error: Expected one of 'l1', 'l2', 'chamfer'. Got value: l3."),
        ("train --batch_sise 2", "--batch_sise 2. Did you mean --batch_size? See `pcvae train"),
        ("train --kl-weight=1", "--kl-weight=1. Did you mean --kl_weight?"),
        ("train --zzz 2", "unrecognized arguments: --zzz 2. See"),
        ("train --resume", "argument --resume: expected one argument"),
        ("prepare meshes", "required: folder, out."),
        ("evaluate", "required: model."),
        ("trian", "invalid choice: 'trian'"),
        ("", 'expected "command"'),
    ],
)
def test_words_that_do_not_parse_end_in_one_line_and_status_2(words, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(words.split())
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("pcvae: ")
    assert error.count("\n") == 1


def test_diagnose_writes_numbers_and_a_picture(tmp_path, capsys):
    model = PointCloudVAE(VAEConfig(width=16, style_dim=8))
    trained = {"kl_weight": 0.5, "reduction": "shape", "batch_size": 2, "error": "l1"}
    path = checkpoints.save(model, tmp_path / "model.safetensors", {"train": trained})
    clouds = np.random.default_rng(0).normal(size=(30, 64, 3)).astype(np.float32)
    np.save(tmp_path / "clouds.npy", clouds)
    words = ["diagnose", str(path), "--data", str(tmp_path / "clouds.npy"), "--split", "train"]
    out, figure = tmp_path / "numbers.json", tmp_path / "latents.png"
    assert main([*words, "--out", str(out), "--figure", str(figure)]) == 0
    assert json.loads(out.read_text())["swap_z_displacement"] < 0.01
    assert plt.imread(figure).shape[1] > 1000
    assert "swap_z_displacement" in capsys.readouterr().out


def test_a_loss_that_is_no_number_ends_in_one_line(tmp_path, capsys):
    clouds = np.random.default_rng(0).normal(size=(20, 16, 3)).astype(np.float32)
    np.save(tmp_path / "clouds.npy", clouds)
    flags = (
        f"--data {tmp_path}/clouds.npy --out {tmp_path}/run --learning_rate 1e18 --num_points 16"
    )
    assert main(["train", *flags.split(), "--progress", "false", "--width", "16"]) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("pcvae: "))
    assert "is not a finite number at step" in line
    assert "Traceback" not in line


@pytest.fixture
def trained_on_many_points(tmp_path):
    """A model that remembers its data, thirty files of a ShapeNet-like tree."""
    tree = tmp_path / "tree" / "03001627" / "train"
    tree.mkdir(parents=True)
    for row, cloud in enumerate(np.random.default_rng(0).normal(size=(30, 64, 3))):
        np.save(tree / f"{row:02d}.npy", cloud.astype(np.float32))
    model = PointCloudVAE(VAEConfig(width=16, style_dim=8))
    trained = {"data": f"shapenet:{tmp_path / 'tree'}", "categories": "chair", "seed": 3}
    return checkpoints.save(model, tmp_path / "model.safetensors", {"train": trained})


def test_diagnose_takes_the_data_of_the_training_and_no_more_than_asked_for(
    trained_on_many_points, monkeypatch, capsys
):
    seen = []
    monkeypatch.setattr(
        "pcvae.commands.diagnose.examine",
        lambda model, points, factors: seen.append(points) or Nothing(),
    )
    words = ["diagnose", str(trained_on_many_points), "--split", "train"]
    assert main([*words, "--points", "32", "--count", "5"]) == 0
    assert main(words) == 0
    assert [points.shape for points in seen] == [(5, 32, 3), (21, 64, 3)]
    whole = open_splits(f"shapenet:{trained_on_many_points.parent / 'tree'}", seed=3).train.points
    assert not (seen[1] == whole[:]).all()  # in an order without meaning: halves are compared
    assert (np.sort(seen[1], axis=1) == np.sort(whole[:], axis=1)).all()
    assert main([*words, "--count", "1"]) == 2
    assert "--count" in capsys.readouterr().err


class Nothing:
    """What `examine` finds, without numbers."""

    def numbers(self):
        return {}


@pytest.mark.parametrize("words", ["diagnose", "evaluate --count 2 --points 32"])
def test_nan_in_a_held_out_shape_is_told_by_name(words, trained_on_many_points, capsys):
    splits = open_splits(f"shapenet:{trained_on_many_points.parent / 'tree'}", seed=3)
    path = splits.test.points.paths[0]
    cloud = np.load(path)
    np.save(path, np.where(np.arange(64)[:, None] == 9, np.nan, cloud))
    command, *rest = words.split()
    assert main([command, str(trained_on_many_points), *rest]) == 2
    assert f"NaN or infinity in chair/{path.stem}" in capsys.readouterr().err


def test_a_thread_that_meets_a_full_disk_leaves_the_word_to_the_command(capsys, monkeypatch):
    def fail(error):
        thread = threading.Thread(target=lambda: (_ for _ in ()).throw(error))
        thread.start()
        thread.join()

    before = threading.excepthook
    with one_voice():
        fail(OSError(errno.ENOSPC, "No space left on device"))
    assert "Traceback" not in capsys.readouterr().err
    with one_voice():
        fail(ZeroDivisionError("a bug"))
    assert "a bug" in capsys.readouterr().err
    assert threading.excepthook is before
