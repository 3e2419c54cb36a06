"""A promptable embedder of a few thousand weights, by the functions that build the real ones, and toy scenes for it."""

from typing import Any

import numpy as np
import torch

from pinpoint.diorama.questions import Asked
from pinpoint.recipes.mllm import MllmConfig
from pinpoint.recipes.mllm_models import BUILD, IMAGE_TEMPLATE, processor
from pinpoint.recipes.word_pieces import build_tokenizer

ARCHITECTURES = ("qwen2_vl", "llava")
COLOURS = ("black", "red", "green", "blue", "white")
VALUES = ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))


class Squares:
    """Squares of two colours, one above the other. A caption may equal that of another picture, so may an answer."""

    digest = "squares"

    def __len__(self) -> int:
        return 40

    def image(self, i: int) -> np.ndarray:
        pixels = np.zeros((24, 24, 3), np.uint8)
        pixels[:12], pixels[12:] = VALUES[i % 5], VALUES[i // 5 % 5]
        return pixels

    def caption(self, i: int, epoch: int, seed: int = 0) -> str:
        return ("a " if (i + epoch) % 2 else "one very very ") + f"{COLOURS[i % 5]} picture"

    def description(self, i: int, epoch: int, seed: int = 0) -> str:
        top, low = COLOURS[i % 5], COLOURS[i // 5 % 5]
        return f"{low} is below a {top} picture" if (i + epoch + seed) % 2 else f"a {top} picture {low} is below"

    def questions(self, i: int, epoch: int, n: int, seed: int = 0) -> list[Asked]:
        top, low = COLOURS[i % 5], COLOURS[i // 5 % 5]
        known = [Asked("Which colour is on top?", top), Asked("below?", f"{low} is below"),
                 Asked("What is the colour of the lower half of this picture?", f"{low} is below")]  # fmt: skip
        return [known[(i + epoch + seed + k) % 3] for k in range(n)]


WORDS = [
    "Represent the given image with the following question: once more",
    *(Squares().caption(i, epoch) for i in range(5) for epoch in range(2)),
    *(text for i in range(25) for a in Squares().questions(i, 0, 3) for text in (a.question, a.answer)),
]
IMAGES = np.stack([Squares().image(i) for i in range(len(Squares()))])


def toy_config(architecture: str = "qwen2_vl", **changes: Any) -> MllmConfig:
    """Four image tokens, two layers of width 16."""
    sizes = {"image_size": 24, "patch_size": 12, "vision_width": 16, "vision_layers": 2, "width": 16, "mlp_width": 32,
             "layers": 2, "heads": 2}  # fmt: skip
    return MllmConfig(architecture, **{**sizes, **changes})


def toy_model(config: MllmConfig, tokenizer: Any = None) -> Any:
    """Random weights, large enough that every pixel and every word changes the embedding."""
    torch.manual_seed(7)
    model = BUILD[config.architecture](config, tokenizer or build_tokenizer(WORDS))
    for parameter in model.parameters():
        if parameter.ndim >= 2:
            torch.nn.init.normal_(parameter, std=0.25)
    return model.eval()


def plain_row(model: Any, config: MllmConfig, tokenizer: Any, image: np.ndarray, prompt: str) -> torch.Tensor:
    """The unit embedding (D,) by the library alone: its processor, the whole sequence at once, the last token."""
    text = IMAGE_TEMPLATE.format(prompt=prompt)
    inputs = processor(config, tokenizer)(text=[text], images=[image], return_tensors="pt")
    row = model(**inputs, use_cache=False).last_hidden_state[0, -1]
    return row / row.norm()


def plain_text_row(model: Any, tokenizer: Any, text: str) -> torch.Tensor:
    """The unit embedding (D,) of one text, alone and without padding."""
    ids = torch.tensor([[*tokenizer(text)["input_ids"], tokenizer.eos_token_id]])
    row = model.language_model(input_ids=ids).last_hidden_state[0, -1]
    return row / row.norm()
