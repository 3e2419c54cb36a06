"""Questions: every answer is true, there are many of them, and what the chapter calls unseen is never asked for."""

import random
import re
from collections.abc import Callable, Sequence

import pytest

from pinpoint.diorama.captions import DEFAULT, caption
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT, PROMPT
from pinpoint.diorama.questions import (
    ANSWER_OPENINGS,
    FACET_KINDS,
    OTHER_KINDS,
    SEEN,
    UNSEEN,
    Asked,
    Kind,
    ask,
    wordings,
)
from pinpoint.diorama.scene import (
    ANIMALS,
    COLOUR_NAMES,
    OBJECTS,
    PLACES,
    SHAPES,
    STRUCTURES,
    Scene,
    Thing,
    sample_split,
)
from pinpoint.diorama.scene_labels import LABEL_RATES, labels

KINDS: dict[str, Kind] = {**FACET_KINDS, **OTHER_KINDS}
SILENT = {
    "neighbours",
    "structure",
    "water",
    "gestures",
    "subject shape",
    "vehicles",
    "furniture",
    "clothes",
    "shape of",
}  # these need not arise
WEATHER_WORDS = ("weather", "sunny", "sunshine", "clear", "sky", "cloudy", "clouds", "overcast", "misty", "mist",
                 "rainy", "rain", "snowy", "snow", "stormy", "storm")  # fmt: skip
MATERIAL_WORDS = ("material", "materials", "made", "wood", "wooden", "stone", "metal", "paper", "brick", "bricks")
FORBIDDEN = re.compile(rf"\b({'|'.join(WEATHER_WORDS + MATERIAL_WORDS)})\b", re.IGNORECASE)
NUMBERS = {word: n for n, words in enumerate(("no nobody 0", "one 1", "two 2", "three 3", "four 4", "five 5", "six 6"))
           for word in words.split()}  # fmt: skip
GERUNDS = {"standing": "stand", "sitting": "sit", "jumping": "jump", "lying": "lie", "bending": "bend",
           "kneeling": "kneel", "squatting": "squat", "crawling": "crawl"}  # fmt: skip
HOURS = {"sunrise": "sunrise", "sun rises": "sunrise", "morning": "morning", "daytime": "daytime",
         "middle of the day": "daytime", "afternoon": "afternoon", "evening": "evening", "dusk": "dusk",
         "night": "night"}  # fmt: skip
RIDDEN = {"bicycle", "car", "bus", "truck", "motorcycle", "boat", "airplane"}
SURROUNDINGS = {
    **dict.fromkeys(("kitchen", "living room", "library"), "a room"),
    **dict.fromkeys(("beach", "forest", "mountains", "desert"), "nature"),
    **dict.fromkeys(("street", "park", "farm", "harbour", "playground"), "outdoors among people"),
}
NAME = "|".join((*ANIMALS, *OBJECTS, "person"))


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return sample_split(1500, "train", 21)


@pytest.fixture(scope="module")
def asked(scenes: list[Scene]) -> list[tuple[Scene, Asked]]:
    rng = random.Random(4)
    return [(scene, ask(scene, rng)) for scene in scenes for _ in range(4)]


def plain(text: str) -> str:
    """Lower case, one space between words, no full stop or question mark at the end."""
    return " ".join(text.lower().split()).rstrip(".?")


def found(words: Sequence[str], text: str) -> set[str]:
    return {word for word in words if re.search(rf"\b{word}\b", text)}


def number(text: str) -> int:
    numbers = {NUMBERS[word] for word in re.findall(r"\w+", text) if word in NUMBERS}
    return numbers.pop() if len(numbers) == 1 else -1


def named(things: Sequence[Thing], text: str, none: str | None = None) -> bool:
    """Whether `text` lists some of the things, each once, with its own article and, if any, its own colour."""
    if not things:
        return text == none
    left = list(things)
    for part in text.split(" and "):
        match = re.fullmatch(rf"(an?) (?:({'|'.join(COLOUR_NAMES)}) )?({NAME})", part)
        if match is None or (match[1] == "an") != (part.split(" ", 1)[1][0] in "aeiou"):
            return False
        same = [t for t in left if t.name == match[3] and match[2] in (None, t.colour)]
        if not same:
            return False
        left.remove(same[0])
    return True


def of(scene: Scene, kind: str) -> list[Thing]:
    return [t for t in scene.things if t.kind == kind]


def one(name: str) -> str:
    return ("an " if name[0] in "aeiou" else "a ") + name


# what makes an answer true, written independently of the questions
TRUE: dict[str, Callable[[Scene, Thing, str], bool]] = {
    "objects": lambda s, x, a: named(of(s, "object"), a, "no objects"),
    "animals": lambda s, x, a: named(of(s, "animal"), a, "no animals"),
    "gestures": lambda s, x, a: [GERUNDS[w] for w in re.findall(r"\w+ing\b", a)] == [s.gesture],
    "scenes": lambda s, x, a: found(PLACES, a) == {s.place},
    "times": lambda s, x, a: {HOURS[word] for word in found(list(HOURS), a)} == {s.time},
    "count": lambda s, x, a: number(a) == s.people,
    "subject": lambda s, x, a: a == one(s.subject.name),
    "subject colour": lambda s, x, a: found(COLOUR_NAMES, a) == {s.subject.colour},
    "subject size": lambda s, x, a: a == s.subject.size,
    "position": lambda s, x, a: found(("left", "centre", "right"), a) == {s.position},
    "subject shape": lambda s, x, a: a == f"{s.subject.shape}-shaped" and s.subject.shape in SHAPES,
    "structure": lambda s, x, a: found(STRUCTURES, a) == ({s.structure} - {None}) and (a == "nothing built")
    == (s.structure is None),
    "indoors": lambda s, x, a: a == ("indoors" if SURROUNDINGS[s.place] == "a room" else "outdoors"),
    "land": lambda s, x, a: a == SURROUNDINGS[s.place],
    "water": lambda s, x, a: a == ("water and the sea" if s.place in ("beach", "harbour") else "no water"),
    "light": lambda s, x, a: a == ("dark" if s.time in ("dusk", "night") else "light"),
    "neighbours": lambda s, x, a: named(s.others, a, "nothing else"),
    "animal count": lambda s, x, a: "animal" in a and number(a) == len(of(s, "animal")),
    "object count": lambda s, x, a: "object" in a and number(a) == len(of(s, "object")),
    "anybody": lambda s, x, a: a == ("people" if s.people else "nobody"),
    "alive": lambda s, x, a: a == one(s.subject.kind),
    "vehicles": lambda s, x, a: named([t for t in s.things if t.name in RIDDEN], a),
    "furniture": lambda s, x, a: named([t for t in of(s, "object") if t.name not in RIDDEN], a),
    "colours": lambda s, x, a: sorted(a.split(" and ")) == sorted(t.colour for t in s.things),
    "clothes": lambda s, x, a: s.subject.name == "person" and a == f"in {s.subject.colour} clothes",
    "everything": lambda s, x, a: named(s.things, a),
    "colour of": lambda s, x, a: a in (x.colour, f"a {x.colour} {x.name}"),
    "shape of": lambda s, x, a: a == f"{x.shape}-shaped" and x.shape in SHAPES,
    "size of": lambda s, x, a: a == x.size,
    "presence": lambda s, x, a: a.endswith(one(x.name)) and bool(re.search(r"\b(no|not)\b", a))
    == (x.name not in [t.name for t in s.things]),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_answer_is_true(name: str, scenes: list[Scene]) -> None:
    rng, silent, said = random.Random(name), 0, set()
    for scene in scenes[:700]:
        for x in KINDS[name].about(scene):
            answer = KINDS[name].answer(scene, x, rng)
            if answer is None:
                silent += 1
                continue
            said.add(answer)
            assert TRUE[name](scene, x, answer), (answer, scene, x)
    assert len(said) > 1, "the answer tells no two scenes apart"
    assert (silent > 0) == (name in SILENT)


def test_the_checks_can_say_no(scenes: list[Scene]) -> None:
    """The answer of another scene is mostly false: a check that accepts it always would be worth nothing."""
    rng = random.Random(1)
    for name, kind in KINDS.items():
        refused = 0
        for scene, other in zip(scenes[:700], scenes[700:1400], strict=True):
            x, y = kind.about(scene)[0], kind.about(other)[0]
            answer = kind.answer(other, y, rng)
            refused += answer is not None and not TRUE[name](scene, x, answer)
        assert refused > 30, name


def parsed(question: str) -> list[tuple[str, str | None]]:
    """The kinds of which `question` is a wording, one or two, each with the thing it names."""
    out, rest = [], question
    while rest:
        for name, wording in sorted(((n, w) for n, k in KINDS.items() for w in k.wordings), key=lambda p: -len(p[1])):
            match = re.match(re.escape(wording).replace(r"\{x\}", f"({NAME})") + r"(?: |$)", rest)
            if match:
                out.append((name, match[1] if "{x}" in wording else None))
                rest = rest[match.end() :]
                break
        else:
            raise AssertionError(f"{rest!r} is no wording")
    return out


def holds(scene: Scene, kind: str, thing: str | None, answer: str) -> bool:
    absent = Thing("object", thing or "", "red", "small")
    x = next((t for t in scene.things if t.name == thing), absent)
    return TRUE[kind](scene, x, answer)


def test_what_is_asked_is_worded_and_answered_as_its_kind(asked: list[tuple[Scene, Asked]]) -> None:
    double = 0
    for scene, (question, answer) in ((scene, (a.question, a.answer)) for scene, a in asked):
        kinds = parsed(question)
        double += len(kinds) == 2
        bodies = [answer.removeprefix(opening) for opening in ANSWER_OPENINGS if answer.startswith(opening)]
        cuts = [[body] for body in bodies]
        if len(kinds) == 2:
            cuts = [[b[: m.start()], b[m.end() :]] for b in bodies for m in re.finditer(", ", b)]
        tried = [
            [holds(scene, kind, x, part) for (kind, x), part in zip(kinds, cut, strict=True)]
            for cut in cuts
            if all(not ((k == "count" or k.endswith(" count")) and not found(list(NUMBERS), p))
                   for (k, _), p in zip(kinds, cut, strict=True))
        ]  # fmt: skip
        assert any(all(row) for row in tried), (question, answer, scene)
    assert 0.10 < double / len(asked) < 0.15  # one in eight


def test_the_unseen_facets_are_never_asked_for(asked: list[tuple[Scene, Asked]]) -> None:
    assert UNSEEN == ("weather", "materials") and set(SEEN) == set(FACETS) - set(UNSEEN) == set(FACET_KINDS)
    for wording in (*(w for kind in KINDS.values() for w in kind.wordings), *ANSWER_OPENINGS):
        assert not FORBIDDEN.search(wording), wording
    for _, a in asked:
        assert not FORBIDDEN.search(a.question) and not FORBIDDEN.search(a.answer), a
    questions = {plain(a.question) for _, a in asked}
    for name in UNSEEN:
        for question in (FACETS[name].question, FACETS[name].human_question):
            assert all(plain(question) not in q for q in questions)
            assert all(plain(PROMPT.format(question=question)) not in q for q in questions)


def test_the_seen_prompts_are_asked_verbatim_and_the_human_written_ones_never(
    asked: list[tuple[Scene, Asked]],
) -> None:
    questions, worded = {a.question for _, a in asked}, {plain(w) for w in wordings()}
    for facet in FACETS.values():
        assert (facet.question in questions) == (facet.name in SEEN), facet.name
        assert plain(facet.human_question) not in worded
        assert not any(plain(facet.human_question) in plain(q) for q in questions), facet.human_question
    assert plain(GENERIC_PROMPT) not in worded


def test_no_query_of_the_benchmark_is_a_training_text(scenes: list[Scene], asked: list[tuple[Scene, Asked]]) -> None:
    rng = random.Random(9)
    texts = {plain(a.answer) for _, a in asked}
    texts |= {plain(caption(scene, rng, DEFAULT)) for scene in scenes for _ in range(4)}
    texts |= {plain(labels(scene, rng)) for scene in scenes}
    assert len(texts) > 6000
    together = "\n".join(texts)
    for facet in FACETS.values():
        for text, _ in facet.texts:
            assert not re.search(rf"(^|\W){re.escape(plain(text))}(\W|$)", together), text


def test_the_words_of_the_unseen_facets_occur_in_captions(scenes: list[Scene]) -> None:
    """Else the text side could not know them, and the unseen facets would measure vocabulary."""
    rng = random.Random(2)
    written = [caption(scene, rng, DEFAULT) for scene in scenes] + [labels(scene, rng) for scene in scenes]
    words = {word for text in written for word in re.findall(r"\w+", text.lower())}
    for name in UNSEEN:
        assert {label for _, label in FACETS[name].texts} <= words


def test_there_are_dozens_of_kinds_and_hundreds_of_questions(asked: list[tuple[Scene, Asked]]) -> None:
    assert len(KINDS) >= 25 and set(KINDS) == set(TRUE)
    singles = [kinds[0] for kinds in (parsed(a.question) for _, a in asked) if len(kinds) == 1]
    assert {kind for kind, _ in singles} == set(KINDS)  # each of them arises
    worded = [plain(w) for kind in KINDS.values() for w in kind.wordings]
    assert len(worded) == len(set(worded)) > 70  # no question belongs to two kinds
    alone = {a.question for _, a in asked if len(parsed(a.question)) == 1}
    assert len(alone) > 200 and len({a.question for _, a in asked}) > 500 and len({a.answer for _, a in asked}) > 2000
    share = sum(kind in FACET_KINDS for kind, _ in singles) / len(singles)
    assert 0.5 < share < 0.62


def test_wordings_hold_every_word_of_a_question(asked: list[tuple[Scene, Asked]]) -> None:
    known = {word for text in (*wordings(), *ANIMALS, *OBJECTS) for word in re.findall(r"\w+", text.lower())}
    said = {word for _, a in asked for word in re.findall(r"\w+", a.question.lower())}
    assert said - known <= {"person"} and set(ANSWER_OPENINGS) <= set(wordings())


def test_questions_are_a_function_of_the_generator(scenes: list[Scene]) -> None:
    one_run, other, third = ([ask(scene, random.Random(seed)) for scene in scenes[:50]] for seed in (3, 3, 4))
    assert one_run == other != third
    assert labels(scenes[0], random.Random(3)) == labels(scenes[0], random.Random(3))


def test_labels_are_true_and_as_seldom_as_captions_mention_them(scenes: list[Scene]) -> None:
    rng = random.Random(5)
    there, kept, orders = dict.fromkeys(LABEL_RATES, 0), dict.fromkeys(LABEL_RATES, 0), set()
    for scene in [*scenes, *sample_split(3000, "train", 22)]:
        s = scene.subject
        truth = {
            "subject": s.name, "colour": s.colour, "place": scene.place, "weather": scene.weather,
            "time": scene.time, "people": f"{scene.people}", "material": scene.material, "position": scene.position,
            "gesture": next((g for g, name in GERUNDS.items() if name == scene.gesture), None),
            "others": ", ".join(t.name for t in scene.others) or None,
        }  # fmt: skip
        said = dict(pair.split(": ") for pair in labels(scene, rng).split("; "))
        assert said.items() <= truth.items(), (said, scene)
        orders.add(next(iter(said)))
        for name in LABEL_RATES:
            there[name] += truth[name] is not None
            kept[name] += name in said
    for name, rate in LABEL_RATES.items():
        spread = (rate * (1 - rate) / there[name]) ** 0.5
        assert abs(kept[name] / there[name] - rate) <= 4 * spread, name
    assert len(orders) == len(LABEL_RATES)  # any of them may come first
    assert LABEL_RATES.keys() >= {"weather", "material"} and LABEL_RATES["subject"] == 1.0
    mentioned = {"gesture": DEFAULT.gesture, "material": DEFAULT.material, "weather": DEFAULT.weather,
                 "time": DEFAULT.time, "people": DEFAULT.people}  # fmt: skip
    assert {name: LABEL_RATES[name] for name in mentioned} == mentioned
