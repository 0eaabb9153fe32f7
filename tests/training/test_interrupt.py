"""The stop button of a notebook, pressed while a cell trains: what it says, and what is kept."""

import re
from collections.abc import Iterator

import pytest
from jupyter_client.manager import start_new_kernel

SETUP = """
from dataclasses import replace
from pathlib import Path

import pytorch_lightning as pl
import torch

from pcvae.training import TrainConfig, train

class Say(pl.Callback):
    def on_train_epoch_end(self, trainer, *_):
        print("epoch", trainer.current_epoch, flush=True)

run = Path({folder!r})
begun = TrainConfig(
    num_points=16, batch_size=4, width=8, style_dim=4, style_widths=(8, 8, 8), progress=False,
    data="procedural:chair", num_shapes=20, max_epochs=100_000, out=run,
)
resumed = replace(begun, out=None, resume=run)
"""
DONE = "torch.load(run / 'last.ckpt', weights_only=True)['epoch'] + 1"


class Notebook:
    """A kernel of its own, to run cells and to press stop."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel()

    def cell(self, code: str, stop_at: str | None = None) -> Iterator[str]:
        """Yield what a cell shows; press stop when it shows a word."""
        asked = self.client.execute(code)
        while True:
            message = self.client.get_iopub_msg(timeout=300)
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != asked:
                continue
            if kind == "status" and content["execution_state"] == "idle":
                return
            text = content.get("text") or "\n".join(content.get("traceback", []))
            if stop_at and stop_at in text:
                stop_at = None
                self.manager.interrupt_kernel()
            yield re.sub(r"\x1b\[[\d;]*m", "", text)


@pytest.fixture
def notebook():
    opened = Notebook()
    yield opened
    opened.client.stop_channels()
    opened.manager.shutdown_kernel(now=True)


@pytest.mark.slow
def test_the_stop_button_says_in_short_what_is_kept_and_the_run_goes_on(notebook, tmp_path):
    def shown(code: str, stop_at: str | None = None) -> str:
        return "".join(notebook.cell(code, stop_at))

    run = tmp_path / "run"
    assert "Error" not in shown(SETUP.format(folder=str(run)))
    kept = f"The last good checkpoint is kept: go on from it with --resume {run / 'last.ckpt'}"
    for code, stop_at in (("train(begun, [Say()])", "epoch 2"), ("train(resumed, [Say()])", "epo")):
        said = shown(code, stop_at)
        assert said.rstrip().endswith(f"KeyboardInterrupt: \n{kept}")
        assert said.count("Traceback") == 1
    done = int(shown(f"print({DONE})"))
    assert done >= 2
    said = shown(f"print(train(replace(resumed, max_epochs={done + 1}), [Say()]))")
    assert said == f"epoch {done}\n{run / 'model.safetensors'}\n"
