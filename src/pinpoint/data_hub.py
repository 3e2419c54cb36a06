"""Files of data sets on the Hugging Face Hub, of which the name is known, and not the folder or the commit."""

import io
import json
import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from pinpoint.errors import PinpointError

SCHEME = "hf://datasets/"
HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Found:
    """Where a file is at one commit, and what the Hub says of it: bytes, and the SHA-256 of a large file."""

    url: str
    size: int | None
    sha256: str | None


def find(address: str) -> Found:
    """Ask the Hub for `hf://datasets/OWNER/NAME/FILE`: in which folder it is, and at which commit now.

    HF_ENDPOINT names another hub, as for the Hub's own client. Raises PinpointError if the Hub does not answer, or has
    no such file or several.
    """
    owner, name, file = address.removeprefix(SCHEME).split("/")
    repo, hub = f"{owner}/{name}", os.environ.get("HF_ENDPOINT") or HUB
    info = _asked(f"{hub}/api/datasets/{repo}", f"get {file} by hand from huggingface.co/datasets/{repo}")
    files = [s for s in info["siblings"] if PurePosixPath(s["rfilename"]).name == file]
    if len(files) != 1:
        raise PinpointError(f"huggingface.co/datasets/{repo} has {len(files)} files {file}; get the right one by hand")
    url = f"{hub}/datasets/{repo}/resolve/{info['sha']}/{quote(files[0]['rfilename'])}"
    return Found(url, files[0].get("size"), (files[0].get("lfs") or {}).get("sha256"))


def _asked(url: str, fix: str) -> dict[str, Any]:
    """What the Hub knows of a data set: `sha`, its commit, and `siblings`, its files."""
    from pooch import HTTPDownloader

    answer = io.BytesIO()
    try:
        HTTPDownloader(timeout=60)(f"{url}?blobs=true", answer, None)
        info = json.loads(answer.getvalue())
    except (OSError, ValueError) as error:
        raise PinpointError(f"{url} did not answer ({error}); try again, or {fix}") from None
    if not isinstance(info, dict) or not {"sha", "siblings"} <= info.keys():
        raise PinpointError(f"{url} answered something else than a list of files; {fix}")
    return info
