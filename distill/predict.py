"""Ask an exported network about X-rays, without torch: `python -m distill.predict data/models/student.onnx film.png`.

Needs onnxruntime, pillow, numpy and pydicom, and of this repository the folder `distill`.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from distill import answers, explain, files, images
from distill.ahead import ahead
from distill.bar import Bar
from distill.errors import BadInput
from distill.onnx_model import Answer, OnnxModel

WRITERS = {"table": answers.Table, "json": answers.Json, "csv": answers.Csv}


def main(arguments: list[str] | None = None) -> int:
    """Print what the model says of every image; return 1 if one could not be read, else 0."""
    asked = parsed(arguments)
    model = OnnxModel(asked.model)
    if asked.explain:
        beside = {Path(path).stem: OnnxModel(path, threads=0) for path in [asked.model, *asked.beside]}
        refuse_other_labels(beside, model)
        explain.save(asked.explain, images.grey(asked.images[0]), beside)
    paths, writer, failed = listed(asked.images), WRITERS[asked.format](model, sys.stdout), 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with Bar(len(paths), "image") as bar:
        for path, found in zip(paths, ahead(partial(answer, model), paths, depth=cores), strict=True):
            failed += isinstance(found, Exception)
            with bar.aside():
                tell(found) if isinstance(found, Exception) else writer.write(path, found)
            bar.update()
    writer.end()
    return 1 if failed else 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line. Exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser("python -m distill.predict", description=__doc__.partition(":")[0] + ".")
    parser.add_argument("model", help="an ONNX file that `export` wrote")
    parser.add_argument("images", nargs="+", help="PNG, JPEG or DICOM; folders; - for a list on standard input")
    formats = parser.add_mutually_exclusive_group()
    for name, what in {"json": "one object a line", "csv": "one line an image"}.items():
        formats.add_argument(f"--{name}", dest="format", action="store_const", const=name, default="table", help=what)
    parser.add_argument("--explain", metavar="OUT.PNG", help="draw where the model saw what it says of the one image")
    parser.add_argument("--beside", metavar="MODEL", nargs="+", default=[], help="in that picture, other models too")
    asked = parser.parse_args(arguments)
    if asked.explain and (len(asked.images) > 1 or asked.images[0] == "-" or Path(asked.images[0]).is_dir()):
        parser.error("--explain draws one image")
    return asked


def listed(named: list[str]) -> list[str]:
    """The files that were named: those in folders as `files.images` finds them, those that `-` reads from a list."""
    paths = []
    for name in named:
        if name == "-":
            paths += [line for line in sys.stdin.read().splitlines() if line.strip()]
        elif Path(name).is_dir():
            paths += [str(Path(name, image)) for image in files.images(name)]
        else:
            paths.append(name)
    if not paths:
        raise BadInput(f"{' '.join(named)}: found no image, expected PNG, JPEG or DICOM files")
    return paths


def answer(model: OnnxModel, path: str) -> Answer | Exception:
    """What the model says of an image, or why it can say nothing."""
    try:
        return model.answer(path)
    except (BadInput, OSError) as error:
        return error


def tell(error: Exception) -> None:
    """One line on standard error."""
    print("error:", " ".join(str(error).split()), file=sys.stderr)


def refuse_other_labels(models: dict[str, OnnxModel], model: OnnxModel) -> None:
    """Raise BadInput unless all models answer to the same labels."""
    for name, other in models.items():
        if other.labels != model.labels:
            raise BadInput(f"{name}: has the labels {other.labels}, expected {model.labels}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BadInput, OSError) as error:
        tell(error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
