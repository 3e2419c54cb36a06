"""The forward pass of a promptable embedder, with the work on the image shared by all its prompts.

In VLM2Vec's format the image comes before the prompt, and attention is causal. So nothing that the language model
computes at the image's positions depends on the prompt: it is computed once and kept as keys and values; each prompt
then costs its own few tokens. The same two functions train the small models and encode with any transformers model
whose decoder takes a key-value cache.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import normalize, scaled_dot_product_attention

import pinpoint.torchvision_shim  # noqa: F401  (before transformers imports torchvision)

# isort: split
from transformers import AttentionInterface
from transformers.cache_utils import DynamicCache


@dataclass(frozen=True)
class Prefix:
    """What the language model keeps of everything before the prompt."""

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]  # keys and values per layer, (B, heads, T0, Dh)
    following: torch.Tensor  # (B,) position of the first prompt token

    def cache(self, rows: torch.Tensor | None = None) -> DynamicCache:
        """A fresh cache of some rows (M,), any of them as often as it has prompts; all rows by default."""
        cache = DynamicCache()
        for i, (keys, values) in enumerate(self.layers):
            cache.update(keys if rows is None else keys[rows], values if rows is None else values[rows], i)
        return cache


def image_prefix(model: Any, inputs: Mapping[str, torch.Tensor]) -> Prefix:
    """Run the template up to the prompt. `inputs`: what a processor gives for it; all rows have the same length T0.

    No attention mask: rows of different lengths must be grouped by the caller.
    """
    positions = prefix_positions(model, inputs)  # (3, B, T0), or None where positions simply count
    extra = {} if positions is None else {"position_ids": positions}
    given = {key: value for key, value in inputs.items() if key != "attention_mask"}
    cache = model(**given, **extra, use_cache=True).past_key_values
    rows, length = inputs["input_ids"].shape
    following = torch.full((rows,), length, device=inputs["input_ids"].device)
    if positions is not None:
        following = positions.amax(dim=(0, 2)) + 1
    return Prefix(tuple((layer.keys, layer.values) for layer in cache.layers), following)


def prefix_positions(model: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
    """Multi-axis rotary positions of Qwen-VL models, computed once where all rows hold images of one size."""
    if not hasattr(model, "get_rope_index"):
        return None
    ids, types, grid = inputs["input_ids"], inputs["mm_token_type_ids"], inputs["image_grid_thw"]
    if len(grid) == len(ids) and bool((grid == grid[0]).all()) and bool((types == types[0]).all()):
        row, _ = model.get_rope_index(ids[:1], mm_token_type_ids=types[:1], image_grid_thw=grid[:1])
        return torch.as_tensor(row).expand(-1, len(ids), -1)
    positions, _ = model.get_rope_index(ids, mm_token_type_ids=types, image_grid_thw=grid)
    return torch.as_tensor(positions)


def extended(model: Any, prefix: Prefix, ids: torch.Tensor) -> Prefix:
    """The prefix with more tokens `ids` (T,) behind it, the same for all images: words that several prompts share."""
    rows, length = len(prefix.following), len(ids)
    cache = prefix.cache()
    model.language_model(
        inputs_embeds=model.get_input_embeddings()(ids).expand(rows, -1, -1),
        position_ids=prefix.following[:, None] + torch.arange(length, device=ids.device),
        past_key_values=cache,
        use_cache=True,
    )
    return Prefix(tuple((layer.keys, layer.values) for layer in cache.layers), prefix.following + length)


def embed_pairs(
    model: Any, prefix: Prefix, rows: torch.Tensor, ids: torch.Tensor, lengths: torch.Tensor
) -> torch.Tensor:
    """Unit embeddings (M, D) of image `rows[m]` under the prompt `ids[m]` (M, T), padded at the right to `lengths`.

    Padding behind the last token is never read: attention is causal.
    """
    hidden = model.language_model(
        inputs_embeds=model.get_input_embeddings()(ids),
        position_ids=prefix.following[rows][:, None] + torch.arange(ids.shape[1], device=ids.device),
        past_key_values=prefix.cache(rows),
        use_cache=True,
    ).last_hidden_state  # (M, T, D)
    return last_token(hidden, lengths)


def embed_prompts(model: Any, prefix: Prefix, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Unit embeddings (B, K, D) of every image of the prefix under every prompt: `ids` (K, T), `lengths` (K,)."""
    images, prompts = len(prefix.following), len(ids)
    rows = torch.arange(images, device=ids.device).repeat_interleave(prompts)
    out = embed_pairs(model, prefix, rows, ids.repeat(images, 1), lengths.repeat(images))
    return out.unflatten(0, (images, prompts))


def embed_texts(model: Any, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Unit embeddings (N, D) of texts without an image: `ids` (N, T), padded at the right to `lengths`."""
    hidden = model.language_model(input_ids=ids, use_cache=False).last_hidden_state
    return last_token(hidden, lengths)


def last_token(hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Last-token pooling and L2 (VLM2Vec): (N, T, D) and lengths (N,) -> unit rows (N, D), in single precision."""
    last: torch.Tensor = hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
    return normalize(last.float(), dim=-1)


def uniform_attention(
    _module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: torch.Tensor | None,
    scaling: float | None = None, cu_seq_lens_q: torch.Tensor | None = None, **_options: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """Attention of an image tower over images laid end to end, (1, H, N T, Dh) -> (1, N T, H, Dh).

    Without a flash kernel, transformers attends to one image after the other. Images of one size fold into a batch.
    """
    if cu_seq_lens_q is None:
        out = scaled_dot_product_attention(query, key, value, attn_mask=attention_mask, scale=scaling)
        return out.transpose(1, 2), None
    lengths = (cu_seq_lens_q[1:] - cu_seq_lens_q[:-1]).tolist()
    parts = [query, key, value]
    if len(set(lengths)) == 1:
        q, k, v = (x[0].unflatten(1, (len(lengths), lengths[0])).transpose(0, 1) for x in parts)  # (N, H, T, Dh)
        out = scaled_dot_product_attention(q, k, v, scale=scaling)
        return out.transpose(1, 2).flatten(0, 1)[None], None
    split = zip(*(x.split(lengths, dim=2) for x in parts), strict=True)
    outs = [scaled_dot_product_attention(q, k, v, scale=scaling).transpose(1, 2) for q, k, v in split]
    return torch.cat(outs, dim=1), None


# transformers hands lengths only to implementations whose name says flash
AttentionInterface.register("uniform_flash", uniform_attention)


def use_uniform_attention(model: Any) -> None:
    """Let a Qwen-VL image tower attend to equal images in one batch; other towers do so already."""
    tower = getattr(model, "visual", None)
    if tower is not None:
        tower.config._attn_implementation = "uniform_flash"
