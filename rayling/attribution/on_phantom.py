"""Occlusion maps of phantom test images beside the places of their findings, and how well they agree.

H pixels a side of an image of a network, K labels.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from rayling.attribution import measures
from rayling.attribution.measures import MEASURES
from rayling.explain import occlusion
from rayling.phantom import cohort, dataset, masks
from rayling.phantom.cohort import Study
from rayling.predict.model import OnnxModel
from rayling.storage import prepared
from rayling.storage.prepared import Split

NETWORKS = ("student", "teacher")
IMAGES_PER_LABEL = 4  # at least, if test has as many
SEED = 0  # of the bootstrap, as in `evaluate`


@dataclass(frozen=True)
class Pair:
    """A test image and one of its findings. The image and the mask have the size of the student's."""

    label: str
    patient: str
    image: np.ndarray  # (H, H) uint8
    finding: np.ndarray  # (H, H) bool
    maps: dict[str, np.ndarray]  # of each network (H, H), each of its own size
    scores: dict[str, dict[str, float]]  # of each network, and of `chance`


def summary(pairs: list[Pair]) -> dict:
    """The means of the measures of each network, of their difference, and of chance, with the number of pairs."""
    about = {"groups": [pair.patient for pair in pairs], "seed": SEED}
    less = [{name: pair.scores["student"][name] - pair.scores["teacher"][name] for name in MEASURES} for pair in pairs]
    found = {name: measures.means([pair.scores[name] for pair in pairs], **about) for name in (*NETWORKS, "chance")}
    found["chance"] = {name: found["chance"][name] for name in MEASURES}  # no interval: nothing was trained
    found["student_minus_teacher"] = measures.means(less, **about)
    return {"pairs": len(pairs), "patients": len(set(about["groups"]))} | found


def by_label(pairs: list[Pair]) -> dict[str, list[Pair]]:
    """The pairs of each label."""
    return {label: [pair for pair in pairs if pair.label == label] for label in dict.fromkeys(p.label for p in pairs)}


def pairs(*, seed: int, patients: int, drawn_at: int) -> Iterator[Pair]:
    """All findings of the images of test that are chosen, in their order.

    The arguments are the phantom's `seed`, `valid_patients` and `size`. Labels that are no finding of their own, such
    as "No Finding", have no place and no pair. Raises BadInput for a file that is missing or damaged.
    """
    test, studies = prepared.read("data/prepared.h5", "test"), studies_of_valid(seed, patients)
    networks = {name: Network(name) for name in NETWORKS}
    for row in tqdm(chosen(test, among=studies), desc="occlusion maps", unit="image", disable=None, leave=False):
        study, maps = studies[test.image_id[row]], {name: network.maps(row) for name, network in networks.items()}
        for k, label in enumerate(test.names):
            if test.labels[row, k] == 1 and label in study.severities:
                of_label = {name: found[k] for name, found in maps.items()}
                image = networks["student"].images[row]
                yield pair_of(study, label, test.patient_id[row], image, of_label, drawn_at=drawn_at)


def pair_of(
    study: Study, label: str, patient: str, image: np.ndarray, maps: dict[str, np.ndarray], *, drawn_at: int
) -> Pair:
    """A finding of a study with the maps of the networks, and their scores."""
    scores, places = {}, {}
    for name, label_map in maps.items():
        at = {"size": len(label_map), "drawn_at": drawn_at}
        places[name] = masks.finding(study, label, **at), masks.lungs_and_heart(study, **at)
        scores[name] = measures.measures(label_map, *places[name])
    scores["chance"] = measures.chance(*places["student"])
    return Pair(label, patient, image, places["student"][0], maps, scores)


def studies_of_valid(seed: int, patients: int) -> dict[str, Study]:
    """The phantom's studies of valid.csv, which are test, by the names of their images."""
    valid = cohort.sample(seed, cohort.FIRST_VALID_PATIENT, patients, max_studies=1)
    return {f"valid/{study.folder}/{dataset.FRONTAL}": study for study in valid}


def chosen(test: Split, *, among: Container[str]) -> list[int]:
    """The rows of the first images, `among` those named, that give each label `IMAGES_PER_LABEL`."""
    rows, having = [], np.zeros(len(test.names), int)
    for row, labels in enumerate(test.labels == 1):
        if test.image_id[row] in among and (having[labels] < IMAGES_PER_LABEL).any():
            rows.append(row)
            having += labels
    return rows


class Network:
    """An exported network and the test images at its size."""

    def __init__(self, name: str) -> None:
        self.model = OnnxModel(f"data/models/{name}.onnx", threads=0)
        self.images = prepared.read("data/prepared.h5", "test", pixels=f"data/pixels/{name}.h5").images

    def maps(self, row: int) -> np.ndarray:
        """The occlusion maps of all labels (K, H, H) for one test image."""
        fill = round(255 * self.model.facts["mean"])
        return occlusion.maps(lambda pixels: self.model.run(pixels)[0], self.images[row], fill=fill)
