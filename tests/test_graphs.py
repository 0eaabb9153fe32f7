"""Exported graphs: what the model computes, for any number of points, in few and clean files."""

import copy
import errno
import json
import math
import os
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch

from pcvae import checkpoints
from pcvae.commands import main
from pcvae.graphs import MANIFEST, WEIGHTS, export_graphs, files, weights
from pcvae.models import LionVAE, Normalization, PointCloudVAE, PriorConfig, VAEConfig
from pcvae.models.lion import SIZES

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("style", "draw", "encode", "inverse")
SIZES_TRIED = ((1, 1), (3, 1), (3, 33), (1, 1000), (3, 2048))  # shapes, points of each
# How near a graph comes to torch with the weights that the graph has; and, in float16, to torch
# with those before they were rounded.
SAME, ROUNDED = 1e-4, 5e-3
LIMITS = {"float32": SAME, "float16": ROUNDED}
# Of the shipped models' numbers. A point between two parts of a shape goes to either by its last
# digits, and so does a shape between two kinds: by those of weights, and by those of sums.
ALMOST_ALL = {"float32": 0.999, "float16": 0.99}
SMALL = {
    "style_dim": 8,
    "width": 16,
    "encoder_depth": 1,
    "decoder_depth": 1,
    "style_widths": (8, 16, 16),
    "skip_weight": 0.5,
    "sigma_offset": 1.0,
    "prior": PriorConfig(16, 1, 16, 1, 12, 3),
}


def small_model(**settings) -> PointCloudVAE:
    """An untrained model whose networks all do something: none of its last layers is near zero."""
    torch.manual_seed(0)
    config = VAEConfig(**{**SMALL, **settings})
    units = Normalization(torch.tensor([0.0, 0.1, 0.0]), 0.4, config.normalization)
    model = PointCloudVAE(config, units)
    prior = model.prior
    for network in (model.decoder, model.point_encoder, prior.points):
        torch.nn.init.normal_(network.network.head.weight, std=0.1)
    torch.nn.init.normal_(prior.style.head.weight, std=0.1)
    return model.eval()


def exported(model, folder, graphs=None) -> dict[str, Path]:
    """Folders of a model's files by precision. torch writes the graphs down once."""
    graphs = graphs or files.build_graphs(model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "build_graphs", lambda model: copy.deepcopy(graphs))
        for precision in LIMITS:
            export_graphs(model, folder / precision, precision)
    return {precision: folder / precision for precision in LIMITS}


@pytest.fixture(scope="module")
def tiny() -> PointCloudVAE:
    return small_model()


@pytest.fixture(scope="module")
def graphs(tiny):
    """The small model's graphs, with their weights inside."""
    return files.build_graphs(tiny)


@pytest.fixture(scope="module")
def folders(tiny, graphs, tmp_path_factory) -> dict[str, Path]:
    """What is exported of the small model; all its matrices are float16 in the second folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "NARROW", 2)
        return exported(tiny, tmp_path_factory.mktemp("tiny"), graphs)


class Graphs:
    """The graphs of a folder as functions of tensors."""

    def __init__(self, folder: Path) -> None:
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        paths = {name: str(folder / f"{name}.onnx") for name in NAMES}
        self.sessions = {k: runtime.InferenceSession(v, options) for k, v in paths.items()}

    def __call__(self, name: str, **inputs: torch.Tensor) -> torch.Tensor:
        given = {key: value.numpy() for key, value in inputs.items()}
        return torch.from_numpy(self.sessions[name].run(None, given)[0])


def as_stored(model: PointCloudVAE, precision: str) -> PointCloudVAE:
    """The model with the weights that its files have."""
    model = copy.deepcopy(model)
    for weight in model.parameters() if precision == "float16" else ():
        if weight.numel() >= weights.NARROW:
            weight.data = weight.data.half().float()
    return model


Numbers = dict[str, torch.Tensor]


@torch.no_grad()
def random_inputs(model, shapes, count, generator) -> Numbers:
    """What the graphs are asked about: noise, and what the model makes of it."""
    dim, point_dim = model.config.style_dim, 3 + model.config.latent_dim
    start = torch.randn(shapes, dim, generator=generator)
    noise = torch.randn(shapes, count, point_dim, generator=generator)
    z = model.draw_style(start)
    return {"start": start, "noise": noise, "z": z, "points": model.draw_points(noise, z)}


@torch.no_grad()
def by_torch(model, start, noise, z, points) -> Numbers:
    """What a model says, for each graph."""
    h = model.encode_points(points, z).mean
    steps = files.INVERSE_STEPS
    return {
        "style": model.draw_style(start),
        "draw": model.draw_points(noise, z),
        "encode": model.encode_style(points).mean,
        "inverse": model.prior.points.to_noise(h, z, steps=steps, solver="midpoint"),
    }


def by_graphs(graphs: Graphs, start, noise, z, points) -> Numbers:
    """What its graphs say of the same."""
    found = {
        "style": graphs("style", noise=start),
        "draw": graphs("draw", z=z, noise=noise),
        "encode": graphs("encode", points=points),
        "inverse": graphs("inverse", points=points, z=z),
    }
    assert {numbers.dtype for numbers in found.values()} == {torch.float32}
    return found


def apart(one: Numbers, other: Numbers) -> Numbers:
    """How far two answers are apart, for each graph."""
    assert {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in other.items()}
    return {name: (one[name].double() - other[name].double()).abs() for name in one}


def differences(model, graphs, shapes, count, generator) -> Numbers:
    """How far a model and graphs are apart."""
    given = random_inputs(model, shapes, count, generator)
    return apart(by_graphs(graphs, **given), by_torch(model, **given))


@pytest.mark.parametrize("precision", LIMITS)
def test_graphs_say_what_the_model_says_of_any_number_of_points(
    precision, tiny, folders, generator
):
    graphs = Graphs(folders[precision])
    for sizes in SIZES_TRIED:
        for name, error in differences(tiny, graphs, *sizes, generator).items():
            assert error.max() < LIMITS[precision], (name, sizes)


def test_a_model_has_graphs_of_its_own(folders, generator):
    other = small_model(style_widths=(8, 16, 24))  # other random weights in all that follows
    found = differences(other, Graphs(folders["float32"]), 2, 33, generator)
    assert all(error.max() > 100 * SAME for error in found.values())


def test_inputs_and_outputs_are_those_of_the_contract(folders):
    shapes = {
        "style": ["batch", 8],
        "noise": ["batch", "points", 4],
        "cloud": ["batch", "points", 3],
    }
    expected = {
        "style": ({"noise": shapes["style"]}, {"z": shapes["style"]}),
        "draw": ({"z": shapes["style"], "noise": shapes["noise"]}, {"points": shapes["cloud"]}),
        "encode": ({"points": shapes["cloud"]}, {"z": shapes["style"]}),
        "inverse": (
            {"points": shapes["cloud"], "z": shapes["style"]},
            {"noise": shapes["noise"]},
        ),
    }
    for folder in folders.values():
        for name, session in Graphs(folder).sessions.items():
            onnx.checker.check_model(str(folder / f"{name}.onnx"), full_check=True)
            found = session.get_inputs(), session.get_outputs()
            assert tuple({v.name: v.shape for v in values} for values in found) == expected[name]
            assert {v.type for values in found for v in values} == {"tensor(float)"}


def test_the_manifest_says_what_a_program_needs(folders):
    found = {name: json.loads((path / MANIFEST).read_text()) for name, path in folders.items()}
    for precision, numbers in found.items():
        assert numbers == {
            "version": 1,
            "precision": precision,
            "style_dim": 8,
            "point_dim": 4,
            "normalization": {
                "mode": "global",
                "mean": pytest.approx([0, 0.1, 0]),
                "scale": pytest.approx(0.4),
            },
            "steps": {"style": [50, "heun"], "draw": [2, "midpoint"], "inverse": [4, "midpoint"]},
        }


def external(folder) -> dict[str, dict[str, tuple[int, int, int]]]:
    """Place, length in bytes and type of each weight outside of its graph, for each graph."""
    found = defaultdict(dict)
    for name in NAMES:
        graph = onnx.load(folder / f"{name}.onnx", load_external_data=False).graph
        for tensor in graph.initializer:
            place = {entry.key: entry.value for entry in tensor.external_data}
            if place:
                assert place["location"] == WEIGHTS
                where = int(place["offset"]), int(place["length"])
                found[name][tensor.name] = (*where, tensor.data_type)
            else:
                assert math.prod(tensor.dims) < weights.TINY
    return found


def test_weights_are_shared(folders):
    for folder in folders.values():
        found = external(folder)
        for one in NAMES:
            for other in NAMES:
                for name in found[one].keys() & found[other].keys():
                    assert found[one][name] == found[other][name]
        flow = {name for name in found["draw"] if name.startswith("prior.points.network")}
        assert flow
        assert flow <= found["inverse"].keys()
        places = {place[:2] for graph in found.values() for place in graph.values()}
        assert all(offset % weights.ALIGNED == 0 for offset, _ in places)
        used = sum(length for _, length in places)
        size = (folder / WEIGHTS).stat().st_size
        assert used <= size < used + weights.ALIGNED * len(places)


def test_half_precision_is_in_the_file_and_long_weights_alone_have_it(
    tiny, graphs, folders, tmp_path
):
    kinds = {
        name: {kind for graph in external(folder).values() for _, _, kind in graph.values()}
        for name, folder in folders.items()
    }
    assert kinds == {"float32": {onnx.TensorProto.FLOAT}, "float16": {onnx.TensorProto.FLOAT16}}
    sizes = {name: (folder / WEIGHTS).stat().st_size for name, folder in folders.items()}
    assert sizes["float16"] < 0.7 * sizes["float32"]  # as each begins at a multiple of 64 bytes
    assert weights.NARROW > 256  # so that this model's weights all stay as they are
    assert sorted(exported(tiny, tmp_path, graphs)) == sorted(LIMITS)
    assert (tmp_path / "float16" / WEIGHTS).read_bytes() == (
        (folders["float32"] / WEIGHTS).read_bytes()
    )


def test_files_hold_nothing_of_the_machine_nor_of_the_code(folders):
    traces = [str(ROOT), sys.prefix, os.path.expanduser("~"), ".py", "torch", "pkg.", "p_model"]
    for folder in folders.values():
        assert {path.name for path in folder.iterdir()} == {
            *(f"{name}.onnx" for name in NAMES),
            WEIGHTS,
            MANIFEST,
        }
        for path in folder.iterdir():
            content = path.read_bytes()
            assert [trace for trace in traces if trace.encode() in content] == [], path.name
            assert path.name == WEIGHTS or len(content) < 30_000
            assert path.stat().st_mode & 0o777 == 0o644


def test_no_graph_knows_how_many_points_it_was_written_with(graphs):
    for name, model in graphs.items():
        numbers = [onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
        whole = [values for values in numbers if values.dtype == np.int64]
        assert not any(np.isin(values, (40, 80)).any() for values in whole), name


def test_weights_that_float16_cannot_hold_are_refused_by_name(graphs, monkeypatch):
    monkeypatch.setattr(weights, "NARROW", 2)
    style = copy.deepcopy(graphs["style"])
    (tensor,) = (t for t in style.graph.initializer if t.name == "prior.style.stem.weight")
    large = onnx.numpy_helper.to_array(tensor) * 1e6
    tensor.CopyFrom(onnx.numpy_helper.from_array(large, tensor.name))
    with pytest.raises(ValueError, match=r"^prior\.style\.stem\.weight is too large for float16"):
        weights.share_weights([style], half=True)


# What is refused, and what is left behind.


@pytest.mark.parametrize(
    "refused",
    [lambda: PointCloudVAE(VAEConfig(style_dim=8, width=16)), lambda: LionVAE(SIZES["small"])],
    ids=["without a prior", "LION's"],
)
def test_other_models_are_refused(refused, tmp_path):
    with pytest.raises(ValueError, match="pointwise networks and a learned prior"):
        export_graphs(refused(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["onnx", "onnxscript"])
def test_a_missing_library_is_named_before_anything_is_written(name, tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"Exporting needs {name}, .*pip install onnx onnxscript"):
        export_graphs(tiny, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def again(tiny, graphs, tmp_path, monkeypatch):
    """A function that exports anew to a folder that holds an export."""
    monkeypatch.setattr(files, "build_graphs", lambda model: copy.deepcopy(graphs))
    export_graphs(tiny, tmp_path)
    return lambda: export_graphs(tiny, tmp_path, "float16")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_full_disk_leaves_what_was_there(again, tmp_path, monkeypatch):
    before, write = contents(tmp_path), Path.write_bytes

    def fill(path, content):
        if "draw" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OSError, match=r"No space left on device.*draw\.onnx"):
        again()
    assert contents(tmp_path) == before


def test_a_folder_with_a_manifest_is_whole(again, tmp_path, monkeypatch):
    replace, seen = os.replace, []

    def stop(source, target):
        seen.append(Path(target).name)
        assert not (tmp_path / MANIFEST).exists()
        if len(seen) == 3:
            raise KeyboardInterrupt
        return replace(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        again()
    assert set(contents(tmp_path)) == {*(f"{name}.onnx" for name in NAMES), WEIGHTS}
    monkeypatch.setattr(os, "replace", replace)
    assert again()[0] == tmp_path / MANIFEST
    assert json.loads((tmp_path / MANIFEST).read_text())["precision"] == "float16"


# The command.


def test_the_command_writes_where_it_is_told(tiny, tmp_path, monkeypatch, capsys):
    seen = []

    def build(model):
        seen.append(model.config)
        graph = onnx.helper.make_graph([], "none", [], [])
        return {name: onnx.helper.make_model(graph) for name in NAMES}

    monkeypatch.setattr(files, "build_graphs", build)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = checkpoints.save(tiny, tmp_path / "model.safetensors")
    assert main(["export", str(path), "--out=~/page/model", "--precision", "float16"]) == 0
    assert seen == [tiny.config]
    assert len(contents(tmp_path / "page" / "model")) == 6
    assert f"The graphs are in {tmp_path}/page/model" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("one_shot", "learned prior"),
        ("lion", "pointwise networks"),
        ("no/such/file", "'no/such/file'"),
        ("shapes --out {0}/file", "{0}/file"),
    ],
)
def test_what_cannot_be_exported_ends_in_one_line(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(files, "build_graphs", lambda model: pytest.fail("it was worked out"))
    (tmp_path / "file").write_text("not a folder")
    words = words if "--out" in words else f"{words} --out {{0}}/out"
    assert main(["export", *words.format(tmp_path).split()]) == 2
    error = capsys.readouterr().err
    assert message.format(tmp_path) in error
    assert error.startswith("pcvae: ")
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_unknown_precision_is_told(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["export", "shapes", "--precision", "int8"])
    assert exit_.value.code == 2
    assert "--precision: Expected one of 'float32', 'float16'" in capsys.readouterr().err


# Whole models.


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shapes", "furniture"])
def test_shipped_models(name, tmp_path, generator):
    model = checkpoints.load(name)
    for precision, folder in exported(model, tmp_path).items():
        graphs, stored = Graphs(folder), as_stored(model, precision)
        exact = copy.deepcopy(stored).double()
        for sizes in SIZES_TRIED:
            given = random_inputs(model, *sizes, generator)
            precise = by_torch(exact, **{key: value.double() for key, value in given.items()})
            found, expected = by_graphs(graphs, **given), by_torch(stored, **given)
            errors, own = apart(found, precise), apart(expected, precise)
            for graph in NAMES:
                # Sums in float32 come to that in torch, too; of a few points it is as much.
                assert quantile(errors[graph], 0.99) < SAME / 10, (precision, sizes, graph)
                assert errors[graph].max() < max(SAME, 5 * own[graph].max()), (sizes, graph)
                assert graph == "draw" or errors[graph].max() < SAME, (sizes, graph)
            for graph, error in apart(found, by_torch(model, **given)).items():
                most = quantile(error, ALMOST_ALL[precision])
                assert most < LIMITS[precision], (precision, sizes, graph)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 5e6


def quantile(errors: torch.Tensor, share: float) -> float:
    return torch.quantile(errors.flatten(), share).item()


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"conditioning": "adagn", "latent_dim": 0},
        {"conditioning": "adaln", "latent_dim": 3, "encoder_depth": 2, "normalization": "box"},
    ],
    ids=["adagn", "adaln"],
)
def test_models_of_other_kinds(settings, tmp_path, generator):
    model = small_model(**settings)
    graphs = Graphs(exported(model, tmp_path)["float32"])
    for count in (2, 45):
        for name, error in differences(model, graphs, 2, count, generator).items():
            assert error.max() < SAME, (name, count)
