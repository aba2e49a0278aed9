"""CLIP text encoders: what a file holds of them, their networks, and what comes out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from core.errors import ModelError, WeightsMismatch
from core.models.architecture import count, matrix
from core.models.files import Tensors, below
from core.models.text.chunks import LENGTH, Token
from core.models.text.tokenizer import END, VOCABULARY

_HEAD_WIDTH = 64
_BATCH = 64  # chunks that are encoded at once
_LEVEL = "text_model."
_EMBEDDING = "text_model.embeddings.token_embedding.weight"
_EMBEDDINGS = (_EMBEDDING, _EMBEDDING.removeprefix(_LEVEL), "token_embedding.weight")
_BLOCKS = "text_model.encoder.layers."
_PROJECTION = "text_projection.weight"

Renames: TypeAlias = tuple[tuple[re.Pattern[str], str], ...]
"""Parts of names, each with what it becomes."""

OPEN_CLIP_BLOCKS: Renames = (
    (re.compile(r"\.ln_([12])\."), r".layer_norm\1."),
    (re.compile(r"\.attn\."), ".self_attn."),
    (re.compile(r"\.c_fc\."), ".fc1."),
    (re.compile(r"\.c_proj\."), ".fc2."),
)
_OPEN_CLIP: Renames = (
    (re.compile(r"^token_embedding\."), "text_model.embeddings.token_embedding."),
    (re.compile(r"^positional_embedding$"), "text_model.embeddings.position_embedding.weight"),
    (re.compile(r"^ln_final\."), "text_model.final_layer_norm."),
    (re.compile(r"^text_projection$"), "text_projection.weight"),
    (re.compile(r"^transformer\.resblocks\."), "text_model.encoder.layers."),
    *OPEN_CLIP_BLOCKS,
)
_FUSED = re.compile(r"^(.*\.self_attn\.)in_proj_(weight|bias)$")


class Kind(NamedTuple):
    """One of the published text encoders.

    Attributes:
        name: Its name in files that serve several encoders.
        padding: Id that fills up a chunk.
        activation: Of its MLPs, in transformers' words.
        projects: Whether its pooled output goes through the text projection.
    """

    name: str
    padding: int
    activation: str
    projects: bool


CLIP_L = Kind("clip_l", END, "quick_gelu", projects=False)
CLIP_H = Kind("clip_h", 0, "gelu", projects=True)
CLIP_G = Kind("clip_g", 0, "gelu", projects=True)


class Encoded(NamedTuple):
    """What a text encoder gives: float32 on the CPU.

    Attributes:
        hidden: [N,77,D] of N chunks.
        pooled: [1,P], of the first chunk.
    """

    hidden: Tensor
    pooled: Tensor


@dataclass(frozen=True, slots=True)
class ClipText:
    """A text encoder as a file describes it: every size read off its tensors.

    Attributes:
        kind: Which one it is.
        prefix: What its names in the file start with.
        width: Of a token's vector.
        mlp_width: Of the hidden layer of the MLPs.
        layers: How many blocks.
        heads: Of the attention.
        projected: Width of the pooled output if it is projected, else None.
    """

    kind: Kind
    prefix: str
    width: int
    mlp_width: int
    layers: int
    heads: int
    projected: int | None

    def build(self) -> nn.Module:
        """The network without values; called under `torch.device("meta")`."""
        from transformers import CLIPTextConfig, CLIPTextModelWithProjection

        config = CLIPTextConfig(
            vocab_size=VOCABULARY,
            hidden_size=self.width,
            intermediate_size=self.mlp_width,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            max_position_embeddings=LENGTH,
            projection_dim=self.projected or self.width,
            hidden_act=self.kind.activation,
        )
        network: Any = CLIPTextModelWithProjection(config)
        # Not needed by `encode`, and a buffer that no file fills could not be moved between devices.
        del network.text_model.embeddings.position_ids
        if self.projected is None:
            network.text_projection = nn.Identity()
        return network

    def convert(self, tensors: Tensors) -> dict[str, Tensor]:
        """The tensors of the file under the names of the network."""
        return _renamed(tensors, self.prefix)

    def encode(
        self, network: nn.Module, prompt: Sequence[Sequence[Token]], layer: int, *, norm: bool
    ) -> Encoded:
        """The output of a block for the chunks of a prompt.

        Args:
            layer: Which block's, counted from the end: -1 is the last one.
            norm: Whether it passes the final norm; the pooled output always does, and is the last block's.
        """
        batches = [prompt[start : start + _BATCH] for start in range(0, len(prompt), _BATCH)]
        with torch.no_grad():
            states, ends = zip(*(_run(network, batch, layer, norm=norm) for batch in batches), strict=True)
            pooled = network.get_submodule("text_projection")(ends[0])
        return Encoded(torch.cat(states), pooled.to("cpu", torch.float32))


def recognise(tensors: Tensors, kind: Kind, prefixes: Sequence[str]) -> ClipText:
    """The text encoder below one of some prefixes, in a layout of transformers or of open_clip.

    Args:
        tensors: All tensors of the file.

    Raises:
        ModelError: There is none.
        WeightsMismatch: A part is missing, or of a size that no such network has.
    """
    for prefix in prefixes:
        if any(f"{prefix}{name}" in tensors for name in _EMBEDDINGS):
            return _measure(_renamed(tensors, prefix), kind, prefix)
    raise ModelError(
        f"there is no text encoder {kind.name} in it (below {' or '.join(filter(None, prefixes))}): "
        "use a checkpoint that has one, or load the text encoder from a file of its own"
    )


def _measure(tensors: Tensors, kind: Kind, prefix: str) -> ClipText:
    width = matrix(tensors, _EMBEDDING)[1]
    if width % _HEAD_WIDTH:
        raise WeightsMismatch(f"the text encoder is {width} wide, no multiple of {_HEAD_WIDTH}")
    return ClipText(
        kind,
        prefix,
        width,
        mlp_width=matrix(tensors, f"{_BLOCKS}0.mlp.fc1.weight")[0],
        layers=count(tensors, _BLOCKS),
        heads=width // _HEAD_WIDTH,
        projected=matrix(tensors, _PROJECTION)[0] if kind.projects and _PROJECTION in tensors else None,
    )


def _renamed(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    """The tensors below a prefix under transformers' names."""
    own = below(tensors, prefix)
    if _EMBEDDING in own:
        return own
    # Some of the first checkpoints lack the outermost level.
    if _EMBEDDING.removeprefix(_LEVEL) in own:
        return {_LEVEL + name: tensor for name, tensor in own.items()}
    return from_open_clip(own, _OPEN_CLIP, _PROJECTION, prefix)


def from_open_clip(tensors: Tensors, renames: Renames, projection: str, prefix: str) -> dict[str, Tensor]:
    """The tensors of one of open_clip's encoders under transformers' names.

    Args:
        tensors: Those of the encoder, named without the prefix.
        projection: The new name of its projection, which open_clip stores the other way round.
        prefix: What its names in the file start with, for messages.

    Raises:
        WeightsMismatch: A tensor that holds query, key and value cannot be divided.
    """
    result: dict[str, Tensor] = {}
    for old_name, tensor in tensors.items():
        name = old_name
        for pattern, replacement in renames:
            name = pattern.sub(replacement, name)
        if fused := _FUSED.match(name):
            if not tensor.ndim or tensor.shape[0] % 3:
                raise WeightsMismatch(
                    f"the tensor {prefix}{old_name} has the shape {tuple(tensor.shape)}, "
                    "its first side should have room for query, key and value"
                )
            thirds = tensor.tensor_split(3)
            result |= {f"{fused[1]}{q}_proj.{fused[2]}": t for q, t in zip("qkv", thirds, strict=True)}
        elif name == projection and tensor.ndim == 2:
            result[name] = tensor.T
        else:
            result[name] = tensor
    return result


def _run(
    network: nn.Module, prompt: Sequence[Sequence[Token]], layer: int, *, norm: bool
) -> tuple[Tensor, Tensor]:
    """The states [N,77,D] behind a block, and the final one [1,D] at the end of the first chunk."""
    model: Any = network.text_model
    x = _embed(model.embeddings.token_embedding, prompt) + model.embeddings.position_embedding.weight
    chosen = x
    for index, block in enumerate(model.encoder.layers, start=-len(model.encoder.layers)):
        x = block(x, None, is_causal=True)
        if index == layer:
            chosen = model.final_layer_norm(x) if norm else x
    end = next(n for n, token in enumerate(prompt[0]) if isinstance(token.value, int) and token.value == END)
    return chosen.to("cpu", torch.float32), model.final_layer_norm(x[:1, end])


def _embed(table: nn.Module, prompt: Sequence[Sequence[Token]]) -> Tensor:
    device = next(table.parameters()).device
    ids = [[token.value if isinstance(token.value, int) else 0 for token in chunk] for chunk in prompt]
    x: Tensor = table(torch.tensor(ids, device=device))
    for row, chunk in enumerate(prompt):
        for column, token in enumerate(chunk):
            if isinstance(token.value, Tensor):
                x[row, column] = token.value.to(x)
    return x
