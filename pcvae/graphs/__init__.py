"""A model as ONNX graphs, for programs without torch: a page in the browser, or any other language.

Four graphs share one file of weights. Clouds are in model units, z is (B, S), noise is (B, N, H)
standard normal numbers, and any number of points will do:

    style.onnx    noise (B, S) -> z
    draw.onnx     z, noise -> points (B, N, 3)
    encode.onnx   points -> z, the mean of q(z | x)
    inverse.onnx  points, z -> noise, which `draw` makes about these points of again

`model.json` beside them says how clouds come to model units, and the sizes.
"""

from pcvae.graphs.files import MANIFEST, VERSION, WEIGHTS, Precision, export_graphs

__all__ = ["MANIFEST", "VERSION", "WEIGHTS", "Precision", "export_graphs"]
