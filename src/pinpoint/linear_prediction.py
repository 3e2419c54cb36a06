"""A linear map for a prompt that no image was ever encoded with, predicted from the maps of known prompts. Ours.

The paper re-encodes 100 images for every new prompt. Prompts are texts, and the model embeds texts: if near prompts
have near maps, then the new map is a weighted mean of the known ones, and a new prompt costs one text embedding.
Whether they do is a question for the experiment.
"""

from collections.abc import Sequence

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.linear import LinearMap, unit

TEMPERATURES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0)


def predicted_map(
    prompt_emb: np.ndarray, known_emb: np.ndarray, known_maps: Sequence[LinearMap], temperature: float
) -> LinearMap:
    """A map for a prompt that no image was ever encoded with: Σ_k a_k W_k, a = softmax(cos(g(p), g(p_k)) / τ). Ours.

    prompt_emb: g(p) (D,), the text embedding of the new prompt. known_emb: (P, D), of the prompts whose maps are
    known. A small τ copies the nearest prompt's map, a large one averages all.
    """
    return combined(known_maps, _softmax_weights(prompt_emb, known_emb, temperature))


def combined(maps: Sequence[LinearMap], weights: np.ndarray) -> LinearMap:
    """Σ_k a_k W_k as one map; factored while the ranks add up to less than D."""
    if len(maps) != len(weights) or not len(maps):
        raise PinpointError(f"{len(maps)} maps and {len(weights)} weights; give every map its weight")
    pairs = list(zip(weights, maps, strict=True))
    biases = [a * m.bias for a, m in pairs if m.bias is not None]
    bias = np.sum(biases, axis=0) if biases else None
    if sum(len(m.factors[-1]) for m in maps) < len(maps[0].factors[0]):
        left, right = np.hstack([a * m.factors[0] for a, m in pairs]), np.vstack([m.factors[-1] for m in maps])
        return LinearMap((left, right), float(sum(a * m.identity for a, m in pairs)), bias)
    return LinearMap((np.sum([a * m.matrix for a, m in pairs], axis=0),), bias=bias)


def temperature_errors(
    known_emb: np.ndarray,
    known_maps: Sequence[LinearMap],
    general_emb: np.ndarray,
    prompted_emb: Sequence[np.ndarray],
    temperatures: Sequence[float] = TEMPERATURES,
) -> np.ndarray:
    """Leave one prompt out: its map predicted from the others, 1 − cos(Ŵ u, v) on held-out images, averaged.

    general_emb (M, D) and prompted_emb, one (M, D) per known prompt, are of images outside the test. Returns one error
    per temperature; the least chooses it.
    """
    if len(known_maps) < 2:
        raise PinpointError("leaving one prompt out needs at least two known prompts")
    moved = np.stack([m.apply(general_emb) for m in known_maps])  # (P, M, D)
    targets = [unit(v) for v in prompted_emb]
    errors = np.zeros((len(temperatures), len(known_maps)))
    for k, target in enumerate(targets):
        others = np.arange(len(known_maps)) != k
        for t, temperature in enumerate(temperatures):
            weights = _softmax_weights(known_emb[k], known_emb[others], temperature)
            guess = unit(np.tensordot(weights, moved[others], axes=1))
            errors[t, k] = 1 - np.einsum("md,md->m", guess, target).mean()
    return errors.mean(axis=1)


def _softmax_weights(prompt_emb: np.ndarray, known_emb: np.ndarray, temperature: float) -> np.ndarray:
    if not temperature > 0:
        raise PinpointError(f"a temperature of {temperature}; it must be greater than 0")
    cosines = unit(known_emb) @ unit(prompt_emb)
    weights = np.exp((cosines - cosines.max()) / temperature)
    return np.asarray(weights / weights.sum())
