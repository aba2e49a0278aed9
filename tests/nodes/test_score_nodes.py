"""Scores follow the published formulas, stay within 0..1, and order pictures as people do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter1d

from core.media.scores import colourfulness, contrast, likeness, sharpness
from core.nodes.scores import score_likeness, score_pictures


def noise(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def flat(*colour, size=24):
    return torch.tensor(colour).expand(1, size, size, 3).clone()


def halves(left, right, size=24):
    picture = flat(*left, size=size)
    picture[:, :, size // 2 :] = torch.tensor(right)
    return picture


def test_contrast():
    assert contrast(halves((0.0, 0, 0), (1.0, 1, 1))).item() == pytest.approx(1)
    assert contrast(halves((0.25, 0.25, 0.25), (0.75, 0.75, 0.75))).item() == pytest.approx(0.5)
    assert contrast(flat(1.0, 0, 0)).item() == pytest.approx(0, abs=1e-6)


def test_colourfulness():
    assert colourfulness(flat(0.4, 0.4, 0.4)).item() == pytest.approx(0, abs=1e-6)
    picture = noise(1, 8, 9, 3) * 0.2
    red, green, blue = (picture[0, ..., channel].double().numpy() * 255 for channel in range(3))
    rg, yb = red - green, (red + green) / 2 - blue
    expected = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    assert colourfulness(picture).item() == pytest.approx(expected / 109, rel=1e-4)
    assert colourfulness(halves((1.0, 0, 0), (0.0, 0, 1))).item() == 1


def test_sharpness_follows_the_formula_away_from_the_border():
    picture = noise(1, 40, 30, 3)
    luma = picture[0].double().numpy() @ [0.299, 0.587, 0.114]
    kept = []
    for axis in (0, 1):
        rows = luma if axis == 0 else luma.T
        count = uniform_filter1d(np.ones_like(rows), 9, axis=0, mode="constant")
        blurred = uniform_filter1d(rows, 9, axis=0, mode="constant") / count
        differences = np.abs(np.diff(rows, axis=0))
        gone = np.maximum(differences - np.abs(np.diff(blurred, axis=0)), 0)
        kept.append(gone.sum() / differences.sum())
    assert sharpness(picture).item() == pytest.approx(min(kept), rel=1e-4)


def test_blur_lowers_sharpness():
    crisp = noise(1, 48, 48, 3).numpy()
    values = [
        sharpness(torch.from_numpy(gaussian_filter(crisp, (0, sigma, sigma, 0)))).item()
        for sigma in (0.3, 1, 2, 4)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.8
    assert values[-1] < 0.3
    assert sharpness(flat(0.5, 0.5, 0.5)).item() == 0


def test_likeness():
    picture = noise(1, 32, 32, 3)
    values = [
        likeness(picture, (picture + amount * noise(1, 32, 32, 3, seed=1)).clamp(0, 1))
        for amount in (0, 0.2, 2)
    ]
    assert values[0].item() == pytest.approx(1)
    assert values[0] > values[1] > values[2]
    assert likeness(picture, 1 - picture).item() == 0


def test_likeness_follows_the_formula():
    x, y = noise(1, 11, 11, 3), noise(1, 11, 11, 3, seed=1)
    places = np.arange(11) - 5
    row = np.exp(-(places**2) / (2 * 1.5**2))
    window = np.outer(row, row) / np.outer(row, row).sum()
    found = []
    for a, b in zip(x[0].double().numpy().T, y[0].double().numpy().T, strict=True):
        mean_a, mean_b = (window * a).sum(), (window * b).sum()
        var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
        both = (window * (a - mean_a) * (b - mean_b)).sum()
        top = (2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4)
        found.append(top / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)))
    assert likeness(x, y).item() == pytest.approx(max(np.mean(found), 0), abs=1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 3, 3), (1, 5, 64, 4), (3, 9, 10, 3)])
def test_scores_of_odd_pictures_are_within_limits(shape):
    picture = noise(*shape)
    for value in (*score_pictures(image=picture), *score_likeness(image=picture, reference=picture[:1])):
        assert 0 <= value <= 1
    assert sharpness(picture).shape == (shape[0],)


def test_batches_are_means_and_references_are_fitted():
    batch = torch.cat((flat(0.0, 0, 0), halves((0.0, 0, 0), (1.0, 1, 1))))
    assert score_pictures(image=batch).contrast == pytest.approx(0.5)
    scores = score_pictures(image=batch)
    assert scores.overall == pytest.approx(sum(scores[:3]) / 3)
    assert score_likeness(image=flat(0.5, 0.5, 0.5), reference=flat(0.5, 0.5, 0.5, size=40)) == (
        pytest.approx(1),
    )


def test_what_cannot_be_scored_is_said():
    with pytest.raises(ValueError, match="no pictures with colours"):
        score_pictures(image=torch.zeros(1, 8, 8, 1))
    with pytest.raises(ValueError, match="2x8 is too small"):
        score_pictures(image=torch.zeros(1, 8, 2, 3))
    with pytest.raises(ValueError, match="3 pictures and 2 references"):
        score_likeness(image=torch.zeros(3, 8, 8, 3), reference=torch.zeros(2, 8, 8, 3))
