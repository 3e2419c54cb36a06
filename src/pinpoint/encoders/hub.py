"""Weights and tokenizers of public models, from the Hugging Face cache of this machine.

`load` never touches the network: a chapter must not start to download gigabytes. `fetch` does, when asked.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pinpoint.torchvision_shim  # noqa: F401  (before open_clip is imported)
from pinpoint.encoders.registry import BLIP_BY_NAME, BY_NAME, MLLM_BY_NAME, WEIGHT_FILES
from pinpoint.errors import PinpointError
from pinpoint.files import digest

if TYPE_CHECKING:
    from pinpoint.encoders.registry import BlipRow, MllmRow

TOKENIZER_FILES = ("*.json", "*.model", "*.txt")
CHECKPOINT_FILES = ("*.json", "*.safetensors")
WORD_PIECES = "*.txt"  # BERT's vocabulary


def cached_weights(name: str, tag_cfg: dict[str, Any]) -> tuple[Path, str]:
    """The safetensors file of a pretrained tag and its commit; if it is not here, a line that says how to get it."""
    from huggingface_hub import try_to_load_from_cache

    repo, _, filename = tag_cfg["hf_hub"].rpartition("/")
    for candidate in weight_files(filename):
        path = try_to_load_from_cache(repo, candidate)
        if isinstance(path, str):
            return Path(path), Path(path).parent.name
    raise PinpointError(
        f"the weights of {name} ({repo}) are not on this machine; fetch them once where there is a network: "
        f"pinpoint fetch {name}"
    )


def weight_files(filename: str) -> tuple[str, ...]:
    """The safetensors names to look for. Pickled files have a safetensors twin; the pickle itself is never read."""
    if not filename:
        return WEIGHT_FILES
    return (str(Path(filename).with_suffix(".safetensors")),)


def open_clip_tokenizer(architecture: str, text_cfg: dict[str, Any]) -> Any:
    """The tokenizer of an open_clip architecture: CLIP's own, or a Hugging Face one from the cache."""
    import open_clip

    repo = text_cfg.get("hf_tokenizer_name")
    if not repo:
        return open_clip.get_tokenizer(architecture)
    from huggingface_hub import snapshot_download
    from open_clip.tokenizer import HFTokenizer

    options = {**text_cfg.get("tokenizer_kwargs", {}), "tokenizer_mode": text_cfg.get("tokenizer_mode")}
    try:
        folder = snapshot_download(repo, allow_patterns=list(TOKENIZER_FILES), local_files_only=True)
        return HFTokenizer(folder, context_length=text_cfg.get("context_length", 77), **options)
    except (OSError, ValueError) as error:
        raise PinpointError(
            f"the tokenizer of {architecture} is not on this machine ({type(error).__name__}); fetch it once where "
            f"there is a network: hf download {repo} --include '*.json' '*.model'"
        ) from None


def tokenizer_digest(tokenizer: Any) -> str:
    """A hash over what the tokenizer does: its merges (CLIP) or its whole serialised form (Hugging Face)."""
    inner = getattr(tokenizer, "tokenizer", tokenizer)
    if hasattr(inner, "bpe_ranks"):
        return digest([" ".join(pair) for pair in inner.bpe_ranks])
    backend = getattr(inner, "backend_tokenizer", None)
    return digest(backend.to_str() if backend is not None else sorted(inner.get_vocab().items()))


def fetch(name: str) -> Path:
    """Download the weights (and the Hugging Face tokenizer, if any) of a public encoder; where the weights lie.

    `name` is one of the registry, or `open_clip/ARCHITECTURE/TAG`. Raises `PinpointError` for any other name, and when
    the download fails.
    """
    import open_clip
    from huggingface_hub import hf_hub_download, snapshot_download

    if name in MLLM_BY_NAME:
        return fetch_mllm(MLLM_BY_NAME[name])
    if name in BLIP_BY_NAME:
        return fetch_blip(BLIP_BY_NAME[name])
    source = BY_NAME[name].source if name in BY_NAME else name
    prefix, _, rest = source.partition("/")
    architecture, _, tag = rest.rpartition("/")
    tag_cfg = open_clip.get_pretrained_cfg(architecture, tag)
    if prefix != "open_clip" or not tag_cfg:
        raise PinpointError(f"nothing to fetch for {name!r}; give open_clip/ARCHITECTURE/TAG or a name of the registry")
    repo, _, filename = tag_cfg["hf_hub"].rpartition("/")
    tokenizer = open_clip.get_model_config(architecture)["text_cfg"].get("hf_tokenizer_name")
    try:
        if tokenizer:
            snapshot_download(tokenizer, allow_patterns=list(TOKENIZER_FILES))
        return Path(hf_hub_download(repo, weight_files(filename)[0]))
    except OSError as error:
        raise PinpointError(f"could not fetch {name} from {repo} ({type(error).__name__}): {error}") from None


def fetch_mllm(row: "MllmRow") -> Path:
    """Download a promptable embedder at its pinned commit (and the base model of an adapter): safetensors and JSON."""
    from huggingface_hub import snapshot_download

    try:
        if row.base is not None:
            snapshot_download(row.base[0], revision=row.base[1], allow_patterns=list(CHECKPOINT_FILES))
        return Path(snapshot_download(row.repo, revision=row.revision, allow_patterns=list(CHECKPOINT_FILES)))
    except OSError as error:
        raise PinpointError(f"could not fetch {row.name} from {row.repo} ({type(error).__name__}): {error}") from None


def fetch_blip(row: "BlipRow") -> Path:
    """Download a BLIP or BLIP-2: safetensors, JSON and the vocabulary. A pickle is left where it is."""
    from huggingface_hub import snapshot_download

    patterns = [*CHECKPOINT_FILES, WORD_PIECES]
    try:
        return Path(snapshot_download(row.repo, revision=row.revision, allow_patterns=patterns))
    except OSError as error:
        raise PinpointError(f"could not fetch {row.name} from {row.repo} ({type(error).__name__}): {error}") from None


def cached_checkpoint(name: str, repo: str, revision: str | None) -> tuple[Path, str]:
    """The snapshot folder of a repository in the cache and its commit; if it is not here, how to get it.

    Without a pinned `revision` the commit of the last fetch is taken, which the caller records.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repo, revision=revision, local_files_only=True))
    except OSError:
        at = f" at commit {revision[:12]}" if revision else ""
        raise PinpointError(
            f"{name} ({repo}{at}) is not on this machine; fetch it once where there is a network: pinpoint fetch {name}"
        ) from None
    if revision is not None and folder.name != revision:
        raise PinpointError(f"{name} is pinned to commit {revision}, the cache holds {folder.name}; fetch it again")
    return folder, folder.name


def check_blobs(digests: Mapping[Path, str]) -> None:
    """Compare the SHA-256 of cached weights with their names: the cache calls a large file by it and links to it."""
    for file, sha256 in digests.items():
        blob = file.resolve().name
        if re.fullmatch("[0-9a-f]{64}", blob) and sha256 != blob:
            raise PinpointError(f"{file} is damaged: its SHA-256 is not {blob[:12]}…; delete it and fetch it again")
