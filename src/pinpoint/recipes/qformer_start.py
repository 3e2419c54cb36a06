"""What a small Q-Former starts from: the tower of a small BLIP, which rests, and its text encoder.

BLIP-2's Q-Former starts from BERT in the same way: self-attention and text blocks are copied. Ours finds a text encoder
at hand that has read captions already. Blocks for query tokens start as copies of those for words, cross-attention as
BLIP's where the Q-Former has it, in every other block.
"""

from typing import Any

import torch

from pinpoint.encoders.qformer import small_model


def started(blip: Any, layers: int, tokens: int, context: int, seed: int) -> Any:
    """A model with the tower of `blip` and its words; query tokens and heads for matching are new."""
    vision, text = blip.config.vision_config, blip.config.text_config
    shared = {"hidden_size": vision.hidden_size, "intermediate_size": vision.intermediate_size,
              "num_attention_heads": vision.num_attention_heads}  # fmt: skip
    sizes = {
        "vision_config": {**shared, "num_hidden_layers": vision.num_hidden_layers, "image_size": vision.image_size,
                          "patch_size": vision.patch_size, "layer_norm_eps": vision.layer_norm_eps},
        "qformer_config": {**shared, "num_hidden_layers": layers, "vocab_size": text.vocab_size,
                           "max_position_embeddings": context, "encoder_hidden_size": vision.hidden_size,
                           "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "pad_token_id": 0,
                           "use_qformer_text_input": True},
        "image_text_hidden_size": blip.config.image_text_hidden_size, "num_query_tokens": tokens,
    }  # fmt: skip
    torch.manual_seed(seed)
    model = small_model(sizes)
    model.vision_model.load_state_dict(blip.vision_model.state_dict())
    model.vision_model.requires_grad_(False)
    graft_words(model, blip)
    torch.nn.init.normal_(model.query_tokens, std=0.02)  # equal ones, as transformers makes them, would stay equal
    return model


def graft_words(model: Any, blip: Any) -> None:
    """Copy BLIP's text encoder: a text alone is then embedded exactly as BLIP embeds it."""
    text, qformer = blip.text_encoder, model.qformer
    model.embeddings.word_embeddings.load_state_dict(text.embeddings.word_embeddings.state_dict())
    model.embeddings.position_embeddings.load_state_dict(text.embeddings.position_embeddings.state_dict())
    qformer.layernorm.load_state_dict(text.embeddings.LayerNorm.state_dict())
    model.text_projection.load_state_dict(blip.text_proj.state_dict())
    for ours, theirs in zip(qformer.encoder.layer, text.encoder.layer, strict=False):
        copies = [(ours.attention, theirs.attention)]
        copies += [(ours.crossattention, theirs.crossattention)] if ours.has_cross_attention else []
        for new, old in copies:
            for name in ("query", "key", "value"):
                getattr(new.attention, name).load_state_dict(getattr(old.self, name).state_dict())
            new.output.load_state_dict(old.output.state_dict())
        for new, old in ((ours.intermediate, theirs.intermediate), (ours.intermediate_query, theirs.intermediate),
                         (ours.output, theirs.output), (ours.output_query, theirs.output)):  # fmt: skip
            new.load_state_dict(old.state_dict())
