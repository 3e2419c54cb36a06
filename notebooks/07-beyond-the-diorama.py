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
# ---

# %% tags=["parameters"]
PROFILE = "lite"

# %% tags=["remove-cell"]
from pinpoint import photos_figures as figures
from pinpoint import photos_quotes as quotes
from pinpoint import plots
from pinpoint.data_fetch import data_folder
from pinpoint.photos_live import live_check
from pinpoint.study import open_chapter

study = open_chapter("07-beyond-the-diorama", PROFILE)
p = study.params
plots.use_style()

# %% [markdown]
# # Beyond the diorama

# %% tags=["remove-input"] mystnb={"image": {"alt": "Seven claims of chapters 2, 5 and 6, each with two marks on a scale of points gained: a diamond for the drawn world, a dot for photographs, joined by a line.", "classes": "dark-light"}}
plots.show(figures.carried_dots(quotes.carried(study)))

# %% [markdown]
# Each line is one claim of an earlier chapter. The diamond is what the drawn world gave. The dot is what photographs give. The number before a claim is its chapter. A claim has carried over where both intervals lie on the same side of zero. Where one holds zero, that world does not decide.
#
# **You will learn**
#
# - which conclusions of the chapters before this one hold on photographs, and which do not;
# - that a reporting bias is enough to make an attribute hard to find, in photographs as in drawings;
# - what the *modality gap* and *hubs* of a real CLIP are, how they are measured, and what centring does;
# - to say of a conclusion from a toy world whether it holds, fails, or was not tested.
#
# ## The problem
#
# Diorama is drawn by a program. That is its strength: everything in every picture is known. It is its weakness too. A few dozen things in a few places are not the world, and a small network trained on drawings is not CLIP. A cause that was found there may be a cause of drawings alone.
#
# So this chapter takes the same questions to real data. The measures are those of the chapters before; chapters 5 and 6 also lend their training code. Models that are compared have the same updates, or the same pairs where that is said, and the same seeds.
#
# Four sets of real data are used. None of it is ours to share, so no picture of it is on this page, and none is in the repository. The numbers are from recorded runs.
#
# :::{list-table} What was measured on.
# :header-rows: 1
#
# * - data
#   - how much
#   - used for
# * - photographs of products with a table of their attributes (*Fashion Product Images*, from Kaggle)
#   - {num}`recorded:photos.facet.setting.train` to train on, {num}`recorded:photos.facet.setting.dev` to choose by, {num}`recorded:photos.facet.setting.gallery` to test on
#   - chapters 1, 2, 5 and 6
# * - PACS {cite}`li2017pacs`, four of its classes: photographs, paintings, cartoons, sketches
#   - {num}`recorded:photos.style.setting.pictures` pictures
#   - chapter 4
# * - vectors of names by CLIP ViT-B/32 {cite}`radford2021clip`, as released with the detector Detic: the categories of COCO, LVIS, Objects365 and Open Images
#   - four vocabularies
#   - CLIP itself
# * - vectors of photographs from Unsplash, and of COCO-Stuff's names as released with ZegCLIP, by CLIP ViT-B/16
#   - {num}`recorded:photos.clip.setting.photographs` photographs, {num}`recorded:photos.clip.setting.names` names
#   - CLIP itself
# :::
#
# The products are a part of the whole set, and PACS is one of at most 200 pictures to a class and style. A hash of a product's id decides its split. Near-identical products, such as one shoe in two colours, may lie on both sides of it.
#
# ### The models
#
# Real pictures need a network that has seen real pictures. Ours is a MobileNetV2 {cite}`sandler2018mobilenetv2` trained on ImageNet. It rests: nothing of it is trained here. Of each photograph it gives five tokens of 1,280 numbers: one of the whole picture, and one of each quarter. They are computed once.
#
# Over these tokens stands a small model of CLIP's form. Its image side is a transformer that reads the tokens. Its text side is a transformer that reads words. Let $u_i$ be the unit vector of photograph $i$, $t_j$ that of caption $j$, and $\tau$ a learned temperature. For a batch of $B$ pairs CLIP's loss is
#
# $$
# \mathcal{L} = -\frac{1}{2B} \sum_{i=1}^{B} \left( \log \frac{\exp(u_i^\top t_i / \tau)}{\sum_j \exp(u_i^\top t_j / \tau)} + \log \frac{\exp(u_i^\top t_i / \tau)}{\sum_j \exp(u_j^\top t_i / \tau)} \right).
# $$
#
# ```{literalinclude} ../../src/pinpoint/photos_training.py
# :pyobject: clip_loss
# ```
#
# This is a small model over a frozen network, not CLIP. It answers whether a *mechanism* needs drawings. It cannot say how large an effect is in CLIP itself. For that there are CLIP's own vectors, further down.
#
# ## Chapter 1: what captions do not say is hard to find
#
# Captions name the thing, and seldom what it looks like {cite}`gordon2013reporting`. Here the captions are written from the table. They name the type in {num}`recorded:photos.facet.setting.mention.type` of cases, the colour in {num}`recorded:photos.facet.setting.mention.colour`, for whom it is in {num}`recorded:photos.facet.setting.mention.gender`, the use in {num}`recorded:photos.facet.setting.mention.usage` and the season in {num}`recorded:photos.facet.setting.mention.season`. These are the chances as captions are drawn. A batch holds no caption twice, and short captions are more often equal, so what training meets is a little more: the colour in {num}`recorded:photos.facet.setting.met.colour`, the use in {num}`recorded:photos.facet.setting.met.usage`, the season in {num}`recorded:photos.facet.setting.met.season`.
#
# The test is COCO-Facet's {cite}`li2025promptable`. A query asks for one value of one attribute: “a product in red”. A hundred pictures compete. One is right; the others carry a label that excludes it. Navy blue is in no pool of blue. The values of an attribute are asked in turn until they run out, so frequent ones do not fill the test. No product is asked for twice by one attribute.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Recall at 5 of five attributes and their mean: CLIP with biased captions, the promptable model under the general prompt and under its question, and two linear maps; means of three seeds with intervals, chance as a dotted line.", "classes": "dark-light"}}
plots.show(figures.part_dots(quotes.facets(study), "R@5 in %", study.quote("photos.facet.chance.r5", "recorded").value))

# %% [markdown]
# CLIP finds the type in {num}`recorded:photos.facet.clip.type.r5 both` of queries, the colour in {num}`recorded:photos.facet.clip.colour.r5 both`. The type, which nearly every caption names, is found first; the season, which few name, last, {num}`recorded:photos.facet.clip.season.r5 both`, where chance is {num}`recorded:photos.facet.chance.r5`. Between them the order is not that of the rates: the use is named less often than the colour and found more often, {num}`recorded:photos.facet.clip.usage.r5 both`. It nearly follows from the type, as with a sports shoe. So a rate must be compared with other rates of the same attribute.
#
# Is it the captions? The same model was trained on captions that name everything. Its colour has {num}`recorded:photos.facet.clip_full.colour.r5`, a change of {num}`recorded:photos.facet.gain.clip_full_clip.colour.r5 both`. Over all five attributes the change is {num}`recorded:photos.facet.gain.clip_full_clip.macro.r5 both`. It is a loss for all but the season, {num}`recorded:photos.facet.gain.clip_full_clip.season.r5 both`. A likely reason: this text side has never read a short caption. A query names one attribute, and these captions name five. So the trial changes two things at once, what is said and in what form. The next one keeps the form.
#
# Four more models sweep the rate, as in chapter 1: each attribute meets each rate once, and the four models draw equally much. One seed each. The axis gives the chance as drawn.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Recall at 5 against the chance that a caption names an attribute, on a logarithmic scale; a line for each of colour, gender, season and usage.", "classes": "dark-light"}}
plots.show(figures.rate_lines(quotes.mentioned(study)))

# %% [markdown]
# Every line rises, but for one step of gender that its interval covers. At the lowest, one caption in fifty, the colour is found in {num}`recorded:photos.mention.colour.rate_0_02.r5 both` and the season in {num}`recorded:photos.mention.season.rate_0_02.r5 both`, next to chance. Always named, they are found in {num}`recorded:photos.mention.colour.rate_1.r5 both` and {num}`recorded:photos.mention.season.rate_1.r5 both`. The use begins higher, {num}`recorded:photos.mention.usage.rate_0_02.r5 both`, since the type tells of it. This is chapter 1's finding on photographs, and its mechanism: what captions leave out, a search does not find.
#
# ### Lost, or only unread?
#
# Chapter 1 asked whether an attribute is gone from the embedding, or is there and the text does not find it. A linear probe is trained on the training photographs and asked about the test ones. It reads the frozen features, of which it takes the token of the whole picture, or CLIP's embedding, which was made from all five tokens. The text alone names the nearest of all values. What counts here is products, frequent values and rare ones as they come.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Accuracy for five attributes of a probe on the frozen features, a probe on the embedding, the text alone, and of always naming the commonest value.", "classes": "dark-light"}}
plots.show(figures.part_dots(quotes.read(study), "accuracy in %"))

# %% [markdown]
# From the features a probe names the colour of {num}`recorded:photos.probe.features.colour`, from CLIP's embedding of {num}`recorded:photos.probe.clip.colour`, the text of {num}`recorded:photos.probe.clip_text.colour`. The commonest colour is right for {num}`recorded:photos.probe.commonest.colour`. So little is lost between features and embedding, and the text does not read what is there. It is the same for the use: {num}`recorded:photos.probe.clip.usage` by a probe on the embedding, {num}`recorded:photos.probe.clip_text.usage` by the text.
#
# The season is a column of the table, and how it was set is not known. A probe on the features names it in {num}`recorded:photos.probe.features.season`; the commonest value is right for {num}`recorded:photos.probe.commonest.season`. The text names it in {num}`recorded:photos.probe.clip_text.season`, less often than always naming the commonest would. What chapter 1 called *unread* is the rule here. A loss, as of gestures there, is not seen.
#
# ## Chapter 2: an image that knows the question
#
# The promptable model is the same network, with one thing added: its image side reads a question as well, word by word, beside the image tokens. It is trained as chapter 2's: a photograph and a question on one side, the answer on the other, with VLM2Vec's contrastive loss {cite}`jiang2025vlm2vec`. Questions ask for the type, the colour, the season and the shop's department. **Nobody asks for whom it is, or what it is used for.** These two measure whether a new kind of question is followed. Each photograph is also read under one general prompt, “what is shown”, and its answer is a caption with the bias above. That gives the *general embedding*.
#
# One choice matters more than it looks. An answer may be worded in several ways: “red”, “in red”, “the colour red”. May it also have the form of a query, “a product in red”? On the development split macro R@5 with the questions is {num}`recorded:photos.dev.wording.plain.prompted.r5` if not and {num}`recorded:photos.dev.wording.query_form.prompted.r5` if so, a gain of {num}`recorded:photos.dev.wording.gain.prompted.r5 both` (one seed each). So it may. Without it the questions do harm: under the general prompt that model has {num}`recorded:photos.dev.wording.plain.general.r5`. A verdict on questions rests on this choice.
#
# With its questions the model has {num}`recorded:photos.facet.prompted.macro.r5 both` of macro R@5, under the general prompt {num}`recorded:photos.facet.general.macro.r5 both`: a difference of {num}`recorded:photos.facet.gain.prompted_general.macro.r5 both`. In the drawn world it is {num}`promptable.gain.prompted.macro.r5 both`. So questions help here too, and by much less.
#
# On the three attributes that training asked about the difference is {num}`recorded:photos.facet.gain.prompted_general.seen.r5 both`; on the two others {num}`recorded:photos.facet.gain.prompted_general.unseen.r5 both`. A model that was asked about all five has {num}`recorded:photos.facet.prompted_all.unseen.r5` on those two. The plain CLIP, which sees more photographs in each update and reads captions alone, has {num}`recorded:photos.facet.clip.unseen.r5` on them. Against it the promptable model gains {num}`recorded:photos.facet.gain.prompted_clip.seen.r5 both` on the three attributes that were asked about; over all five the difference is {num}`recorded:photos.facet.gain.prompted_clip.macro.r5 both`. As in the drawn world a question of a new kind is not followed; for whom it is, is even found less often than without a question. What training asks about decides. For these two neither the question nor the query's form was ever met in training. The test cannot tell which of the two is missing.
#
# ### A linear map instead of encoding again
#
# Let $u$ be the general embedding of a picture and $v$ the prompted one. A matrix $W$ with $W u \approx v$ is fitted on $N$ pictures, and then no other picture is encoded again. The released way takes $N$ pictures of the test gallery and a pseudo-inverse. Ours takes pictures of the development split, and a ridge.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Macro recall at 5 against the number of pictures that a linear map is fitted on: as released, and with a ridge; the general and the prompted embeddings as dashed level lines.", "classes": "dark-light"}}
plots.show(figures.size_lines(quotes.SIZES, quotes.curve(study), "N, pictures the map is fitted on", "macro R@5 in %"))

# %% [markdown]
# With $N$ = {num}`recorded:photos.facet.setting.n` the released map changes macro R@5 by {num}`recorded:photos.facet.gain.linear_general.macro.r5 both` against the general embedding, the ridge by {num}`recorded:photos.facet.gain.ridge_general.macro.r5 both`. With fewer pictures than the 128 numbers of an embedding a pseudo-inverse fits them exactly, and all others badly. From three hundred pictures on both ways lie between the general and the prompted embeddings, and nearer to the prompted ones; the curve has no intervals.
#
# ## Chapter 4: a sketch that looks for a photograph
#
# The network has seen photographs alone. Each picture of PACS asks for its class among the pictures of one style.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two matrices of recall at 1: style of the query down, style of the gallery across, for photographs, paintings, cartoons and sketches; as the features are, and with the mean of each style taken out.", "classes": "dark-light"}}
tables = {"as the features are": quotes.styles(study), "without the style's mean": quotes.styles(study, "centred.")}
plots.show(figures.style_matrices(tables, quotes.STYLES))

# %% [markdown]
# Within one style R@1 is {num}`recorded:photos.style.same.r1 both` in the mean, across styles {num}`recorded:photos.style.crossing.r1 both`, and chance is {num}`recorded:photos.style.chance.r1`. From sketch to photograph it is {num}`recorded:photos.style.sketch_photo.r1 both`. One index does not serve all styles on real pictures either, and a sketch is worst off: it finds photographs of its class little more often than chance. The direction matters. A photograph finds paintings of its class in {num}`recorded:photos.style.photo_art_painting.r1`, a painting photographs in {num}`recorded:photos.style.art_painting_photo.r1`.
#
# The cheapest remedy takes the mean of each style out of its features. It needs no label of what is shown; it must know how each picture is made. Across styles it changes R@1 by {num}`recorded:photos.style.gain.centred.r1 both`. R@1 is higher for each of the twelve pairs; from sketch to photograph it is {num}`recorded:photos.style.centred.sketch_photo.r1` then. Style is more than a mean: five neighbours name it in {num}`recorded:photos.style.neighbours_style` before and in {num}`recorded:photos.style.centred.neighbours_style` after.
#
# Chapter 4's reason for style tokens was that Gram statistics know the style. On these pictures five neighbours by Gram statistics name it in {num}`recorded:style.photos.knn_style`, where the commonest style has {num}`recorded:style.photos.chance_style`. They are of an early layer of a small VGG. So Gram statistics know the style of real pictures too. The last features of the network above know it better still. The two networks differ, so this does not rank the two statistics. Whether style tokens help on real pictures is not tested here.
#
# FreestyleRet itself, prompts in a real vision transformer, needs a checkpoint that was not there. That claim is not tested.
#
# ## Chapter 5: distinctive queries
#
# “This one, in blue.” “The same, as a backpack.” Half of the queries change the colour, half the type. Right is every product of the split with the gender, type and colour asked for: all right answers are known, from the table. The model is chapter 5's Q-Former over the same five tokens, pretrained on captions that name all three, then trained a while with InfoNCE: the common start. The same function as in chapter 5 trained every objective, three seeds each, with its rate chosen on the development split (`pinpoint train dqe-photos`).
#
# :::{list-table} Composed queries on products, in per cent; means of three seeds, the start one model.
# :header-rows: 1
#
# * - objective
#   - R@10
#   - mAP@5
#   - negatives that were right
# * - common start
#   - {num}`recorded:dqe.photos.start.r10`
#   - {num}`recorded:dqe.photos.start.map5`
#   -
# * - InfoNCE
#   - {num}`recorded:dqe.photos.infonce.r10`
#   - {num}`recorded:dqe.photos.infonce.map5`
#   - {num}`recorded:dqe.photos.infonce.false_negative_share`
# * - QuRe
#   - {num}`recorded:dqe.photos.qure.r10`
#   - {num}`recorded:dqe.photos.qure.map5`
#   - {num}`recorded:dqe.photos.qure.false_negative_share`
# * - target-relative
#   - {num}`recorded:dqe.photos.trns.r10`
#   - {num}`recorded:dqe.photos.trns.map5`
#   - {num}`recorded:dqe.photos.trns.false_negative_share`
# * - DQE-CIR
#   - {num}`recorded:dqe.photos.dqe.r10`
#   - {num}`recorded:dqe.photos.dqe.map5`
#   - {num}`recorded:dqe.photos.dqe.false_negative_share`
# :::
#
# From QuRe's negatives to target-relative ones mAP@5 changes by {num}`recorded:dqe.photos.gain.trns_qure.map5 both`, from InfoNCE to target-relative ones by {num}`recorded:dqe.photos.gain.trns_infonce.map5 both`. Both signs are those of the drawn world, and both sizes smaller; the second is narrow. The best rate of InfoNCE is the largest that was tried, those of the two others the smallest. QuRe does not learn here either, and its sets are again nearly empty or nearly everything. Random negatives do not learn either, {num}`recorded:dqe.photos.bt_random.map5` of mAP@5, so the sets need not be the whole reason.
#
# DQE-CIR differs from InfoNCE by {num}`recorded:dqe.photos.gain.dqe_infonce.map5 both` and from target-relative negatives by {num}`recorded:dqe.photos.gain.dqe_trns.map5 both`. Its attribute weights gain nothing that shows.
#
# ## Chapter 6: look twice
#
# Stage 1 finds $K$ candidates by vectors. Stage 2 reads each of them together with the question. Both stages are chapter 6's, unchanged. They stand on a small BLIP whose text encoder reads the five tokens of a photograph. It has learned from captions, and nothing about changes. The queries are those of the table above. Stage 1, and each way to train stage 2, had two learning rates on the development split.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Mean average precision at 5 against the number of candidates that stage 2 looks at, by its score and by both; stage 1 as a dashed level line.", "classes": "dark-light"}}
plots.show(figures.size_lines(quotes.KS, quotes.at_each(study), "K, candidates that stage 2 looks at", "mAP@5 in %"))

# %% [markdown]
# At $K = 50$ stage 2 takes R@1 from {num}`recorded:photos.rerank.stage1.r1` to {num}`recorded:photos.rerank.stage2.r1` and mAP@5 from {num}`recorded:photos.rerank.stage1.map5` to {num}`recorded:photos.rerank.stage2.map5`, a change of {num}`recorded:photos.rerank.gain.stage2_stage1.map5 both`. By both scores, with the weight that chapter 6 chose, the change is {num}`recorded:photos.rerank.gain.fused_stage1.map5 both`. A right answer is among the fifty for {num}`recorded:photos.rerank.ceiling` of the queries: no order of them can take R@1 above it. The more candidates stage 2 looks at, the more it loses. With five, by both scores, mAP@5 is {num}`recorded:photos.rerank.k5.fused.map5`: as good as stage 1, no better.
#
# With hard negatives in the place of the targets of the batch, and equally many pairs in twice as many updates, mAP@5 changes by {num}`recorded:photos.rerank.gain.stage2_in_batch.map5 both`. Of those drawn, {num}`recorded:photos.rerank.stage2.false_negative_share` were right answers that nobody had annotated. So hard negatives, which made the difference in the drawn world, do harm here.
#
# Why? Three things differ. Of the hard negatives three times as many were right answers as there, {num}`recorded:rerank.sweep.hard.false_negative_share`. Stage 1 leaves much more to do, and stage 2 has two thirds of the pairs to learn it from. And five tokens of a photograph may hold little that the first look has not used. Which of them decides was not tried. The best rates lie at edges of what was tried: the smallest with hard negatives, the largest without.
#
# ## CLIP's own vectors
#
# ### What its text space keeps apart
#
# Others have published CLIP's vectors of names: “a sofa”, “a fire truck”. Two names of LVIS, a vocabulary of some twelve hundred things, have a mean cosine of {num}`recorded:photos.clip.text.unrelated`. That is high for things that differ, because every text shares a direction. A cosine says little until that is known.
#
# :::{list-table} Names in CLIP's text space, as it is and about each vocabulary's mean. Nearest: the share of names whose nearest name is the right one.
# :header-rows: 1
#
# * - pair
#   - mean cosine
#   - nearest
#   - mean cosine, centred
#   - nearest, centred
# * - synonyms: sofa, couch
#   - {num}`recorded:photos.clip.text.synonym.cosine`
#   - {num}`recorded:photos.clip.text.synonym.r1 both`
#   - {num}`recorded:photos.clip.text.centred.synonym.cosine`
#   - {num}`recorded:photos.clip.text.centred.synonym.r1 both`
# * - singular and plural
#   - {num}`recorded:photos.clip.text.plural.cosine`
#   - {num}`recorded:photos.clip.text.plural.r1 both`
#   - {num}`recorded:photos.clip.text.centred.plural.cosine`
#   - {num}`recorded:photos.clip.text.centred.plural.r1 both`
# * - one of COCO's super-categories
#   - {num}`recorded:photos.clip.text.super.within`
#   - {num}`recorded:photos.clip.text.super.nearest both`
#   - {num}`recorded:photos.clip.text.centred.super.within`
#   - {num}`recorded:photos.clip.text.centred.super.nearest both`
# * - two super-categories
#   - {num}`recorded:photos.clip.text.super.between`
#   - by chance {num}`recorded:photos.clip.text.super.chance`
#   - {num}`recorded:photos.clip.text.centred.super.between`
#   -
# :::
#
# Synonyms lie together, but so does everything: from any two names to two synonyms the mean cosine rises from {num}`recorded:photos.clip.text.unrelated` to {num}`recorded:photos.clip.text.synonym.cosine` only. After centring the mean cosine of two names is near zero, by construction. What may be read is what stays high. The right name is a little more often the nearest then, though these intervals overlap. Super-categories, such as *vehicle* or *food*, are told apart weakly.
#
# Now names of two words. *Fire truck* and *tow truck* are one kind of thing. *Fire truck* and *fire hydrant* share a word and nothing else. The mean cosine of the first kind of pair is {num}`recorded:photos.clip.text.mates.head both`, of the second {num}`recorded:photos.clip.text.mates.modifier both`, of unrelated names {num}`recorded:photos.clip.text.mates.neither both`. Of the names that have both kinds of mate, {num}`recorded:photos.clip.text.mates.nearer_head both` stand nearer to the same kind of thing, where a coin gives half. The interval holds the half. Both kinds of pair share a word. Whether that word names the thing makes no difference that these names can show. A sum of its words would behave so; so might other things.
#
# **Which attributes?** Names of things hold few. COCO-Stuff has one: the material of walls and floors. Two walls of different material have a mean cosine of {num}`recorded:photos.clip.stuff.mates.head both`, a wall and a floor of one material {num}`recorded:photos.clip.stuff.mates.modifier both`, two names that share nothing {num}`recorded:photos.clip.stuff.mates.neither both`. So the material counts for nearly as much as the thing. These are a dozen names, of which six have both kinds of mate: too few to decide which counts more. Colour, weather or time of day are in no name, and nothing is said of them here.
#
# ### Two clouds
#
# Photographs and names should share one space. They lie in two clouds.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Bars: mean cosine of two names, of two photographs, of a photograph and a name; how many different photographs the names find, as the vectors are, centred, and by chance; how many names find the commonest photograph, before and after centring.", "classes": "dark-light"}}
plots.show(figures.value_blocks(quotes.gaps(study)))

# %% [markdown]
# The two means are {num}`recorded:photos.clip.gap.distance` apart; two points on a unit sphere are never farther than two. One straight cut, found on one half of the vectors, tells the other half's names from its photographs in {num}`recorded:photos.clip.gap.separable`. That is the **modality gap** {cite}`liang2022gap`. It is complete here: the cut makes no mistake.
#
# A search does not see the gap itself. Add one vector to all photographs: every score of a query grows by the same amount, and no rank moves. What it may see are **hubs** {cite}`radovanovic2010hubs`, points that are near to everything. Let every name pick its ten nearest photographs. As the vectors are, these places hold different photographs in {num}`recorded:photos.clip.found.own`; if every name drew at random it would be {num}`recorded:photos.clip.found.chance`. One photograph is among the ten of {num}`recorded:photos.clip.found.most` names.
#
# *Centring* subtracts from every vector the mean of its modality and normalises again. Then the places hold different photographs in {num}`recorded:photos.clip.centred.found.own`, and the commonest photograph is found by {num}`recorded:photos.clip.centred.found.most` names. Nearly all of it comes from the mean of the *names*: with the names alone centred it is {num}`recorded:photos.clip.centred_names.found.own`, with the photographs alone {num}`recorded:photos.clip.centred_images.found.own`. Let $m_t$ be that mean. A photograph $u$ then loses $m_t^\top u$ of every score: the ones near to the average name, which everybody found, lose most.
#
# Random drawing is no goal. Two kinds of wall ought to find some photographs in common. And whether centring finds *better* photographs needs labels, which these have not. It costs nothing, and is worth a try where hubs show.
#
# In the other direction, from a photograph to its nearest name, centring makes the names no more even. The ten commonest take {num}`recorded:photos.clip.hubs.first_ten` of the photographs before and {num}`recorded:photos.clip.centred.hubs.first_ten` after, though only {num}`recorded:photos.clip.centred.same_name` keep their name. Hubs among names may be honest: some things are photographed more often than others.
#
# ### Where the vectors lie, look again

# %%
print(live_check(study, data_folder() / "clip-embeddings", p.photographs))

# %% [markdown]
# ## What holds
#
# :::{list-table} Conclusions of the chapters before this one, and what photographs say. Gains in points, where no other unit stands.
# :header-rows: 1
# :widths: 32 34 34
#
# * - conclusion, and verdict
#   - drawn world
#   - real data
# * - 1: CLIP finds what captions name, and little else: **holds in direction; the rate is not all**
#   - from {num}`facets.clip.materials.r5` (materials) to {num}`facets.clip.animals.r5` (animals) of R@5
#   - colour {num}`recorded:photos.facet.clip.colour.r5`, type {num}`recorded:photos.facet.clip.type.r5`
# * - 1: the rate at which captions name an attribute decides: **holds**
#   - weather, R@5: {num}`recorded:mention.weather.rate_0_02.r5` at the lowest rate, {num}`recorded:mention.weather.rate_1_0.r5` when always named
#   - colour: {num}`recorded:photos.mention.colour.rate_0_02.r5` and {num}`recorded:photos.mention.colour.rate_1.r5`
# * - 1: what is rarely named is often still in the embedding, unread: **holds**
#   - weather by a probe {num}`probe.weather.pooled`, by the text {num}`probe.weather.text`
#   - colour by a probe {num}`recorded:photos.probe.clip.colour`, by the text {num}`recorded:photos.probe.clip_text.colour`
# * - 2: prompted embeddings gain: **holds, by less**
#   - {num}`promptable.gain.prompted.macro.r5 both`
#   - {num}`recorded:photos.facet.gain.prompted_general.macro.r5 both`
# * - 2: but not for new kinds of question: **holds**
#   - {num}`promptable.general.unseen.r5` to {num}`promptable.prompted.unseen.r5`
#   - {num}`recorded:photos.facet.general.unseen.r5` to {num}`recorded:photos.facet.prompted.unseen.r5`
# * - 2: a linear map keeps much of the gain: **fails with 100 pictures**
#   - {num}`promptable.gain.linear.macro.r5 both`
#   - {num}`recorded:photos.facet.gain.linear_general.macro.r5 both`
# * - 2: so does a ridge on other pictures: **holds, by less**
#   - {num}`promptable.gain.linear_ridge.macro.r5 both`
#   - {num}`recorded:photos.facet.gain.ridge_general.macro.r5 both`
# * - 3: two stages beat projections in zero-shot composed retrieval: **not tested**
#   - {num}`recorded:zscir.sweep.two_stage.gain_same_updates_map5 both` of the best projection's mAP@5, with equal updates
#   - no zero-shot composer was trained on products
# * - 4: one index does not serve all styles: **holds; the tasks differ**
#   - R@1 of the scene: sketch {num}`style.clip.sketch.r1`, painting {num}`style.clip.art.r1`
#   - R@1 of the class, chance {num}`recorded:photos.style.chance.r1`: sketch to photograph {num}`recorded:photos.style.sketch_photo.r1`, photograph to photograph {num}`recorded:photos.style.photo_photo.r1`
# * - 4: style tokens do not beat prompt tuning: **not tested**
#   - {num}`recorded:style.sweep.gain.best.r1 both`
#   - no vision transformer was at hand
# * - 5: target-relative negatives beat QuRe's: **holds, by less**
#   - {num}`recorded:dqe.gain.trns_qure.map5 both`
#   - {num}`recorded:dqe.photos.gain.trns_qure.map5 both`
# * - 5: and do not beat InfoNCE with the same updates: **holds, narrowly**
#   - {num}`recorded:dqe.gain.trns_infonce.map5 both`
#   - {num}`recorded:dqe.photos.gain.trns_infonce.map5 both`
# * - 5: nor does DQE-CIR: **holds, by less**
#   - {num}`recorded:dqe.gain.dqe_infonce.map5 both`
#   - {num}`recorded:dqe.photos.gain.dqe_infonce.map5 both`
# * - 6: stage 2 by its own score is about as good as its stage 1: **fails: it loses**
#   - {num}`recorded:rerank.sweep.gain.hard_stage1.map5 both`
#   - {num}`recorded:photos.rerank.gain.stage2_stage1.map5 both`
# * - 6: both scores together gain: **fails**
#   - {num}`recorded:rerank.sweep.gain.hard_fused_stage1.map5 both`
#   - {num}`recorded:photos.rerank.gain.fused_stage1.map5 both`
# * - 6: hard negatives beat those of the batch: **fails**
#   - {num}`recorded:rerank.sweep.gain.hard_in_batch.map5 both`
#   - {num}`recorded:photos.rerank.gain.stage2_in_batch.map5 both`
# :::
#
# The vectors of CLIP test no row. They show the gap, the hubs and what a shared word does.
#
# ## Limits
#
# - **One shop.** The products stand before white. Clothes are often worn by a person, together with others, and the table speaks of one of them. Photographs of scenes are harder.
# - **A small model over a network that rests.** The mechanism can be tested with it, the size of an effect in CLIP cannot.
# - **Captions were written by us,** from a table. Their bias is set, not found. What people write has other biases besides.
# - **One learning rate** for the models of chapters 1 and 2. It was not tuned.
# - **What is in the table need not be in the picture.** How far the columns can be seen is not known, so no ceiling of recall is either.
# - **Intervals are over queries;** those of chapters 1, 2, 5 and 6 are of means of three seeds, the sweep of rates is of one. Between seeds macro R@5 of the prompted model lies between {num}`recorded:photos.facet.prompted.seeds.lowest` and {num}`recorded:photos.facet.prompted.seeds.highest`. Across styles each picture asks three times, so that interval is somewhat too narrow. So are those of pairs of names.
# - **Synonyms and plurals are few.** Their intervals are wide, and their pairs share names.
#
# ## Run it yourself
#
# Put the data where the table says and run the recipes. Each records its own numbers, and each goes on where it was stopped.
#
# ```sh
# export PINPOINT_DATA=/path/to/data
# .venv/bin/pinpoint train photos-vectors    # CLIP's vectors: seconds
# .venv/bin/pinpoint train photos-styles     # PACS: minutes
# .venv/bin/pinpoint train photos-wording    # how answers are worded: two trainings
# .venv/bin/pinpoint train photos-facets     # chapters 1 and 2
# .venv/bin/pinpoint train photos-rerank     # chapter 6
# .venv/bin/pinpoint train photos-study      # vectors, styles, facets and chapter 6
# .venv/bin/pinpoint train dqe-photos        # chapter 5
# .venv/bin/pinpoint train style-photos      # Gram statistics of PACS
# ```
#
# :::{list-table} What lies where, below the data folder.
# :header-rows: 1
#
# * - path
#   - what
# * - `fashion-products/attributes.csv`, `fashion-products/images/<id>.jpg`
#   - products; the columns id, gender, masterCategory, articleType, baseColour, season, usage are read
# * - `models/mobilenet_v2_imagenet.onnx`
#   - the network; reading it needs `pip install -e ".[photos]"`
# * - `pacs/<style>/<class>/`
#   - PACS, or a part of it
# * - `vgg19_16x_fp32.npz`
#   - the small VGG for Gram statistics
# * - `clip-embeddings/vitb32-text/`, `clip-embeddings/vitb16-unsplash/`
#   - CLIP's vectors, as `pinpoint.photos_vectors` describes them
# :::
#
# ## Exercises
#
# ```{exercise}
# :label: gap-and-ranks
# Add one and the same vector $b$ to every photograph's embedding, and do not normalise again. Which ranks of a query $q$ change when the score is $q^\top u$? Which change when it is the cosine?
# ```
#
# ````{solution} gap-and-ranks
# :class: dropdown
# By $q^\top u$ none: every score grows by the same $q^\top b$. By the cosine they may: the lengths $\lVert u + b \rVert$ differ, and dividing by them moves ranks. Centring moves ranks by another way too. It also subtracts the mean $m_t$ of the queries. Each photograph then loses its own $m_t^\top u$, even without normalising.
# ````
#
# ```{exercise}
# :label: chance-hubs
# There are $M$ photographs, and each of $N$ names draws $k$ of them at random. How many different photographs are drawn in the mean?
# ```
#
# ````{solution} chance-hubs
# :class: dropdown
# One photograph is missed by one name with probability $1 - k/M$, by all with $(1 - k/M)^N$. So $M\,(1 - (1 - k/M)^N)$ are drawn.
# ````
#
# ```{exercise}
# :label: held-out-column
# A model is never asked for whom a product is made, and yet finds “a product for women” better than chance without any question. Where has it learned that, and what would you remove from training to be sure?
# ```
#
# ````{solution} held-out-column
# :class: dropdown
# From captions: under the general prompt some say “for women”. The held-out *question* is a test of following prompts, not of knowing the attribute. To hold the attribute out, take its words out of the captions; then no query can be understood either.
# ````
#
# ## Further reading
#
# - {cite:t}`li2025promptable`: the protocol of the pools, and promptable embeddings.
# - {cite:t}`gordon2013reporting`: what people write down, and what they leave out.
# - {cite:t}`li2017pacs`: photographs, paintings, cartoons and sketches of the same classes.
# - {cite:t}`radford2021clip`: CLIP, whose vectors these are.
