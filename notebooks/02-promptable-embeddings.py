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
#   pinpoint:
#     weights: [diorama-clip, diorama-mllm]
# ---

# %% tags=["parameters"]
PROFILE = "lite"

# %% tags=["remove-cell"]
from pinpoint import failures, plots, promptable
from pinpoint import figures as shared_figures
from pinpoint import linear_study as linear
from pinpoint import promptable_chapter as chapter
from pinpoint import promptable_figures as figures
from pinpoint import promptable_study as experiments
from pinpoint.diorama import pools, questions, tasks
from pinpoint.encoders import load
from pinpoint.evaluate import EmbeddingRetriever, evaluate
from pinpoint.promptable_setup import ClaimSetup
from pinpoint.study import open_chapter

study = open_chapter("02-promptable-embeddings", PROFILE)
p = study.params
plots.use_style()
clip, embedder = load(p.encoder), load(p.embedder)
benchmark = tasks.facets("test", p.gallery_size, p.facet_queries_per_facet)
setup = ClaimSetup(p.gallery_size, p.facet_queries_per_facet, p.held_out, p.sample, p.draws, p.seed)
results, tables = experiments.mode_results(embedder, study.store, benchmark, setup)
by_clip = EmbeddingRetriever(clip, study.store, size=clip.image_size)
results["clip"] = evaluate(benchmark, by_clip)

# %% [markdown]
# # Promptable embeddings and their acceleration

# %% tags=["remove-input"] mystnb={"image": {"alt": "Three queries. For each, the five pictures ranked first by general embeddings, and below them the five ranked first by embeddings that were prompted with the question of the facet; right ones have a green frame and a tick, wrong ones an orange frame and a cross.", "classes": "dark-light"}}
shown = experiments.typical_gain(results["general"], results["prompted"], p.first_screen)
plots.show(figures.same_query_grid(results["general"], results["prompted"], shown), photo=True)

# %% [markdown]
# INTRO

# %% tags=["hide-input"]
picture, examples = chapter.example_questions()
for example in examples:
    print(f"{example.question:58} {example.answer}")

# %% tags=["remove-input"] mystnb={"image": {"alt": "Eight panels, one per facet: recall at 5 on the development split against training steps, for general and for prompted embeddings.", "classes": "dark-light"}}
plots.show(figures.dev_curves(experiments.dev_curve(p.embedder), questions.UNSEEN))

# %% [markdown]
# RESULTS

# %% tags=["hide-input"] mystnb={"image": {"alt": "Recall at 5 per facet with intervals for CLIP, general, prompted and linear embeddings, seen facets above, unseen facets below, chance as a grey tick.", "classes": "dark-light"}}
for mode in ("clip", "general", "prompted", "linear", "linear_ridge"):
    seeds = p.draws if mode.startswith("linear") else 1
    failures.record_metrics(study, results[mode], f"promptable.{mode}", seeds=seeds)
main = {mode: results[mode] for mode in ("clip", "general", "prompted", "linear_ridge")}
plots.show(figures.modes_by_facet(main, questions.UNSEEN))

# %% tags=["remove-cell"]
for mode in ("prompted", "linear", "linear_ridge", "clip"):
    gain = results[mode].versus(results["general"], "r5").difference
    study.record(f"promptable.gain.{mode}.macro.r5", gain.value, gain.low, gain.high, n=gain.n, unit="points")
results["human"] = experiments.reworded(embedder, study.store, tables)
failures.record_metrics(study, results["human"], "promptable.human")
chapter.record_seen_and_unseen(study, results, ("general", "prompted", "human", "linear_ridge"))

# %% [markdown]
# RELEVANCE

# %% tags=["remove-input"] mystnb={"image": {"alt": "Three pictures, and over each a map of where the embedding's last token looks under five prompts: general, animals, people, hour, material.", "classes": "dark-light"}}
looked = chapter.where_it_looks(embedder, benchmark, p.looked_at, ("animals", "gestures", "times", "materials"))
plots.show(figures.relevance_pictures(*looked), photo=True)

# %% [markdown]
# CHOOSING

# %% tags=["hide-input"] mystnb={"image": {"alt": "Heat map: for each facet, how many of its query texts chose each of the ten prompts when the embedder itself chooses; the facet's own prompt is framed.", "classes": "dark-light"}}
choices = experiments.choices(tables)
for way, choice in choices.items():
    results[way] = evaluate(benchmark, promptable.chosen(tables.query_emb, tables.gallery, choice))
    chapter.record_choice(study, way, choice, results[way])
plots.show(figures.choice_map(choices["centroid"], benchmark.queries))

# %% [markdown]
# LINEAR

# %% tags=["hide-input"] mystnb={"image": {"alt": "Macro recall at 5 against N, the number of images the map is fitted to, for the released procedure and our variants, with the spread over ten draws; general and prompted embeddings as horizontal lines.", "classes": "dark-light"}}
few = linear.subset(tables, p.curve_queries)
curves = linear.curves(few, p.curve_sizes, setup)
chapter.record_curves(study, curves)
levels = {mode: results[mode].macro("r5") for mode in ("general", "prompted")}
plots.show(figures.recall_by_n(curves, levels))

# %% tags=["remove-cell"]
for name, (mean, low, high) in linear.ablation(few, setup).items():
    study.record(f"promptable.ablation.{name}.macro.r5", mean, low, high, n=len(few.benchmark.queries), seeds=p.draws)
results["predicted"], temperatures = linear.predicted_result(tables)
failures.record_metrics(study, results["predicted"], "promptable.predicted")

# %% [markdown]
# COST

# %% tags=["hide-input"] mystnb={"image": {"alt": "Macro recall at 5 against milliseconds per query, on a gallery of ten thousand images and on one of a hundred thousand; one point per mode, labelled with the vectors it stores.", "classes": "dark-light"}}
clip_emb = by_clip.gallery(benchmark)
encoding, costs = chapter.measure_costs(clip, embedder, tables, clip_emb, p)
chapter.record_costs(study, encoding, costs)
plots.show(figures.cost_against_recall(costs, results))

# %% [markdown]
# GENERALITY

# %% tags=["remove-cell"]
for name, build in pools.POOLS.items():
    on_pool = experiments.pool_results(embedder, study.store, build("test", p.pool_gallery, p.pool_queries))
    for mode, result in on_pool.items():
        e = result.macro("r5")
        study.record(f"promptable.pool_{name}.{mode}.macro.r5", e.value, e.low, e.high, n=e.n)

# %% [markdown]
# FAILS

# %% tags=["remove-input"] mystnb={"image": {"alt": "Failures.", "classes": "dark-light"}}
worst = failures.mid_ranked(results["prompted"], p.worst)
plots.show(shared_figures.ranked_queries(results["prompted"], worst), photo=True)

# %%
print(experiments.real_benchmark(p.coco_facet, p.real_embedder, study.store, setup))
