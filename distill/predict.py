"""Ask an exported network about X-rays, without torch: `python -m distill.predict data/models/student.onnx film.png`.

Needs onnxruntime, pillow, numpy and pydicom, and of this repository the folder `distill`.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

from distill import answers, explain, files, images
from distill.ahead import ahead
from distill.bar import Bar
from distill.errors import BadInput
from distill.onnx_model import Answer, OnnxModel

NO_IMAGE = "found no image, expected PNG, JPEG or DICOM files"
WRITERS = {"table": answers.Table, "json": answers.Json, "csv": answers.Csv}


def main(arguments: list[str] | None = None) -> int:
    """Print what the model says of every image; return 1 if one could not be read, else 0."""
    asked = parsed(arguments)
    model = OnnxModel(asked.model)
    beside, paths = side_by_side(asked.model, model, asked.beside), listed(asked.images)
    if asked.explain and not isinstance(answer(model, paths[0]), Exception):
        # before a word is printed: who reads the words may leave at any of them
        explain.save(asked.explain, images.grey(paths[0]), beside)
    with printing():
        writer = WRITERS[asked.format](model, sys.stdout)
    return 1 if show(model, paths, writer) else 0


def show(model: OnnxModel, paths: list[str | Exception], writer: answers.Table | answers.Json | answers.Csv) -> int:
    """Write what the model says of the images, on all cores and in their order; return how many could not be read."""
    failed = 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with Bar(len(paths), "image") as bar:
        for path, found in zip(paths, ahead(partial(answer, model), paths, depth=cores), strict=True):
            error = isinstance(found, Exception)
            failed += error
            with bar.aside(error=error):
                if error:
                    tell(found)
                else:
                    with printing():
                        writer.write(path, found)
            bar.update()
    with printing():
        writer.end()
        sys.stdout.flush()
    return failed


@contextmanager
def printing() -> Iterator[None]:
    """What the system says of the block is said of standard output."""
    try:
        yield
    except OSError as error:
        error.filename = "standard output"
        raise


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line. Exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser("python -m distill.predict", description=__doc__.partition(":")[0] + ".")
    parser.add_argument("model", help="an ONNX file that `export` wrote")
    parser.add_argument("images", nargs="+", help="PNG, JPEG or DICOM; folders; - for a list on standard input")
    formats = parser.add_mutually_exclusive_group()
    for name, what in {"json": "one object a line", "csv": "one line an image"}.items():
        formats.add_argument(f"--{name}", dest="format", action="store_const", const=name, default="table", help=what)
    parser.add_argument("--explain", metavar="OUT.PNG", help="draw where the model saw what it says of the one image")
    parser.add_argument("--beside", metavar="MODEL", action="append", default=[], help="in that picture, another model")
    asked = parser.parse_args(arguments)
    if asked.explain and (len(asked.images) > 1 or asked.images[0] == "-" or Path(asked.images[0]).is_dir()):
        parser.error("--explain draws one image")
    if asked.beside and not asked.explain:
        parser.error("--beside goes with --explain")
    if asked.explain:
        refuse_target(parser, Path(asked.explain), [asked.model, *asked.images, *asked.beside])
    return asked


def refuse_target(parser: argparse.ArgumentParser, target: Path, sources: list[str]) -> None:
    """Exit with status 2 unless the picture may be written there."""
    if target.suffix.lower() != ".png":
        parser.error(f"--explain writes a PNG, found {str(target)!r}")
    if target.is_dir():
        parser.error(f"--explain writes a PNG, found a folder {str(target)!r}")
    if not target.parent.is_dir():
        parser.error(f"--explain: there is no folder {str(target.parent)!r}")
    if target.exists() and any(Path(source).exists() and target.samefile(source) for source in sources):
        parser.error(f"--explain would overwrite {str(target)!r}, which it is to read")


def listed(named: list[str]) -> list[str | Exception]:
    """The files that were named, those in folders as `files.below` finds them, those that `-` reads from a list.

    A folder without an image is an error among them. Raises BadInput if there is no file at all.
    """
    paths = []
    for name in named:
        if name == "-":
            paths += [line.removesuffix("\r") for line in sys.stdin.read().split("\n") if line.strip()]
        elif os.path.isdir(name):  # noqa: PTH112 - which is False, too, for a name that no file can have
            paths += [str(Path(name, image)) for image in files.below(name)] or [BadInput(f"{name}: {NO_IMAGE}")]
        else:
            paths.append(name)
    if not [path for path in paths if isinstance(path, str)]:
        raise BadInput(f"{' '.join(named)}: {NO_IMAGE}")
    return paths


def answer(model: OnnxModel, path: str | Exception) -> Answer | Exception:
    """What the model says of an image, or why it can say nothing."""
    try:
        if isinstance(path, Exception):
            return path
        if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 - as above
            raise BadInput(f"{path}: found a pipe or a device, expected a file")
        return model.answer(path)
    except (BadInput, OSError) as error:
        return error


def tell(error: Exception) -> None:
    """One line on standard error."""
    named = isinstance(error, OSError) and error.filename and not error.filename2
    said = f"{error.filename}: {error.strerror}" if named else str(error)
    print("error:", answers.printable(" ".join(said.split())), file=sys.stderr)


def side_by_side(path: str, model: OnnxModel, others: list[str]) -> dict[str, OnnxModel]:
    """The models of one picture by their names. Raises BadInput if they are not alike, or are called alike."""
    models = {Path(path).stem: model}
    for other in others:
        name, beside = Path(other).stem, OnnxModel(other, threads=0)
        if name in models:
            raise BadInput(f"{other}: found a second model called {name!r}, expected other names")
        for key in ("labels", "keep_aspect"):
            if beside.facts[key] != model.facts[key]:
                raise BadInput(f"{other}: found {key} {beside.facts[key]}, expected {model.facts[key]} as in {path}")
        models[name] = beside
    return models


if __name__ == "__main__":
    sys.stdin, sys.stderr = sys.stdin or TextIOWrapper(BytesIO()), sys.stderr or StringIO()  # None is a closed one
    if sys.stdout is None:
        tell(BadInput("standard output: found it closed, expected it open"))
        sys.exit(2)
    sys.stdin.reconfigure(errors="surrogateescape")  # the names of files are any bytes
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        sys.exit(main())
    except (BadInput, OSError) as error:
        # what was not written stays unwritten: else Python tries again at its end, and complains in two lines
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # `| head` has seen enough
            sys.exit(141)
        tell(error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
