"""A Hugging Face cache made by hand, and tiny BLIP checkpoints as transformers saves them."""

import shutil
from pathlib import Path
from typing import Any

from pinpoint.files import file_digest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "cat", "is", "long"]


def put_in_cache(cache: Path, repo: str, files: Path, commit: str = COMMIT) -> Path:
    """Lay files out as the Hugging Face cache does: blobs by SHA-256, and links to them in a snapshot."""
    root = cache / ("models--" + repo.replace("/", "--"))
    snapshot = root / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (root / "blobs").mkdir()
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(commit)
    for file in files.iterdir():
        blob = root / "blobs" / file_digest(file)
        shutil.copy(file, blob)
        (snapshot / file.name).symlink_to(blob)
    return snapshot


def save_tokenizer(folder: Path) -> Any:
    """BERT's tokenizer over a few words, with `vocab.txt` beside it."""
    from transformers import BertTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = BertTokenizer(str(folder / "vocab.txt"))
    tokenizer.save_pretrained(folder)
    return tokenizer


def save_blip(folder: Path, model: Any, size: int = 24, **processor: Any) -> Path:
    """A checkpoint folder: model, tokenizer, preprocessor_config.json."""
    from transformers import BlipImageProcessor

    save_tokenizer(folder)
    model.save_pretrained(folder)
    stated = {"size": {"height": size, "width": size}, "image_mean": [0.4] * 3, "image_std": [0.2] * 3}
    BlipImageProcessor(**{**stated, **processor}).save_pretrained(folder)
    return folder
