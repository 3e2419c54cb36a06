"""The command line, thin: every command calls one plain function, imported when it is needed."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pinpoint.cli_data import data
from pinpoint.errors import PinpointError


class Commands(TyperGroup):
    """The commands. On Ctrl-C typer would drop the text of the interruption, which may say how to go on."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an interruption is one line on stderr and exit status 130."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            typer.echo(str(stop) or "interrupted", err=True)
            raise typer.Exit(130) from None


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  rich_markup_mode=None, help="Pinpoint: image retrieval that looks where you ask.")  # fmt: skip
diorama = typer.Typer(no_args_is_help=True, help="Pictures of the fully labelled world.")
app.add_typer(diorama, name="diorama")
app.add_typer(data, name="data")

UsageError: Any = typer.BadParameter.__bases__[0]  # typer carries its own click, whose names it does not all export
Chapters = Annotated[list[str] | None, typer.Argument(help="Chapters by name, such as 01-attribute-failures; all.")]
Count = Annotated[int, typer.Option(min=1)]
ProfileName = Annotated[str, typer.Option("--profile", help="smoke, lite, full or paper.")]


def _console() -> ModuleType:
    """The commands' bodies, imported when one runs: `pinpoint --help` stays quick."""
    from pinpoint.study import console

    return console


@app.command()
def run(
    chapters: Chapters = None,
    profile: ProfileName = "lite",
    force: Annotated[bool, typer.Option("--force", help="Run fresh chapters too.")] = False,
    parameter: Annotated[list[str] | None, typer.Option("-p", help="key=value; the study is left alone.")] = None,
) -> None:
    """Execute stale chapters; one that fails is reported and the others go on."""
    raise typer.Exit(_console().run(chapters or [], profile, force, parameter or []))


@app.command()
def status(
    profile: ProfileName = "lite",
    check: Annotated[bool, typer.Option("--check", help="Exit 1 unless every chapter is fresh.")] = False,
) -> None:
    """Fresh or stale, and why, for each chapter."""
    raise typer.Exit(_console().status(profile, check))


@app.command()
def verify(
    chapters: Chapters = None,
    profile: ProfileName = "lite",
    no_run: Annotated[bool, typer.Option("--no-run", help="Compare the last verification run.")] = False,
) -> None:
    """Rerun, and say for every published number whether yours lies inside its band."""
    raise typer.Exit(_console().verify(chapters or [], profile, no_run))


@app.command()
def book(
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
    no_run: Annotated[bool, typer.Option("--no-run", help="Render what is there; execute nothing.")] = False,
) -> None:
    """Execute stale chapters of the published profile and render the book into _build/html."""
    raise typer.Exit(_console().book(strict, no_run))


@app.command()
def lint() -> None:
    """Check chapters, executed notebooks, prose, table of contents and, if built, the HTML."""
    raise typer.Exit(_console().lint())


@app.command()
def serve(port: int = 8000) -> None:
    """Serve the rendered book on this machine."""
    _console().serve(port)


@app.command()
def clean() -> None:
    """Remove the rendered book and unpublished runs; chapters, results and the cache stay."""
    _console().clean()


@app.command()
def train(
    name: str,
    profile: ProfileName = "lite",
    out: Annotated[Path | None, typer.Option(help="Where the weights go; default: their place in the package.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = True,
) -> None:
    """Train one of the study's own models."""
    from pinpoint.recipes.registry import train as train_model

    train_model(name, out=out, resume=resume, profile=profile)


@app.command("encoders", hidden=True)  # its name before
@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="JSON with full values.")] = False) -> None:
    """Every model that has a name: checkpoint, preprocessing, dimension, licence, memory, and whether it is here."""
    from pinpoint import models_console

    models_console.list_models(as_json)


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="Photographs, in one sub-folder per label.")],
    encoder: Annotated[str, typer.Option(help="An encoder, as load() takes it.")] = "diorama-clip",
    template: Annotated[str, typer.Option(help="The query of a label.")] = "a photo of a {label}.",
) -> None:
    """Search a folder of photographs for each of its labels, and score it."""
    from pinpoint.datasets.folder import score_folder

    typer.echo(score_folder(folder, encoder, template))


@app.command()
def index(
    photos: Annotated[Path, typer.Argument(help="A folder of photographs; sub-folders count.")],
    encoder: Annotated[str, typer.Option(help="An encoder, as load() takes it.")] = "diorama-clip",
    prompt: Annotated[str | None, typer.Option(help="Embed every picture beside this question.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if a picture cannot be read.")] = False,
) -> None:
    """Encode what is new or changed in a folder of photographs; a stopped run goes on where it was."""
    from pinpoint import photo_console

    raise typer.Exit(photo_console.index(photos, encoder, prompt, strict))


@app.command()
def search(
    photos: Annotated[Path, typer.Argument(help="A folder of photographs; what is new is indexed first.")],
    text: Annotated[str | None, typer.Argument(help="What to look for, or what to change in --image.")] = None,
    image: Annotated[Path | None, typer.Option(help="A reference picture.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Embed every picture beside this question.")] = None,
    method: Annotated[str | None, typer.Option(help="By name; default: what fits the question.")] = None,
    encoder: Annotated[str | None, typer.Option(help="An encoder, as load() takes it; default: the method's.")] = None,
    rerank: Annotated[int | None, typer.Option(min=1, metavar="K", help="Put the first K into order again.")] = None,
    top: Count = 10,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page with thumbnails.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if a picture cannot be read.")] = False,
) -> None:
    """Find photographs by a text, by a picture, or by a picture and a text that changes it."""
    from pinpoint import photo_console

    given = (photos, text, image, prompt, method, encoder, rerank, top, as_json, html, strict)
    raise typer.Exit(photo_console.search(*given))


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A public encoder, by a name that pinpoint models lists.")],
) -> None:
    """Download the weights of a public encoder, once; everything else works without a network."""
    from pinpoint.encoders.hub import fetch as fetch_weights

    typer.echo(str(fetch_weights(name)))


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="A row or a group of rows, such as render; all.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, two repeats.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Put the whole table on record.")] = False,
) -> None:
    """Measure how fast it is: rates, and ratios of a fast path to a slow one that gives the same."""
    from pinpoint.bench import report

    report(name, quick, record)


@diorama.command()
def sample(
    n: Count = 16, style: str = "natural", out: Path = Path("sheet.jpg"), seed: int = 0, size: Count = 192
) -> None:
    """A contact sheet of N random scenes."""
    from pinpoint.diorama.sheets import sample_sheet

    _console().save(sample_sheet(n=n, style=style, seed=seed, size=size), out)


@diorama.command()
def facet(name: str, out: Path = Path("facet.jpg"), seed: int = 0, size: Count = 192) -> None:
    """A contact sheet of one facet, such as weather: four scenes for each label."""
    from pinpoint.diorama.facet_sheet import facet_sheet

    _console().save(facet_sheet(name, seed=seed, size=size), out)


@diorama.command()
def hero(out: Path = Path("hero.jpg"), style: str = "natural", size: Count = 320) -> None:
    """The picture on the cover of the book: twelve chosen scenes."""
    from pinpoint.diorama.hero import hero_sheet

    _console().save(hero_sheet(style, size), out)


def main() -> None:
    """Entry point: what the user can mend is one line on stderr and exit status 2."""
    try:
        code = app(standalone_mode=False)
    except PinpointError as error:
        code = _fail(str(error))
    except UsageError as error:
        code = _usage(error.format_message())
    except typer.Exit as stop:
        code = stop.exit_code
    sys.exit(code or 0)


def _usage(message: str) -> int:
    if not message.startswith("Usage:"):
        return _fail(f"{message} (try --help)")
    typer.echo(message, err=True)  # a command group called without a command: its help
    return 2


def _fail(message: str) -> int:
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return 2


if __name__ == "__main__":
    main()
