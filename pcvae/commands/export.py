"""`pcvae export`: a model as ONNX graphs, for programs without torch."""

from pathlib import Path

from pcvae import checkpoints
from pcvae.graphs import Precision, export_graphs


def export(model: str, out: Path = Path("graphs"), precision: Precision = "float32") -> None:
    """Write a model's ONNX graphs, their weights and model.json to a folder.

    Args:
        model: a shipped model's name, such as shapes, or a .safetensors file.
        out: the folder to write to; what it has of an older export is replaced.
        precision: of the weights in the file; float16 halves it. All else is float32.
    """
    written = export_graphs(checkpoints.load(model), out, precision)
    size = sum(path.stat().st_size for path in written) / 1e6
    print(f"The graphs are in {out} ({len(written)} files, {size:.1f} MB)")
