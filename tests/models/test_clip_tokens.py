from __future__ import annotations

import pytest
import torch
from helpers.golden import manifest
from helpers.text import golden_encoder, write_embeddings
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from core.models.text.chunks import LENGTH, chunks
from core.models.text.embeddings import read_vectors
from core.models.text.tokenizer import END, START, VOCABULARY, read_merges, token_ids, vocabulary

CASES = manifest("text_tokens")["cases"]


def no_vectors(name):
    return None


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    write_embeddings(folder)
    return folder


def test_the_vocabulary_is_whole():
    tokens = vocabulary(read_merges())
    assert len(tokens) == VOCABULARY
    assert sorted(tokens.values()) == list(range(VOCABULARY))
    assert (tokens["!"], tokens["cat</w>"], tokens["jekyll</w>"]) == (0, 2368, 49405)
    assert (tokens["<|startoftext|>"], tokens["<|endoftext|>"]) == (START, END)


@pytest.mark.parametrize("encoder", ["clip_l", "clip_g"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_tokens(case, encoder, embeddings):
    clip = next(p.clip for p in golden_encoder("sdxl").parts if p.clip.kind.name == encoder)

    def find(name):
        path = embeddings / f"{name}.safetensors"
        return read_vectors(path, encoder, clip.width) if path.is_file() else None

    result = chunks(case["prompt"], clip.kind.padding, find)
    assert len(result) == len(case[encoder])
    for chunk, expected in zip(result, case[encoder], strict=True):
        tokens = expected["tokens"] + [expected["tokens"][-1]] * (
            expected["length"] - len(expected["tokens"])
        )
        assert len(chunk) == len(tokens)
        for token, (value, weight) in zip(chunk, tokens, strict=True):
            assert token.weight == pytest.approx(weight, abs=1e-6)
            if isinstance(value, dict):
                file = load_file(embeddings / f"{value['embedding']}.safetensors")
                assert torch.equal(token.value, file[value["key"]][value["row"]])
            else:
                assert token.value == value


def test_seven_tokens_move_to_the_next_chunk_and_eight_are_cut():
    def lengths(words):
        result = chunks("x " * 70 + f"({'y ' * words}:1.2)", 0, no_vectors)
        return [sum(token.weight != 1 for token in chunk) for chunk in result]

    assert lengths(5) == [5]
    assert lengths(7) == [0, 7]
    assert lengths(8) == [5, 3]


def test_a_full_chunk_is_followed_by_no_empty_one():
    assert len(chunks("x " * 75, END, no_vectors)) == 1
    assert len(chunks("x " * 76, END, no_vectors)) == 2


def test_composition_whitespace_and_case_make_no_difference():
    assert token_ids("Cafe\u0301  \u00a0\n noir") == token_ids("caf\u00e9 noir")


def test_surrogates():
    assert token_ids("\ud83d\udc31") == token_ids("🐱") == [22979]
    assert token_ids("cat \ud83d cat") == token_ids("cat \ufffd cat")


def test_control_characters_are_bytes_like_others():
    assert token_ids("a\x00b") == [320, 444, 321]


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_text_gives_whole_chunks(text):
    for chunk in chunks(text, 0, no_vectors):
        values = [token.value for token in chunk]
        assert len(values) == LENGTH
        assert values[0] == START
        assert END in values
        assert all(0 <= value < VOCABULARY for value in values)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["a", "(cat:1.2), "])
def test_five_megabytes(unit):
    assert len(chunks(unit * (5_000_000 // len(unit)), 0, no_vectors)) > 8000


def test_a_missing_embedding_is_reported_once(caplog):
    assert len(chunks("embedding:none " * 1000, 0, no_vectors)) == 1
    assert len(caplog.records) == 1
