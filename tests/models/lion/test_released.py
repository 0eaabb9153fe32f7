"""Files in the layouts that LION's code writes; the released ones cannot be had here."""

import collections
import io
import pickle
import re
import sys
import types

import numpy as np
import pytest
import torch

import pcvae
from pcvae import checkpoints
from pcvae.commands import main
from pcvae.models import LionVAE, Normalization
from pcvae.models.lion import LionFileError, normalization_of, open_lion


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(3)
    return LionVAE("small").state_dict()


def layouts(weights):
    """Return what LION's code may write, by name."""
    module = {f"module.{name}": value for name, value in weights.items()}
    double = {f"model.module.{name}": value for name, value in weights.items()}
    optimizer = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3}]}
    return {
        "first stage": {"model": weights, "opt": optimizer, "epoch": 7, "step": 9},
        "wrapped": {"model": module, "opt": optimizer, "epoch": 7, "grad_scalar": {}},
        "model_state": {"model_state": double, "epoch": 7},
        "two stages": {
            "epoch": 3,
            "global_step": 5,
            "dae_state_dict": {"0.weight": torch.zeros(2)},
            "vae_state_dict": weights,
            "vae_optimizer": optimizer,
        },
        "weights alone": collections.OrderedDict(weights),
    }


@pytest.mark.parametrize("layout", layouts({}))
@pytest.mark.parametrize("zipped", [True, False])
def test_every_layout_gives_the_same_weights(weights, layout, zipped, tmp_path):
    path = tmp_path / "vae_only.pt"
    torch.save(layouts(weights)[layout], path, _use_new_zipfile_serialization=zipped)
    model = open_lion(path)
    assert not model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_a_pickled_configuration_is_not_needed_and_nothing_of_it_runs(
    weights, tmp_path, monkeypatch
):
    """The all-category file names a class that only LION's repository has."""
    module = types.ModuleType("utils.yacs_config")
    ran = []

    class CfgNode(dict):
        def __setstate__(self, state):
            ran.append(state)

        def __reduce__(self):
            return CfgNode, (), {"frozen": True}, None, iter({"lr": 1e-3}.items())

    CfgNode.__module__, CfgNode.__qualname__ = "utils.yacs_config", "CfgNode"
    module.CfgNode = CfgNode
    path = tmp_path / "epoch_10999.pt"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "utils", types.ModuleType("utils"))
        patch.setitem(sys.modules, "utils.yacs_config", module)
        torch.save({"cfg": CfgNode(), "names": {"chair"}, "model": weights}, path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    model = open_lion(path, Normalization(mode="box"))
    assert model.config.normalization == "box"
    assert ran == []


def test_a_file_that_would_run_code_runs_none(weights, tmp_path):
    target = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return exec, (f"open({str(target)!r}, 'w').close()",)

    for number, zipped in enumerate((True, False)):
        path = tmp_path / f"{number}.pt"
        content = {"model": weights, "evil": Evil()}
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        open_lion(path)
    path = tmp_path / "plain.pt"
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(LionFileError):
        open_lion(path)
    assert not target.exists()


class Program(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @torch.jit.export
    def __getstate__(self) -> int:
        return 0

    @torch.jit.export
    def __setstate__(self, state: int) -> None:
        print("ran")
        self.training = False


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_program_of_torchscript_is_not_run(tmp_path, capfd):
    path = tmp_path / "model.pt"
    torch.jit.save(torch.jit.script(Program()), path)
    with pytest.raises(LionFileError, match="TorchScript"):
        open_lion(path)
    assert "ran" not in capfd.readouterr().out
    torch.jit.load(path)
    assert "ran" in capfd.readouterr().out


def test_a_file_cannot_change_what_it_is_read_with(tmp_path):
    """A pickle may set attributes on what it names, so a function of torch's is not handed out."""
    path, function = tmp_path / "model.pt", torch._utils._rebuild_tensor_v2
    name = b"ctorch._utils\n_rebuild_tensor_v2\n"
    path.write_bytes(b"\x80\x02" + name + b"N}X\x04\x00\x00\x00nameK\x01s\x86b.")
    with pytest.raises(LionFileError):
        open_lion(path)
    assert not hasattr(function, "name")
    pickle.loads(path.read_bytes())  # what a plain unpickler does with it
    assert function.name == 1
    del function.name


LAST = "decoder.layers.classifier.2.bias"
BROKEN = {
    "lacks 1 of 827 weights, such as decoder": lambda w: {n: v for n, v in w.items() if n != LAST},
    "has unknown 1 of 827 weights, such as extra": lambda w: w | {"extra": torch.ones(1)},
    "bias holds NaN": lambda w: w | {LAST: torch.full((3,), torch.nan)},
    "found none": lambda w: {"a": 1},
    "found conv.weight": lambda w: {"conv.weight": torch.ones(2)},
    "of another network": lambda w: w | {"style_encoder.mlp.weight": torch.zeros(6, 4)},
    "is (7,), expected (3,)": lambda w: w | {LAST: torch.zeros(7)},
}


@pytest.mark.parametrize("told", BROKEN)
def test_what_is_no_checkpoint_is_told_in_one_line(weights, told, tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"model": BROKEN[told](dict(weights))}, path)
    with pytest.raises(LionFileError, match=re.escape(told)) as error:
        open_lion(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.99])
def test_a_file_that_is_cut_is_told(weights, share, tmp_path):
    written = io.BytesIO()
    torch.save({"model": weights}, written)
    path = tmp_path / "cut.pt"
    path.write_bytes(written.getvalue()[: int(share * len(written.getvalue()))])
    with pytest.raises(LionFileError, match="cut short"):
        open_lion(path)
    with pytest.raises(FileNotFoundError):
        open_lion(tmp_path / "none.pt")


def test_statistics_come_from_the_evaluation_data(tmp_path):
    path = tmp_path / "ref_val_chair.pt"
    mean = torch.tensor([0.1, -0.2, 0.3]).view(1, 1, 3)
    torch.save({"ref": torch.zeros(4, 8, 3), "mean": mean, "std": torch.tensor([[[0.25]]])}, path)
    found = normalization_of(path)
    torch.testing.assert_close(found.mean, mean.flatten())
    assert found.scale == 0.25
    torch.save({"ref": torch.zeros(4, 8, 3)}, path)
    with pytest.raises(LionFileError, match="'mean' and 'std'"):
        normalization_of(path)


def test_an_imported_model_is_one_like_any_other(weights, tmp_path, capsys):
    path, out = tmp_path / "model.pt", tmp_path / "chair.safetensors"
    torch.save({"vae_state_dict": weights}, path)
    words = ["import-lion", str(path), "--out", str(out)]
    assert main(words) == 2
    assert "--statistics" in capsys.readouterr().err
    assert main([*words, "--mean", "0,0.5,0", "--scale", "2"]) == 0
    model = pcvae.load(out)
    torch.testing.assert_close(model.normalization.mean, torch.tensor([0, 0.5, 0]))
    assert model.normalization.scale == 2
    direct = open_lion(path, Normalization(torch.tensor([0, 0.5, 0]), 2.0))
    points = 0.5 + torch.randn(1, 300, 3)
    with torch.no_grad():
        torch.testing.assert_close(model.reconstruct(points), direct.reconstruct(points))
        torch.testing.assert_close(model.reconstruct(points), points, atol=0.3, rtol=0)
    assert checkpoints.notes(out) == {"lion": "model.pt"}
    assert main([*words, "--normalization", "box"]) == 0
    assert pcvae.load(out).normalization.mode == "box"
    assert main([*words, "--normalization", "box", "--scale", "2"]) == 2


def test_it_trains_from_the_command_line_and_goes_on(tmp_path, capsys):
    np.savez(tmp_path / "set.npz", points=np.random.default_rng(0).normal(size=(20, 64, 3)))
    words = f"train --data {tmp_path}/set.npz --backbone pvcnn_small --num_points 64 --style_dim 8"
    words += f" --progress false --diagnose_every 0 --max_epochs 1 --out {tmp_path}/run"
    assert main(words.split()) == 0
    model = pcvae.load(tmp_path / "run" / "model.safetensors")
    assert isinstance(model, LionVAE)
    assert model.config.style_dim == 8
    again = f"train --resume {tmp_path}/run --max_epochs 2 --progress false"
    assert main(again.split()) == 0
    longer = pcvae.load(tmp_path / "run" / "model.safetensors")
    assert longer.config == model.config
    assert any(
        not torch.equal(a, b)
        for a, b in zip(model.state_dict().values(), longer.state_dict().values(), strict=True)
    )
    more = f"{words}-more --prior true --start_from {tmp_path}/run/model.safetensors"
    assert main(more.replace("--backbone pvcnn_small", "").split()) == 2
    assert "which has no learned prior" in capsys.readouterr().err
    assert main([*words.split(), "--width", "32"]) == 2
    assert "--width is of the backbone 'points'" in capsys.readouterr().err
