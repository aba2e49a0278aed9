"""Trains the text encoder to say what scene a caption speaks of, before there is a UNet.

It sees no pictures: captions are cheap, and a UNet that is given sentences already understood learns the
colour of the right thing in a fraction of the time. Behind every caption, and in its padding, all facts of
the scene can be read off.

    python -m tools.starter_model.train_text WORK --steps 2000
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from core.models.text.tokenizer import END, START
from tools.starter_model.captions import caption
from tools.starter_model.networks import (
    TEXT_WIDTH,
    new_text_encoder,
    padded_ids,
    text_states,
)
from tools.starter_model.scenes import (
    BACKGROUNDS,
    COLOURS,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    STYLES,
    Scene,
    Thing,
    random_scene,
)
from tools.starter_model.training import Training, averages, command_line, cosine, device, dice

_RATE = 1e-3
_BATCH = 64
_UNKNOWN_SHARE = 0.03
_SHORT = 36  # tokens that every caption fits into; most steps leave the rest of the padding out
_SHORT_SHARE = 0.85
_NOTHING = Thing("", "")
_FACTS: Mapping[str, tuple[object, ...]] = {
    "background": BACKGROUNDS,
    "style": STYLES,
    "count": (1, 2, 3),
    "relation": ("", *RELATIONS),
    **{
        f"{which} {fact}": ("", *values)
        for which in ("first", "second")
        for fact, values in {
            "shape": SHAPES,
            "colour": tuple(COLOURS),
            "size": tuple(size for size in SIZES if size),
            "place": tuple(PLACES),
        }.items()
    },
}


class Words:
    """The tokens that captions are made of, numbered from 1; 0 stands for all others.

    Few of the vocabulary's tokens ever occur. Training a table of those alone spares the optimiser the rest.
    """

    def __init__(self) -> None:
        rng = random.Random(0)
        rows = padded_ids(caption(random_scene(rng), rng) for _ in range(20_000))
        self.ids: list[int] = rows.unique().tolist()
        self._number = {token: number for number, token in enumerate(self.ids, start=1)}

    def __call__(self, captions: Iterable[str]) -> Tensor:
        """Captions as numbers of tokens [B,LENGTH]."""
        rows = padded_ids(captions).tolist()
        return torch.tensor([[self._number.get(token, 0) for token in row] for row in rows])

    @property
    def end(self) -> int:
        """The number of the token that ends a caption and fills it up."""
        return self._number[END]

    def some_unknown(self, ids: Tensor, rng: torch.Generator) -> Tensor:
        """Captions [B,L] in which a few words are replaced by one that is not known."""
        chosen = torch.rand(ids.shape, generator=rng) < _UNKNOWN_SHARE
        return ids.masked_fill(chosen & (ids != self._number[START]) & (ids != self.end), 0)

    def small(self, network: nn.Module) -> nn.Module:
        """A text encoder with a table for these tokens only."""
        embeddings = network.get_submodule("text_model.embeddings")
        table = nn.Embedding(len(self.ids) + 1, TEXT_WIDTH)
        nn.init.normal_(table.weight, std=0.05)
        embeddings.register_module("token_embedding", table)
        return network

    def small_table(self, table: Tensor) -> Tensor:
        """The rows of a whole table that are in the small one."""
        unknown = next(token for token in range(len(table)) if token not in self._number)
        return table[[unknown, *self.ids]]

    def whole_table(self, table: Tensor, size: int) -> Tensor:
        """The table [size,W] of the whole vocabulary: unknown words all mean the same."""
        result = table[:1].repeat(size, 1)
        result[self.ids] = table[1:]
        return result


def read_text_encoder(file: Path, words: Words) -> nn.Module:
    """The text encoder in the file of a training, with the small table; not to be trained further."""
    network = words.small(new_text_encoder())
    network.load_state_dict(averages(file, "text"))
    return network.eval().requires_grad_(requires_grad=False)


def main() -> None:
    """Trains for the steps of the command line, goes on where it was interrupted."""
    arguments = command_line(__doc__, steps=2000).parse_args()
    where = device()
    torch.manual_seed(arguments.seed)
    words = Words()
    network = words.small(new_text_encoder()).to(where)
    heads = nn.ModuleDict(
        {name.replace(" ", "_"): nn.Linear(TEXT_WIDTH, len(v)) for name, v in _FACTS.items()}
    )
    heads.to(where)
    training = Training(arguments.work / "text.pt", {"text": network, "heads": heads})

    def states(captions: list[str], rng: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        ids = words(captions)
        if rng is not None:
            if torch.rand((), generator=rng) < _SHORT_SHARE:
                ids = ids[:, :_SHORT]
            ids = words.some_unknown(ids, rng)
        every = text_states(network, ids.to(where))
        first_end = (ids == words.end).float().argmax(1)
        return every[torch.arange(len(ids)), first_end], every[:, -1]

    while training.step < arguments.steps:
        rng = dice(arguments.seed, training.step)
        numbers = random.Random(f"{arguments.seed} {training.step}")
        scenes = [random_scene(numbers) for _ in range(_BATCH)]
        labels = {name: facts.to(where) for name, facts in _labels(scenes).items()}
        with torch.autocast(where.type, torch.bfloat16):
            loss = sum(
                cross_entropy(heads[name](state).float(), facts)
                for state in states([caption(scene, numbers) for scene in scenes], rng)
                for name, facts in labels.items()
            )
        rate = cosine(_RATE, training.step, arguments.steps, warm_up=100)
        training.update(loss, rate)
        if training.step % 250 == 0:
            with training.averaged(), torch.no_grad():
                training.note(loss=loss.item(), **_shares_right(heads, states))
    training.save()


def _labels(scenes: list[Scene]) -> dict[str, Tensor]:
    def value(scene: Scene, name: str) -> object:
        which, _, fact = name.partition(" ")
        if not fact:
            return getattr(scene, which)
        thing = (
            scene.things[0] if which == "first" else scene.things[1] if len(scene.things) > 1 else _NOTHING
        )
        return getattr(thing, fact)

    return {
        name.replace(" ", "_"): torch.tensor([values.index(value(scene, name)) for scene in scenes])
        for name, values in _FACTS.items()
    }


def _shares_right(
    heads: nn.ModuleDict, states: Callable[[list[str]], tuple[Tensor, Tensor]]
) -> dict[str, float]:
    """How often a fact is read off rightly, of scenes with things that training never shows."""
    rng = random.Random(12345)
    scenes = [random_scene(rng, held_out=True) for _ in range(256)]
    _, last = states([caption(scene, rng) for scene in scenes])
    return {
        name: float((heads[name](last).argmax(1).cpu() == facts).float().mean())
        for name, facts in _labels(scenes).items()
        if name in {"background", "style", "first_shape", "first_colour", "second_shape", "second_colour"}
    }


if __name__ == "__main__":
    main()
