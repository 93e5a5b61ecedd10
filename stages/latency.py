"""How long one image takes on one thread of this machine's CPU, for each exported network.

Times differ from run to run, so that they stand in a file of their own, which no stage but the report reads.
Reads data/models/*.onnx, writes metrics/latency.json.
"""

from distill.atomic import write_json
from distill.latency import machine, taken
from distill.onnx_model import OnnxModel

NETWORKS = ("teacher", "assistant", "student", "student.int8")


def main() -> None:
    """Time the networks in turn, so that what else the machine does falls on all of them."""
    models = {name: OnnxModel(f"data/models/{name}.onnx") for name in NETWORKS}
    times = taken(models)
    fastest = min(("student", "student.int8"), key=lambda name: times[name]["p50_ms"])
    write_json("metrics/latency.json", {"machine": machine(), "threads": 1, "faster_student": fastest} | times)


if __name__ == "__main__":
    main()
