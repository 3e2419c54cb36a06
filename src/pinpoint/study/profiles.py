"""Profiles: every number a chapter may depend on, named in a YAML file and frozen before the chapter starts.

`lite.yml` names every parameter; the other profiles state what they change. A profile has a section `run` (how to
execute), a section `common` (shared by all chapters) and one section per chapter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pinpoint.errors import PinpointError, unknown
from pinpoint.study.layout import PUBLISHED, Layout

REFERENCE = PUBLISHED
RUN_DEFAULTS: dict[str, Any] = {"timeout_minutes": 30.0, "threads": 2, "device": "auto"}


class UnknownParameter(PinpointError, AttributeError):
    """A parameter that the profile does not define."""


class Params:
    """The parameters of one chapter: read-only, by attribute (`params.seed`) or as a mapping (`dict(params)`)."""

    __slots__ = ("_name", "_values")

    def __init__(self, values: Mapping[str, Any], name: str = "parameters") -> None:
        object.__setattr__(self, "_values", {key: _frozen(value) for key, value in values.items()})
        object.__setattr__(self, "_name", name)

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        if key not in self._values:
            raise UnknownParameter(f"{self._name} has no parameter {key!r}; known: {', '.join(sorted(self._values))}")
        return self._values[key]

    def __setattr__(self, key: str, value: Any) -> None:
        raise PinpointError(f"{self._name} are frozen; change {key!r} in notebooks/profiles or with -p {key}=VALUE")

    __getitem__ = __getattr__

    def keys(self) -> list[str]:
        """The parameter names, sorted."""
        return sorted(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __repr__(self) -> str:
        return f"{self._name}: " + ", ".join(f"{key}={self._values[key]!r}" for key in self.keys())


@dataclass(frozen=True)
class Profile:
    """One profile, resolved against the reference."""

    name: str
    run: Mapping[str, Any]
    sections: Mapping[str, Mapping[str, Any]]

    def chapter(self, chapter: str, overrides: Mapping[str, Any] | None = None) -> Params:
        """The parameters of `chapter`: common ones, its own, then `overrides`, each checked against what exists."""
        values = {**self.sections.get("common", {}), **self.sections.get(chapter, {})}
        for key, value in (overrides or {}).items():
            _check_known(f"parameter of {chapter}", key, value, values)
            values[key] = value
        return Params(values, f"parameters of {chapter} ({self.name})")


def profile_names(layout: Layout) -> list[str]:
    """The profiles that exist."""
    return sorted(path.stem for path in layout.profiles.glob("*.yml"))


def load_profile(layout: Layout, name: str) -> Profile:
    """Read `notebooks/profiles/<name>.yml`; an unknown profile, section, key or a value of another type is an error."""
    if name not in profile_names(layout):
        raise unknown("profile", name, profile_names(layout))
    reference = _read(layout, REFERENCE)
    changes = _read(layout, name) if name != REFERENCE else {}
    run = {**RUN_DEFAULTS, **reference.pop("run", {}), **changes.pop("run", {})}
    for key in run:
        if key not in RUN_DEFAULTS:
            raise unknown(f"key in section run of {name}.yml:", key, list(RUN_DEFAULTS))
    for section, values in changes.items():
        if section not in reference:
            raise unknown(f"section in {name}.yml:", section, [*reference, "run"])
        for key, value in values.items():
            _check_known(f"key in section {section} of {name}.yml:", key, value, reference[section])
    sections = {section: {**values, **changes.get(section, {})} for section, values in reference.items()}
    return Profile(name, run, sections)


def parse_overrides(pairs: list[str]) -> dict[str, Any]:
    """`["seeds=[0, 1]", "bootstrap=50"]` as a dictionary; values are read as YAML."""
    overrides = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise PinpointError(f"parameter {pair!r} is not of the form key=value")
        try:
            overrides[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise PinpointError(f"the value in {pair!r} is not readable; quote text that has special signs") from None
    return overrides


def _read(layout: Layout, name: str) -> dict[str, Any]:
    path = layout.profiles / f"{name}.yml"
    try:
        sections = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        raise PinpointError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not all(isinstance(values, dict) for values in sections.values()):
        raise PinpointError(f"{path}: every top-level entry must be a section of key: value lines")
    return sections


def _check_known(kind: str, key: str, value: Any, known: Mapping[str, Any]) -> None:
    if key not in known:
        raise unknown(kind, key, list(known))
    old = known[key]
    number = (int, float)
    same = type(value) is type(old) or (
        isinstance(value, number) and isinstance(old, number) and not isinstance(value, bool) | isinstance(old, bool)
    )
    if not same and old is not None and value is not None:
        raise PinpointError(f"{kind} {key!r} must be like {old!r}, not {value!r}")


def _frozen(value: Any) -> Any:
    """Lists become tuples and mappings `Params`, all the way down."""
    if isinstance(value, dict):
        return Params(value, "nested parameters")
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """`Params` and tuples as dictionaries and lists again, for hashing."""
    if isinstance(value, Params):
        return {key: plain(value[key]) for key in value}
    return [plain(item) for item in value] if isinstance(value, tuple) else value
