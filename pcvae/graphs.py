"""A model as ONNX graphs, for programs without torch: a page in the browser, or any other language.

Four graphs share one file of weights. Clouds are in model units, z is (B, S), noise is (B, N, H)
standard normal numbers, and any number of points will do:

    style.onnx    noise (B, S) -> z
    draw.onnx     z, noise -> points (B, N, 3)
    encode.onnx   points -> z, the mean of q(z | x)
    inverse.onnx  points, z -> noise, which `draw` makes these points of again

`model.json` beside them says how clouds come to model units, and the sizes.
"""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from pcvae.files import atomic_path, write_atomically
from pcvae.models import PointCloudVAE
from pcvae.models.flow import follow
from pcvae.models.prior import POINT_SOLVER, POINT_STEPS, STYLE_STEPS

VERSION = 1  # of the graphs' inputs and outputs, and of model.json
WEIGHTS = "weights.bin"
# Back to noise in four midpoint steps, which come as near to it as Heun's sixteen.
INVERSE_STEPS, INVERSE_SOLVER = 4, "midpoint"
STYLE_SOLVER = "heun"
SMALL = 64  # numbers; what is shorter stays in its graph
Precision = Literal["float32", "float16"]


class Calls(nn.Module):
    """A function of a model as a module, which is what torch exports."""

    def __init__(self, model: nn.Module, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model, self.function = model, function

    def forward(self, *tensors: Tensor) -> Tensor:
        """Call it."""
        return self.function(self.model, *tensors)


def draw(
    model: PointCloudVAE, z: Float[Tensor, "B S"], noise: Float[Tensor, "B N H"]
) -> Float[Tensor, "B N 3"]:
    """Return clouds in model units."""
    return model.draw_points(noise, z)


def encode(model: PointCloudVAE, points: Float[Tensor, "B N 3"]) -> Float[Tensor, "B S"]:
    """Return the mean of q(z | x)."""
    return model.encode_style(points).mean


def inverse(
    model: PointCloudVAE, points: Float[Tensor, "B N 3"], z: Float[Tensor, "B S"]
) -> Float[Tensor, "B N H"]:
    """Return the noise that the prior makes h of, h being the mean of q(h | x, z)."""
    h = model.encode_points(points, z).mean
    return model.prior.points.to_noise(h, z, steps=INVERSE_STEPS, solver=INVERSE_SOLVER)


def style_step(
    model: PointCloudVAE, number: Tensor, place: Float[Tensor, "B S"]
) -> Float[Tensor, "B S"]:
    """Return where one step of the flow of z leads, the step of this number."""
    length = 1 / STYLE_STEPS

    def velocity(here: Tensor, time: Tensor) -> Tensor:
        return length * model.prior.style(here, ((number + time) * length).expand(len(here)))

    return follow(velocity, place, steps=1, solver=STYLE_SOLVER)


def export_graphs(
    model: PointCloudVAE, folder: Path, precision: Precision = "float32"
) -> list[Path]:
    """Write a model's graphs, their weights and model.json to a folder.

    Args:
        model: one with pointwise networks and a learned prior, on the CPU.
        folder: where to; it is made.
        precision: of the weights in the file. Numbers in between are float32 in any case.

    Returns:
        The paths of the files.

    Raises:
        ValueError: for a model of another kind.
        ImportError: if the libraries of the extra `export` are missing.
    """
    graphs = build_graphs(model)
    weights = share_weights(graphs.values(), precision)
    folder = Path(folder).expanduser()
    contents = {f"{name}.onnx": graph.SerializeToString() for name, graph in graphs.items()}
    contents |= {WEIGHTS: weights}
    for name, content in contents.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    write_atomically(folder / "model.json", json.dumps(manifest(model, precision), indent=1))
    return [folder / name for name in [*contents, "model.json"]]


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
            "style": [STYLE_STEPS, STYLE_SOLVER],
            "draw": [POINT_STEPS, POINT_SOLVER],
            "inverse": [INVERSE_STEPS, INVERSE_SOLVER],
        },
    }


def build_graphs(model: PointCloudVAE) -> dict[str, Any]:
    """Return the four graphs by name, with float32 weights inside.

    Raises:
        ValueError: for a model without a prior, or of LION's networks.
        ImportError: if a library is missing.
    """
    if getattr(model, "prior", None) is None:
        raise ValueError(
            "Only models with pointwise networks and a learned prior are exported, such as "
            '"shapes" or "furniture"; `pcvae train --recipe joint_flow` makes more.'
        )
    require_libraries()
    dim, point_dim = model.config.style_dim, 3 + model.config.latent_dim
    z, noise, points = torch.randn(2, dim), torch.randn(2, 40, point_dim), torch.randn(2, 40, 3)
    number = torch.tensor(0.0)
    step = graph_of(model, style_step, {"number": number, "place": z}, "next")
    return {
        "style": looped(step, STYLE_STEPS),
        "draw": graph_of(model, draw, {"z": z, "noise": noise}, "points"),
        "encode": graph_of(model, encode, {"points": points}, "z"),
        "inverse": graph_of(model, inverse, {"points": points, "z": z}, "noise"),
    }


def require_libraries() -> None:
    """Raise an ImportError, with the line that installs them, if a library is missing."""
    for name in ("onnx", "onnxscript"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ImportError(
                f'Exporting needs {name}, which is not installed: pip install "pcvae[export]", '
                "or in a clone of the course: pip install onnx onnxscript"
            ) from error


def graph_of(
    model: PointCloudVAE, function: Callable[..., Tensor], inputs: dict[str, Tensor], output: str
) -> Any:
    """Return a function of a model as an ONNX graph of any batch size and number of points."""
    names = ("batch", "points")
    shapes = tuple(
        {axis: torch.export.Dim.DYNAMIC for axis in range(value.ndim - 1)}
        for value in inputs.values()
    )
    with torch.no_grad():
        program = torch.onnx.export(
            Calls(model, function).eval(),
            tuple(inputs.values()),
            dynamo=True,
            verbose=False,
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes=(shapes,),
        )
    proto = program.model_proto
    for value in [*proto.graph.input, *proto.graph.output]:
        for axis, size in zip(names, value.type.tensor_type.shape.dim, strict=False):
            if not size.dim_value:
                size.dim_param = axis
    del proto.graph.value_info[:]
    for node in [*proto.graph.node, *(n for f in proto.functions for n in f.node)]:
        del node.metadata_props[:]  # of the Python code, three times as long as the graph
        node.doc_string = ""
    return proto


def looped(step: Any, count: int) -> Any:
    """Return a graph that takes a step so many times: noise (B, S) -> z.

    Args:
        step: a graph with the inputs number, place and the output next.
        count: how many steps.
    """
    from onnx import TensorProto, helper

    body = step.graph
    number, place = body.input
    body.name = "step"
    counter = helper.make_tensor_value_info("counter", TensorProto.INT64, [])
    going = helper.make_tensor_value_info("going", TensorProto.BOOL, [])
    still = helper.make_tensor_value_info("still", TensorProto.BOOL, [])
    nodes = [
        helper.make_node("Cast", ["counter"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Identity", ["going"], ["still"]),
        *body.node,
    ]
    inside = helper.make_graph(nodes, "step", [counter, going, place], [still, *body.output])
    loop = helper.make_node("Loop", ["count", "", "noise"], ["z"], body=inside)
    steps = helper.make_tensor("count", TensorProto.INT64, [], [count])
    outside = helper.make_graph(
        [loop],
        "style",
        [renamed(place, "noise")],
        [renamed(body.output[0], "z")],
        [steps, *body.initializer],
    )
    return helper.make_model(
        outside,
        opset_imports=step.opset_import,
        functions=step.functions,
        ir_version=step.ir_version,
    )


def renamed(value: Any, name: str) -> Any:
    """Return an input or output of a graph under another name."""
    other = type(value)()
    other.CopyFrom(value)
    other.name = name
    return other


def share_weights(graphs: Any, precision: Precision) -> bytes:
    """Move the weights out of graphs, each once, and return them as the bytes of WEIGHTS.

    Half-precision weights become float32 again when a graph is opened: a runtime does that once.
    """
    places: dict[bytes, int] = {}
    for proto in graphs:
        casts = []
        for tensor in proto.graph.initializer:
            weight = as_array(tensor)
            if weight.dtype != np.float32 or weight.size < SMALL:
                continue
            if precision == "float16":
                casts.append(halved(tensor))
                weight = weight.astype(np.float16)
            raw = weight.tobytes()
            offset = places.setdefault(raw, sum(map(len, places)))
            place_outside(tensor, offset, len(raw))
        nodes = [*casts, *proto.graph.node]
        del proto.graph.node[:]
        proto.graph.node.extend(nodes)
    return b"".join(places)


def as_array(tensor: Any) -> np.ndarray:
    """Return the numbers of a graph's weight."""
    from onnx import numpy_helper

    return numpy_helper.to_array(tensor)


def halved(tensor: Any) -> Any:
    """Make a weight's type float16; return the node that makes it float32 again."""
    from onnx import TensorProto, helper

    name, tensor.name = tensor.name, f"{tensor.name}.half"
    tensor.data_type = TensorProto.FLOAT16
    return helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT)


def place_outside(tensor: Any, offset: int, length: int) -> None:
    """Say that a weight lies in WEIGHTS, and where."""
    from onnx import TensorProto

    for field in ("raw_data", "float_data", "int32_data"):
        tensor.ClearField(field)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": WEIGHTS, "offset": offset, "length": length}.items():
        tensor.external_data.add(key=key, value=str(value))
