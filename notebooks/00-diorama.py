# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   pinpoint: {}
# ---

# %% tags=["parameters"]
PROFILE = "lite"

# %% tags=["remove-cell"]
import random

from pinpoint import figures, plots
from pinpoint.diorama import captions, galleries, tasks
from pinpoint.diorama.draw import STYLES, render
from pinpoint.diorama.sheets import grid, scenes_sheet
from pinpoint.study import open_chapter

study = open_chapter("00-diorama", PROFILE)
plots.use_style()

# %% [markdown]
# # Diorama, a fully labelled world

# %% tags=["remove-input"] mystnb={"image": {"alt": "Twelve illustrated scenes from Diorama: animals, objects and people in different places, at different hours and in different weather.", "classes": "dark-light"}}
showcase = galleries.showcase(study.params.sheet_scenes)
plots.show_sheet(scenes_sheet(showcase, "natural", study.params.sheet_size, columns=4))

# %% [markdown]
# Every picture on this page was drawn by a program, a moment before the page was built.
# So we know everything about each: which animal it shows, its colour, the hour, the weather, how many people there
# are and what they do. No photograph collection can say that of itself.
#
# **You will learn**
#
# - what a scene is made of, and how it becomes a picture in several styles;
# - why captions are deliberately incomplete, and by how much;
# - how scenes are divided into train, dev and test;
# - which retrieval tasks are built from them.
#
# ## Why a drawn world
#
# Image-retrieval benchmarks are built on photographs and on labels that somebody added later. Both have gaps.
# A benchmark counts an image as wrong when nobody labelled it as right; often it is right all the same. Nobody knows how
# often. Nor can anyone change *one* thing about a photograph collection, such as how many captions mention the weather,
# and train again.
#
# CLEVR {cite}`johnson2017clevr` showed what a drawn world is good for: it is not an application but an *instrument*. You
# measure with it what you otherwise have to argue. Diorama is such an instrument for retrieval. What we find in it must
# then be checked on photographs; a drawn world can show *that* a mechanism exists and how strong it is under
# controlled conditions, and not how strong it is on the web.
#
# ## A scene is a record
#
# A scene is a small frozen record. Two equal records give the same picture, pixel for pixel.

# %%
scene = showcase[1]
scene

# %% tags=["hide-input"] mystnb={"image": {"alt": "The scene of the record above, drawn at 384 pixels.", "classes": "dark-light"}}
plots.show_sheet(grid([render(scene, "natural", 384)], 1))

# %% [markdown]
# The main **subject** is large. **Secondary** things are small. People stand in the middle ground. One **structure** may
# be made of one of five materials. The last number, `variant`, decides everything incidental: the shape of the clouds,
# which way things face, who stands where.
#
# Attributes are drawn independently of one another. In photographs they are not: snow and skis come together, and
# a model may recognise one by the other. Here a cat is as likely in the desert as on the sofa. There are three exceptions, all
# physical: no sunshine after dusk, no aeroplane in the kitchen, and no gesture without people.
#
# ## One scene, five styles
#
# A drawer (of a cat, of a bus) says what is there: a path and its colour. A *brush* decides how it looks.
# So everything is drawn once and exists in every style. The painting also moves things about: in
# DSR {cite}`li2024freestyleret` the art images are generated anew, not filtered. The mosaic has 16 by 16 blocks. The fifth style, stained glass, is
# kept out of all training; chapter 4 asks what a model makes of it.
#
# Drawing is fast, because backdrops are kept and everything else is a few paths. One core of the machine that `pinpoint
# bench` was run on draws {num}`recorded:bench.render.natural bare` natural pictures a second at the size that models see, and
# {num}`recorded:bench.render.sketch bare` sketches.

# %% tags=["hide-input"] mystnb={"image": {"alt": "The same three scenes in five styles, one row per scene: natural, sketch, art, low resolution, stained glass.", "classes": "dark-light"}}
pictures = [render(s, style, 192) for s in showcase[1:4] for style in STYLES]
plots.show(plots.contact_sheet(pictures, [s.replace("_", "-") for s in STYLES] * 3, columns=5, size=1.7), photo=True)

# %% [markdown]
# ## The eight facets
#
# COCO-Facet {cite}`li2025promptable` asks about eight *facets* of an image. Diorama draws them all. Look at each row and
# name what changes. If you cannot tell, no model should be asked to.

# %% tags=["hide-input"] mystnb={"image": {"alt": "One row per facet: places, hours of the day, weather, gestures, numbers of people, materials. Each picture is titled with its label.", "classes": "dark-light"}}
plots.show(figures.facet_rows(galleries.facet_rows()), photo=True)

# %% [markdown]
# Objects and animals come in eleven colours; five kinds of object also come in five shapes.

# %% tags=["hide-input"] mystnb={"image": {"alt": "All ten animals and thirty-one objects of Diorama, each as a large subject with its name.", "classes": "dark-light"}}
things = galleries.every_thing()
plots.show(
    plots.contact_sheet(
        [render(s, "natural", 128) for s in things], [s.subject.name for s in things], columns=9, size=1.05
    ),
    photo=True,
)

# %% [markdown]
# ## What captions leave out
#
# People who caption photographs name the subject and rarely the light. This is called *reporting bias* {cite}`gordon2013reporting`. Diorama
# makes it a parameter: `Mention` holds, per attribute, the probability that a caption mentions it. The defaults
# were fixed before any model was trained.

# %%
rng = random.Random(study.params.seed)
for _ in range(4):
    print(captions.caption(scene, rng))

# %% [markdown]
# And once with everything mentioned:

# %%
print(captions.caption(scene, rng, captions.EVERYTHING))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars: the share of captions that mention each attribute. Subject close to 100 percent, colour about 60, place about 50, all others 20 or less.", "classes": "dark-light"}}
measured = galleries.measured_mentions(study.params.bias_scenes, seed=study.params.seed)
for name, estimate in measured.items():
    study.record(f"diorama.mention.{name}", estimate.value, estimate.low, estimate.high, n=estimate.n)
figure, ax = plots.plt.subplots(figsize=(6.4, 3.6))
plots.estimate_bars(ax, measured, unit="% of captions of pictures that have the attribute")
plots.show(figure)

# %% [markdown]
# These rates are counted in the words of {num}`diorama.mention.weather n` captions; for instance the weather is mentioned in
# {num}`diorama.mention.weather` and the place in {num}`diorama.mention.place`. Chapter 1 shows what this habit does to CLIP, and what happens when it
# is changed.
#
# ## Train, dev, test
#
# Scenes are divided by what a viewer would name first, their *core*: subject, colour, shape, place, hour, weather and
# number of people. No core occurs in two splits, whatever else differs. Some combinations are held out of training
# altogether: about one (subject, colour) pair in twelve, and one (subject, place) pair in sixteen. They occur in test only. The white
# holes below are such pairs.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat map of subject by colour: number of training scenes per pair. About one cell in twelve is empty: those pairs are held out for testing.", "classes": "dark-light"}}
plots.show(figures.held_out_map(galleries.subject_colour_counts(study.params.split_scenes)))

# %% [markdown]
# We tune on dev and report on test, here and in every later chapter.
#
# ## The tasks
#
# Each task is a frozen `Benchmark`: a gallery, queries, and for each query *all* right answers. Its digest stands beside
# every score.

# %%
facets, whole = tasks.facets(gallery=study.params.gallery_size), tasks.facets_whole(gallery=study.params.gallery_size)
composed, style = tasks.composed(gallery=study.params.gallery_size, queries=study.params.task_queries), tasks.style()
for benchmark in (facets, whole, composed, style):
    print(benchmark.describe())

# %% [markdown]
# **Facets.** One text, one hundred candidates, one right answer. Negatives are images whose own label *excludes* the queried
# one; a picture that might be called right by some person (clear sky, when *sunny* is asked) is no candidate.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Facet queries: the text of a query, its one right picture framed in green, and five of its ninety-nine negatives framed in orange.", "classes": "dark-light"}}
plots.show(plots.retrieval_grid(galleries.facet_examples(facets), size=1.15), photo=True)

# %% [markdown]
# **Composed.** A picture, a change in words, and every picture that shows the result. The core must be that of the edited
# reference; background details are free. Four near-misses per query make it hard: each differs in another attribute.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Composed queries: the change in words, the reference picture, right answers framed in green and near-misses framed in orange.", "classes": "dark-light"}}
rows, references = galleries.composed_examples(composed)
plots.show(plots.retrieval_grid(rows, references=references, size=1.05), photo=True)

# %% [markdown]
# **Style.** Find the natural picture of the scene that a sketch, a painting, a mosaic or a text shows.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Style queries: the kind of query, the query image, the right natural picture framed in green, and four others of the gallery.", "classes": "dark-light"}}
rows, references = galleries.style_examples(style)
plots.show(plots.retrieval_grid(rows, references=references, size=1.15), photo=True)

# %% [markdown]
# ## Limits
#
# - The pictures are drawings. Texture, clutter, lighting and viewpoint are far simpler than in photographs.
# - The vocabulary is small, and captions come from templates.
# - Attributes are independent. A model cannot use context, and cannot be misled by it.
#
# So a number measured here is a number about a mechanism. Chapter by chapter, published numbers on photographs stand beside ours.
#
# ```{exercise}
# :label: draw-your-own
# Draw sixteen sketches with `pinpoint diorama sample --n 16 --style sketch --out sheet.jpg`. Then change the weather of one scene
# with `dataclasses.replace` and render it again. What else changes?
# ```
#
# ````{solution} draw-your-own
# :class: dropdown
# Nothing that stands in the scene moves: the layout is a function of `variant`, of who is there, and of where the subject stands. Light, sky, ground and haze change with the weather.
# ````
#
# ```{exercise}
# :label: count-the-ambiguous
# A benchmark of photographs would count a clear evening as a wrong answer to "sunny". How many pictures of the gallery neither answer nor contradict that
# query here? Look at `exclude` of the queries in `whole`.
# ```
#
# ````{solution} count-the-ambiguous
# :class: dropdown
# ```python
# next(len(q.exclude) for q in whole.queries if "sunny" in q.text)
# ```
# These are the pictures with a clear sky: roughly one in seven. In a photograph collection they would be noise in the score.
# ````
#
# ## Further reading
#
# - {cite:t}`johnson2017clevr`: a drawn world as an instrument for visual reasoning.
# - {cite:t}`li2025promptable`: the eight facets, on COCO.
# - {cite:t}`gordon2013reporting`: how often text mentions what is true, and why that misleads.
