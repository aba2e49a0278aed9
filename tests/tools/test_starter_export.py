from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from tools.starter_model.export import checkpoint
from tools.starter_model.painter import SHIPPED
from tools.starter_model.unpack import unpack


def test_a_checkpoint_goes_back_into_training_and_out_again(tmp_path: Path) -> None:
    unpack(SHIPPED, tmp_path)
    again, shipped = checkpoint(tmp_path), load_file(SHIPPED)
    assert again.keys() == shipped.keys()
    for name, value in shipped.items():
        assert torch.equal(again[name].half(), value), name
