"""Where the study keeps its things: one frozen record of paths below the repository root."""

import os
from dataclasses import dataclass
from pathlib import Path

from pinpoint.errors import PinpointError, unknown

PUBLISHED = "lite"  # the profile whose executed notebooks are the pages of the book


@dataclass(frozen=True)
class Layout:
    """Paths of a study rooted at `root`. Nothing is created here."""

    root: Path

    @property
    def notebooks(self) -> Path:
        """The Jupytext scripts, the only edited form of a chapter."""
        return self.root / "notebooks"

    @property
    def profiles(self) -> Path:
        """One YAML file per profile."""
        return self.notebooks / "profiles"

    @property
    def results(self) -> Path:
        """The ledgers of recorded runs."""
        return self.root / "results"

    @property
    def chapters(self) -> Path:
        """The executed notebooks that the book renders."""
        return self.root / "book" / "chapters"

    @property
    def runs(self) -> Path:
        """Everything that is not published: logs, other profiles, verification runs. Ignored by git."""
        return self.root / "runs"

    @property
    def source(self) -> Path:
        """The folder that holds the package `pinpoint`."""
        return self.root / "src"

    @property
    def weights(self) -> Path:
        """The weights shipped in the package."""
        return self.source / "pinpoint" / "weights"

    @property
    def cache(self) -> Path:
        """What can be made again: embeddings, rendered pixels, checkpoints. `PINPOINT_CACHE`, else `.cache`."""
        return Path(os.environ.get("PINPOINT_CACHE") or self.root / ".cache")

    def chapter_names(self) -> list[str]:
        """The chapters, in reading order."""
        return sorted(path.stem for path in self.notebooks.glob("*.py"))

    def script(self, chapter: str) -> Path:
        """The script of one chapter; an unknown chapter is an error that lists the known ones."""
        path = self.notebooks / f"{chapter}.py"
        if not path.is_file():
            raise unknown("chapter", chapter, self.chapter_names() or ["(none: notebooks/ is empty)"])
        return path


@dataclass(frozen=True)
class Target:
    """Where one kind of run leaves its notebooks, ledger and provenance records."""

    notebooks: Path
    ledger: Path
    provenance: Path

    def notebook(self, chapter: str) -> Path:
        """The executed notebook of a chapter."""
        return self.notebooks / f"{chapter}.ipynb"

    def record(self, chapter: str, profile: str) -> Path:
        """The provenance record of a chapter's last successful run: minutes, memory, device, versions."""
        return self.provenance / f"{chapter}.{profile}.json"


def recorded(layout: Layout, profile: str) -> Target:
    """The study's own run: the published profile goes into the book, the others under `runs/`."""
    notebooks = layout.chapters if profile == PUBLISHED else layout.runs / profile
    return Target(notebooks, layout.results / f"{profile}.json", layout.results / "provenance")


def aside(layout: Layout, name: str) -> Target:
    """A run that must leave the study alone (verification, parameters changed by hand)."""
    folder = layout.runs / name
    return Target(folder, folder / "ledger.json", folder / "provenance")


def find_layout(start: Path | None = None) -> Layout:
    """The study around `start` (default: `PINPOINT_ROOT`, else the working directory, else the package's checkout)."""
    named = os.environ.get("PINPOINT_ROOT")
    if start is None and named:
        if not (Path(named) / "notebooks" / "profiles").is_dir():
            raise PinpointError(f"PINPOINT_ROOT={named} has no notebooks/profiles; point it at a checkout of the study")
        return Layout(Path(named).resolve())
    here = (start or Path.cwd()).resolve()
    for folder in [here, *here.parents, Path(__file__).resolve().parents[3]]:
        if (folder / "notebooks" / "profiles").is_dir():
            return Layout(folder)
    raise PinpointError(f"{here} is not inside a checkout of the study (no notebooks/profiles); run from the checkout")
