"""Small CLIP files with both encoders, made by transformers."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPConfig, CLIPModel

_PARTS = (
    (r"^vision_model\.embeddings\.class_embedding$", "visual.class_embedding"),
    (r"^vision_model\.embeddings\.position_embedding\.weight$", "visual.positional_embedding"),
    (r"^vision_model\.embeddings\.patch_embedding\.", "visual.conv1."),
    (r"^vision_model\.pre_layrnorm\.", "visual.ln_pre."),
    (r"^vision_model\.post_layernorm\.", "visual.ln_post."),
    (r"^vision_model\.encoder\.layers\.", "visual.transformer.resblocks."),
    (r"^visual_projection\.weight$", "visual.proj"),
    (r"^text_model\.embeddings\.token_embedding\.", "token_embedding."),
    (r"^text_model\.embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^text_model\.final_layer_norm\.", "ln_final."),
    (r"^text_model\.encoder\.layers\.", "transformer.resblocks."),
    (r"^text_projection\.weight$", "text_projection"),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.self_attn\.", ".attn."),
    (r"\.fc1\.", ".c_fc."),
    (r"\.fc2\.", ".c_proj."),
)


def small_clip(activation: str = "quick_gelu", seed: int = 0) -> CLIPModel:
    """A CLIP with random weights that looks at 32 x 32 pixels in patches of 8."""
    sizes = {"num_hidden_layers": 2, "hidden_act": activation, "projection_dim": 24}
    text = {**sizes, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 1}
    vision = {**sizes, "hidden_size": 128, "intermediate_size": 160, "num_attention_heads": 2}
    vision |= {"image_size": 32, "patch_size": 8}
    torch.manual_seed(seed)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)).eval()


def write_clip(model: CLIPModel, path: Path) -> Path:
    """The file that transformers makes of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    return path


def in_open_clip_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as open_clip's own files have them: query, key and value in one, projections turned."""
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for pattern, replacement in _PARTS:
            name = re.sub(pattern, replacement, name)
        if name.endswith(("visual.proj", "text_projection")):
            tensor = tensor.T
        result[name] = tensor.contiguous()
    for name in [name for name in result if ".q_proj." in name]:
        thirds = [result.pop(name.replace(".q_proj.", f".{part}_proj.")) for part in "qkv"]
        result[name.replace("q_proj.", "in_proj_")] = torch.cat(thirds)
    return result
