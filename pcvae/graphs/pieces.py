"""Pieces of ONNX graphs: written by torch, put into loops, and joined by the names they share.

torch needs seconds to write down a pass of a network, and `style` has a hundred of them. So each
network is written once, and a flow is a loop over one step.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

# Old enough for every runtime of these days, and for every torch that writes graphs in this way.
OPSET, IR_VERSION = 18, 8


class Piece(NamedTuple):
    """A part of a graph.

    Attributes:
        nodes: its operations, in order. Inputs and outputs are names.
        weights: the numbers that they use, with their names.
    """

    nodes: Sequence[Any]
    weights: Sequence[Any]


class Called(nn.Module):
    """A function of a model as a module, which is what torch writes down."""

    def __init__(self, model: nn.Module, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model, self.function = model, function

    def forward(self, *tensors: Tensor) -> Tensor:
        """Call it."""
        return self.function(self.model, *tensors)


def written(
    model: nn.Module, function: Callable[..., Tensor], inputs: dict[str, Tensor], output: str
) -> Piece:
    """Return a function of a model as a piece.

    Args:
        model: its weights keep their names.
        function: of the model and of the inputs.
        inputs: examples by name, of any size but in their last axis: all others are left open.
        output: the result's name.
    """
    sizes = tuple(
        dict.fromkeys(range(x.ndim - 1), torch.export.Dim.DYNAMIC) for x in inputs.values()
    )
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            Called(model, function).eval(),
            tuple(inputs.values()),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes=(sizes,),
        )
    return tidy(program.model_proto.graph, function.__name__, {*inputs, output})


@contextmanager
def quiet() -> Iterator[None]:
    """Let torch say nothing of libraries that it could have used, nor of what it will drop."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def tidy(graph: Any, name: str, kept: set[str]) -> Piece:
    """Return a graph of torch's as a piece with names of its own, and nothing of the Python code.

    Args:
        graph: what torch wrote; it is changed.
        name: the piece's, with which its names begin.
        kept: names that stay as they are.
    """
    short = {old: old for old in kept | {""}}
    short |= {w.name: w.name.removeprefix("model.") for w in graph.initializer if "." in w.name}
    for thing in [*graph.initializer, *graph.node]:
        thing.doc_string = ""
        del thing.metadata_props[:]  # lines of code and paths, three times as long as the graph
    for weight in graph.initializer:
        weight.name = short.setdefault(weight.name, f"{name}.{len(short)}")
    for node in graph.node:
        node.name = ""
        for names in (node.input, node.output):
            names[:] = [short.setdefault(old, f"{name}.{len(short)}") for old in names]
    return Piece(list(graph.node), list(graph.initializer))


def looped(step: Piece, first: str, last: str, count: int, *, back: bool = False) -> Piece:
    """Return a flow from time 0 to 1, or back, as a loop.

    Args:
        step: a piece that takes `place`, `number`, `start` and `length` to `next`, as
            `pcvae.graphs.parts.step` says; what else it uses are names outside of the loop.
        first: name of the place where the flow begins.
        last: name of the place where it ends.
        count: how many steps.
        back: go from time 1 to 0.
    """
    from onnx import TensorProto, helper

    numbers = [
        helper.make_tensor("count", TensorProto.INT64, [], [count]),
        helper.make_tensor("start", TensorProto.FLOAT, [], [float(back)]),
        helper.make_tensor("length", TensorProto.FLOAT, [], [(-1 if back else 1) / count]),
    ]
    loop = helper.make_node("Loop", ["count", "", first], [last], body=body_of(step))
    return Piece([loop], [*numbers, *step.weights])


def body_of(step: Piece) -> Any:
    """Return the graph that a loop runs again and again: it counts, and never ends by itself."""
    from onnx import TensorProto, helper

    named = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Cast", ["counter"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Identity", ["going"], ["still"]),
        *step.nodes,
    ]
    inputs = [
        named("counter", TensorProto.INT64, []),
        named("going", TensorProto.BOOL, []),
        named("place", TensorProto.FLOAT, None),
    ]
    outputs = [named("still", TensorProto.BOOL, []), named("next", TensorProto.FLOAT, None)]
    return helper.make_graph(nodes, "step", inputs, outputs)


Sizes = tuple[str | int, ...]


def joined(
    name: str, pieces: Sequence[Piece], inputs: dict[str, Sizes], outputs: dict[str, Sizes]
) -> Any:
    """Return pieces as one model of ONNX.

    Args:
        name: the graph's.
        pieces: in an order in which each finds what it uses.
        inputs: their sizes by name; a size that is left open has a name.
        outputs: the same of what is returned.
    """
    from onnx import TensorProto, helper

    def described(values: dict[str, Sizes]) -> list[Any]:
        return [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in values.items()]

    weights = {weight.name: weight for piece in pieces for weight in piece.weights}
    nodes = [node for piece in pieces for node in piece.nodes]
    graph = helper.make_graph(
        nodes, name, described(inputs), described(outputs), list(weights.values())
    )
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(
        graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="pcvae"
    )
