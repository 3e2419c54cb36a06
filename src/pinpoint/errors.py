"""The one error a user meets: a sentence that names the thing and the fix."""


class PinpointError(Exception):
    """Something the user can mend. The command line prints it as one line and exits with status 2."""


def unknown(kind: str, name: str, known: "list[str] | tuple[str, ...]") -> PinpointError:
    """An unknown name, together with the names that exist."""
    return PinpointError(f"unknown {kind} {name!r}; known: {', '.join(sorted(known))}")
