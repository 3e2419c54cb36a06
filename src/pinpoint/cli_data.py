"""`pinpoint data`: the commands for the real data sets, as thin as those of `cli`."""

from typing import Annotated

import typer

data = typer.Typer(no_args_is_help=True, help="The real data sets: list, fetch, verify.")
Datasets = Annotated[list[str] | None, typer.Argument(help="Data sets by name, as pinpoint data list shows them.")]


@data.command("list")
def list_data() -> None:
    """Every data set: what it is, how large, its licence, who reads it."""
    from pinpoint import data_console

    raise typer.Exit(data_console.list_rows())


@data.command("where")
def where_data(names: Datasets = None) -> None:
    """The data folder, and where each data set goes in it."""
    from pinpoint import data_console

    raise typer.Exit(data_console.where_rows(names or []))


@data.command("fetch")
def fetch_data(
    names: Datasets = None,
    images: Annotated[bool, typer.Option(help="Fetch the pictures too.")] = True,
    keep: Annotated[bool, typer.Option("--keep", help="Keep an archive when it is unpacked.")] = False,
) -> None:
    """Download data sets; what is there stays, what was begun goes on."""
    from pinpoint import data_console

    raise typer.Exit(data_console.fetch_rows(names or [], images, keep))


@data.command("verify")
def verify_data(
    names: Datasets = None,
    quick: Annotated[bool, typer.Option("--quick", help="Compare sizes; compute no hash.")] = False,
) -> None:
    """Say of each data set whether it is whole, what is missing, and how to get it."""
    from pinpoint import data_console

    raise typer.Exit(data_console.verify_rows(names or [], quick))
