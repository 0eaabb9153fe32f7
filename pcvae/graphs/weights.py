"""The weights of several graphs in one file, each once."""

from collections.abc import Iterable
from typing import Any

import numpy as np

WEIGHTS = "weights.bin"
ALIGNED = 64  # bytes: a weight begins at a multiple of it
TINY = 64  # numbers: what is shorter stays in its graph
# Numbers: what is shorter stays float32. In `shapes` that is a twenty-fifth of all, and half of the
# error that float16 makes.
NARROW = 12_000


def share_weights(graphs: Iterable[Any], half: bool) -> bytes:
    """Move the weights out of graphs, and return them as the bytes of WEIGHTS.

    Args:
        graphs: models of ONNX, which are changed.
        half: store float16. Then a graph makes them float32 again when it is opened, which
            runtimes do once.

    Raises:
        ValueError: if a weight is too large for float16.
    """
    from onnx import numpy_helper

    store = Store()
    for model in graphs:
        casts = []
        for tensor in model.graph.initializer:
            weight = numpy_helper.to_array(tensor)
            if weight.dtype != np.float32 or weight.size < TINY:
                continue
            if half and weight.size >= NARROW:
                weight = as_half(weight, tensor.name)
                casts.append(halved(tensor))
            place_outside(tensor, *store.place(weight.tobytes()))
        nodes = [*casts, *model.graph.node]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    return bytes(store.content)


class Store:
    """The content of a file, in which the same bytes stand once."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.places: dict[bytes, int] = {}

    def place(self, raw: bytes) -> tuple[int, int]:
        """Return where some bytes begin and how many they are, after adding them if need be."""
        if raw not in self.places:
            self.content += bytes(-len(self.content) % ALIGNED)
            self.places[raw] = len(self.content)
            self.content += raw
        return self.places[raw], len(raw)


def as_half(weight: np.ndarray, name: str) -> np.ndarray:
    """Return a weight as float16.

    Raises:
        ValueError: which names it, if it is too large.
    """
    if np.abs(weight).max() > np.finfo(np.float16).max:
        raise ValueError(f"{name} is too large for float16: export this model as float32.")
    return weight.astype(np.float16)


def halved(tensor: Any) -> Any:
    """Make a weight's type float16; return the node that makes it float32 again."""
    from onnx import TensorProto, helper

    name, tensor.name = tensor.name, f"{tensor.name}.half"
    tensor.data_type = TensorProto.FLOAT16
    return helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT)


def place_outside(tensor: Any, offset: int, length: int) -> None:
    """Say that a weight lies in WEIGHTS, and where in bytes."""
    from onnx import TensorProto

    for field in ("raw_data", "float_data", "int32_data"):
        tensor.ClearField(field)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": WEIGHTS, "offset": offset, "length": length}.items():
        tensor.external_data.add(key=key, value=str(value))
