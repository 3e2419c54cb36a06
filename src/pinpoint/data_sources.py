"""The real data sets: what each is, where its files come from, what its licence says, who reads it: plain rows.

An address stands here only if its publisher names it (the repository or page in the comment beside it). Where none can
be named, or where the publisher must be asked, `by_hand` says in words what to do. A size or a SHA-256 is that of the
publisher, or of a copy that was compared with the published file; where neither is known, the first fetch records it.
"""

from dataclasses import dataclass

COCO = "http://images.cocodataset.org"  # cocodataset.org; sizes and SHA-256 as TensorFlow Datasets keeps them
COCO_LICENCE = "annotations CC BY 4.0; photographs of Flickr's users, each under a licence of its own (in the file)"
RAW = "https://raw.githubusercontent.com"
CIRR = f"{RAW}/Cuberick-Orion/CIRR/910278c29d2a5602eae0119d6af906c3bae366bc"  # of branch cirr_dataset
CIRR_TRAIN = "captions/cap.rc2.train.json"
FASHION_IQ = f"{RAW}/XiaoxiaoGuo/fashion-iq/master"
LASCO = f"{RAW}/levymsn/LaSCo/main/downloads"
FACETS = "hf://datasets/lst627/COCO-Facet"
FASHION_IQ_PARTS = [f"{c}.{s}" for c in ("dress", "shirt", "toptee") for s in ("train", "val", "test")]


@dataclass(frozen=True)
class File:
    """One file to fetch. `path` is where it goes below the data folder, of an archive the folder it is unpacked in.

    url: https, http, or hf://datasets/OWNER/NAME/FILE, where the Hub is asked in which folder and commit FILE is.
    size in bytes. holds: the folder that an archive brings, "" for a plain file. pictures: how many that folder then
    has, where it is known. wrapped: the archive may have one folder around everything, which is taken off.
    """

    url: str
    path: str
    size: int | None = None
    sha256: str | None = None
    holds: str = ""
    pictures: int | None = None
    wrapped: bool = False

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.url.partition("?")[0].rpartition("/")[2]

    @property
    def images(self) -> bool:
        """Whether it is an archive of pictures, without which the annotations can still be read."""
        return bool(self.holds) and self.holds != "annotations"


@dataclass(frozen=True)
class Dataset:
    """One data set below the data folder, at `folder`. needs: rows to fetch before. links: (link, what it leads to)."""

    name: str
    what: str
    folder: str
    licence: str
    readers: str
    layout: str
    files: tuple[File, ...] = ()
    by_hand: str = ""
    needs: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


def coco(part: str, folder: str, size: int | None, sha256: str | None, pictures: int | None) -> File:
    """An archive of COCO's photographs."""
    return File(f"{COCO}/zips/{part}.zip", folder, size, sha256, part, pictures)


def cirr(path: str, size: int, sha256: str) -> File:
    """A file of CIRR's repository; sizes and hashes of copies whose length and end were compared with the published."""
    return File(f"{CIRR}/{path}", f"cirr/{path}", size, sha256)


DATASETS = (
    Dataset(
        "coco-val2017", "COCO's 5,000 validation photographs", "coco/val2017", COCO_LICENCE,
        "chapters 1 and 2 through coco-facet; datasets.coco_builder", "coco/val2017/<12 digits>.jpg",
        (coco("val2017", "coco", 815_585_330,
              "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05", 5_000),),
    ),
    Dataset(
        "coco-train2017", "COCO's 118,287 training photographs", "coco/train2017", COCO_LICENCE,
        "datasets.coco_builder", "coco/train2017/<12 digits>.jpg",
        (coco("train2017", "coco", 19_336_861_798,
              "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929", 118_287),),
    ),
    Dataset(
        "coco-annotations", "COCO's instances and captions of both", "coco/annotations", COCO_LICENCE,
        "datasets.coco_builder", "coco/annotations/{instances,captions}_{train,val}2017.json",
        (File(f"{COCO}/annotations/annotations_trainval2017.zip", "coco", 252_907_541,
              "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268", "annotations"),),
    ),
    Dataset(
        "coco-facet", "COCO-Facet: eight facets, 9,112 queries, a hundred candidates each", "coco-facet",
        "query files MIT (its page on the Hub); the photographs are of Flickr's users, as COCO's",
        "chapters 1 and 2; datasets.coco_facet",
        "<eight files>.json, val2017/, visual7w/images/, VisualDialog_val2018/",
        (*(File(f"{FACETS}/{stem}.json", f"coco-facet/{stem}.json") for stem in (
            "COCO_object_retrieval", "COCO_animal_retrieval", "COCO_gesture_retrieval", "COCOStuff_material_retrieval",
            "Visual7W_scene_retrieval", "Visual7W_time_retrieval", "Visual7W_people_num_retrieval",
            "mix_weather_retrieval")),
         # both archives: README of github.com/lst627/COCO-Facet
         File("http://vision.stanford.edu/yukezhu/visual7w_images.zip", "coco-facet/visual7w", holds="images"),
         File("https://www.dropbox.com/s/twmtutniktom7tu/VisualDialog_val2018.zip?dl=1", "coco-facet",
              holds="VisualDialog_val2018")),
        needs=("coco-val2017",), links=(("coco-facet/val2017", "coco/val2017"),),
    ),
    Dataset(
        "cirr", "CIRR rc2: a photograph and a sentence, groups of six", "cirr",
        "annotations MIT; the photographs are NLVR2's, under its Terms of Service, not to be passed on",
        "chapter 6; datasets.cirr", "captions/, image_splits/, img_raw/{train/<n>,dev,test1}/<name>.png",
        (cirr("captions/cap.rc2.val.json", 1_609_916,
              "a85c3a1aa464f1af7229918e8018d08b8b20ce5dab479ffdf39d61113140f919"),
         cirr("captions/cap.rc2.test1.json", 1_254_129,
              "26a2b2e7a5c96c903491aefc7d5f237f03d3cca97712e1b6bb3b231db5ff8001"),
         # compared with nothing, so taken from the branch by its name and recorded at the first fetch
         File(f"{RAW}/Cuberick-Orion/CIRR/cirr_dataset/{CIRR_TRAIN}", f"cirr/{CIRR_TRAIN}"),
         cirr("image_splits/split.rc2.train.json", 969_680,
              "7b3f2211ff67e527190754ab778321a3c83f0baa6150d1e6c19646ec25c3bcb9"),
         cirr("image_splits/split.rc2.val.json", 105_568,
              "de36f7a7219c8bb06347a67748cfc68405be7dad62853a1e31846c98e491235b"),
         cirr("image_splits/split.rc2.test1.json", 120_364,
              "bf2bb9ed0659c4aae35de72350652b9ab75d36a060211f826bec15c58ec12566")),
        "ask NLVR2's authors for the images with the form at github.com/lil-lab/nlvr (nlvr2, direct image download; it "
        "takes about a week) and put train, dev and test1 into img_raw. Do not fetch them by their URLs: many are dead",
    ),
    Dataset(
        "fashion-iq", "FashionIQ: a garment and two captions of how the wanted one differs", "fashion-iq",
        "captions CDLA (its README); the photographs belong to a shop's sellers, for research",
        "chapters 5 and 6; datasets.fashion_iq", "captions/, image_splits/, images/<id>.jpg",
        tuple(File(f"{FASHION_IQ}/{path}", f"fashion-iq/{path}") for part in FASHION_IQ_PARTS
              for path in (f"captions/cap.{part}.json", f"image_splits/split.{part}.json")),
        "the addresses of the photographs are listed at github.com/hongwang600/fashion-iq-metadata, and some are gone. "
        "Save each as images/<id>.jpg, and say how many are missing: a smaller gallery scores higher",
    ),
    Dataset(
        "circo", "CIRCO: composed queries with every right answer, over COCO's unlabelled photographs", "circo",
        "annotations CC BY-NC 4.0; photographs as COCO's", "datasets.circo",
        "annotations/, COCO2017_unlabeled/annotations/, COCO2017_unlabeled/unlabeled2017/<12 digits>.jpg",
        # two commits of github.com/miccunifi/CIRCO, whose files were compared with the copies that the hashes are of
        (File(f"{RAW}/miccunifi/CIRCO/6db0150476ffcee0f60ea1d8fb04d15e6845f5db/annotations/val.json",
              "circo/annotations/val.json", 111_978,
              "6b31a1dbc3c85627501d9a250f87708f24a27d74d6a65360b6ddd2537a154d04"),
         File(f"{RAW}/miccunifi/CIRCO/ef0817a18c39f2917b0a9135d32b33474fbf6335/annotations/test.json",
              "circo/annotations/test.json", 167_660,
              "2f7c37e89220c990b6b0525d6f3ed63d3fc02e03ce336aa42a3b822841b14886"),
         File(f"{COCO}/annotations/image_info_unlabeled2017.zip", "circo/COCO2017_unlabeled", holds="annotations"),
         coco("unlabeled2017", "circo/COCO2017_unlabeled", None, None, None)),
    ),
    Dataset(
        "dsr", "DSR: 10,000 photographs, each with a text, a sketch, an art picture and a mosaic", "dsr",
        "CC BY-NC 4.0 (its authors' repository; the Hub's page says Apache-2.0: keep to the stricter)",
        "chapter 4; datasets.dsr", "dataset.json, images/, sketch/, art/, mosaic/, text/",
        # README of github.com/CuriseJia/FreeStyleRet
        (File("https://huggingface.co/datasets/Curise/FreeStyleRet-DSR/resolve/29448d3ef7168772d8d0fa9af10ca5116a843291/"
              "DSR-Dataset.zip", "dsr", holds="images", wrapped=True),),
    ),
    Dataset(
        "cc3m", "Conceptual Captions: photographs of the web, a caption each", "cc3m",
        "captions free for any purpose, Google to be named (its LICENSE); the photographs are others'",
        "chapter 3; datasets.captioned", "captions.tsv (caption, tab, path of the image), and the images",
        by_hand="get Train_GCC-training.tsv from ai.google.com/research/ConceptualCaptions/download, the images by its "
        "addresses with a downloader such as img2dataset, and write captions.tsv for those that came. Any captioned "
        "photographs in this form will do",
    ),
    Dataset(
        "lasco", "LaSCo: synthetic triplets over COCO 2014", "lasco",
        "triplets MIT (its README); photographs as COCO's", "chapter 3; datasets.lasco",
        "lasco_train.json, lasco_val.json, train2014/, val2014/",
        # README of github.com/levymsn/LaSCo
        (File(f"{LASCO}/lasco_train.json", "lasco/lasco_train.json"),
         File(f"{LASCO}/lasco_val.json", "lasco/lasco_val.json"),
         coco("train2014", "lasco", 13_510_573_713,
              "ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775", 82_783),
         coco("val2014", "lasco", 6_645_013_297,
              "fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0", 40_504)),
    ),
    Dataset(
        "pacs", "PACS: seven classes in four styles", "pacs", "for research; no licence is stated",
        "chapter 4, `pinpoint train style-photos`", "<style>/<class>/<picture>",
        by_hand="ask its authors (Li et al. 2017) or take a copy that you may use; one folder per style, and in it one "
        "per class. The same recipe wants vgg19_16x_fp32.npz in the data folder",
    ),
    Dataset(
        "fashion-products", "Fashion Product Images: photographs of a shop, with attributes", "fashion-products",
        "MIT on its Kaggle page; the photographs are the shop's", "chapter 5, `pinpoint train dqe-photos`",
        "attributes.csv (id, gender, articleType, baseColour, …), images/<id>.jpg",
        by_hand="get it from Kaggle with an account (Fashion Product Images), name its table attributes.csv, and put "
        "mobilenet_v2_imagenet.onnx into models/ of the data folder",
    ),
    Dataset(
        "photos", "your own photographs", "photos", "yours to say", "`pinpoint evaluate`; datasets.folder",
        "<label>/<picture>", by_hand="put photographs there, one sub-folder per label; any other folder does as well",
    ),
)  # fmt: skip

BY_NAME = {row.name: row for row in DATASETS}
