"""A model to a folder of files: which pieces make which graph, and what stands beside them."""

import importlib
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import torch

from pcvae.files import atomic_path, check_writable
from pcvae.graphs import parts
from pcvae.graphs.pieces import Piece, joined, looped, written
from pcvae.graphs.weights import WEIGHTS, share_weights
from pcvae.models import LionVAE, PointCloudVAE
from pcvae.models.prior import POINT_SOLVER, POINT_STEPS, STYLE_STEPS

VERSION = 1  # of the graphs' inputs and outputs, and of the manifest
MANIFEST = "model.json"
INVERSE_STEPS = 4  # midpoint's four come as near to the noise as Heun's sixteen
Precision = Literal["float32", "float16"]


def export_graphs(
    model: PointCloudVAE, folder: Path, precision: Precision = "float32"
) -> list[Path]:
    """Write a model's graphs, their weights and model.json to a folder.

    Args:
        model: one with pointwise networks and a learned prior, on the CPU.
        folder: where to; it is made. model.json gets there last: a folder that has one is whole.
        precision: of the weights in the file, but for short ones. All else is float32.

    Returns:
        The paths of the files.

    Raises:
        ValueError: for a model of another kind, or one with a weight that is too large for float16.
        ImportError: if a library of the extra `export` is missing.
        OSError: if a file cannot be written; what was there before is then as it was.
    """
    folder = Path(folder).expanduser()
    check_model(model)
    check_libraries()
    check_writable(folder / MANIFEST)
    graphs = build_graphs(model)
    contents = {MANIFEST: json.dumps(manifest(model, precision), indent=1).encode()}
    contents[WEIGHTS] = share_weights(graphs.values(), half=precision == "float16")
    contents |= {f"{name}.onnx": graph.SerializeToString() for name, graph in graphs.items()}
    with ExitStack() as stack:  # it ends in reverse order: the manifest is the last
        for name, content in contents.items():
            stack.enter_context(atomic_path(folder / name)).write_bytes(content)
        (folder / MANIFEST).unlink(missing_ok=True)
    return [folder / name for name in contents]


def manifest(model: PointCloudVAE, precision: Precision) -> dict[str, Any]:
    """Return what a program needs to know beside the graphs."""
    units = model.normalization
    return {
        "version": VERSION,
        "precision": precision,
        "style_dim": model.config.style_dim,
        "point_dim": 3 + model.config.latent_dim,
        "normalization": {
            "mode": units.mode,
            "mean": units.mean.flatten().tolist(),
            "scale": units.scale.item(),
        },
        "steps": {
            "style": [STYLE_STEPS, parts.STYLE_SOLVER],
            "draw": [POINT_STEPS, POINT_SOLVER],
            "inverse": [INVERSE_STEPS, POINT_SOLVER],
        },
    }


def build_graphs(model: PointCloudVAE) -> dict[str, Any]:
    """Return the four graphs by name, as models of ONNX with float32 weights inside."""
    piece = write_parts(model)
    z, points = ("batch", model.config.style_dim), ("batch", "points", 3)
    noise = ("batch", "points", 3 + model.config.latent_dim)
    style = [looped(piece["style_step"], "noise", "z", STYLE_STEPS)]
    there = looped(piece["point_step"], "noise", "h", POINT_STEPS)
    back = looped(piece["point_step"], "h", "noise", INVERSE_STEPS, back=True)
    draw = [piece["condition"], there, piece["decode"]]
    inverse = [piece["encode_points"], piece["condition"], back]
    return {
        "style": joined("style", style, {"noise": z}, {"z": z}),
        "draw": joined("draw", draw, {"z": z, "noise": noise}, {"points": points}),
        "encode": joined("encode", [piece["encode"]], {"points": points}, {"z": z}),
        "inverse": joined("inverse", inverse, {"points": points, "z": z}, {"noise": noise}),
    }


def write_parts(model: PointCloudVAE) -> dict[str, Piece]:
    """Return the parts of a model as pieces, by name."""
    config, shapes, count = model.config, 2, 40  # examples, whose sizes the graphs do not keep
    z = torch.zeros(shapes, config.style_dim)
    h, points = torch.zeros(shapes, count, 3 + config.latent_dim), torch.zeros(shapes, count, 3)
    told = torch.zeros(shapes, config.prior.condition_dim)
    # Of tensors that are one, torch would write down one.
    when = {name: torch.tensor(0.5) for name in ("number", "start", "length")}
    wanted = (
        (parts.encode, {"points": points}, "z"),
        (parts.encode_points, {"points": points, "z": z}, "h"),
        (parts.decode, {"h": h, "z": z}, "points"),
        (parts.condition, {"z": z}, "condition"),
        (parts.style_step, {"place": z, **when}, "next"),
        (parts.point_step, {"place": h, "condition": told, **when}, "next"),
    )
    return {part.__name__: written(model, part, *names) for part, *names in wanted}


def check_model(model: PointCloudVAE) -> None:
    """Raise a ValueError for a model without a learned prior, or of LION's networks."""
    if isinstance(model, LionVAE) or model.prior is None:
        raise ValueError(
            "Only models with pointwise networks and a learned prior are exported, such as shapes "
            "and furniture; `pcvae train --recipe joint_flow` makes more."
        )


def check_libraries() -> None:
    """Raise an ImportError, with what to install, if a library is missing."""
    for name in ("onnx", "onnxscript"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ImportError(
                f"Exporting needs {name}, which is not installed: pip install onnx onnxscript"
            ) from error
