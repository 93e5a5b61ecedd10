"""Whatever params.yaml holds: parameters or one clear line."""

from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from hypothesis import given
from hypothesis import strategies as st

from rayling.config import params
from tests.pipeline.fuzzing import Whole, broken, cases, outcome
from tests.tiny import ROOT, shrink


def small_params() -> dict:
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    shrink(content)
    return content | {"studies": {"phantom": content["studies"]["phantom"]}}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-3, 3)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["phantom", "../x", "/etc", "softmax", 10**400, "1e-3", "\0", "$", "${study}", "x" * 9999]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def changed_params(draw) -> bytes:
    """The parameters with some values replaced, keys gone or new."""
    content = small_params()
    for _ in range(draw(st.integers(1, 3))):
        place = content
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and draw(st.integers(0, 4)):
                place = place[key]
                continue
            how = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
            if how == "remove":
                del place[key]
            elif how == "replace":
                place[key] = draw(values)
            elif isinstance(place, dict):
                place[draw(st.text(max_size=6))] = draw(values)
            break
    return yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "surrogatepass")


PARAMS = Whole(yaml.safe_dump(small_params()).encode())
NASTY = [b"a: &a [1]\nb: *a\n" * 2, b"? {? {? 1}}", b"%YAML 9.9\n---\n1", b"!!python/object:os.system 1"]
BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]).encode()


@cases
@given(changed_params() | broken(PARAMS, *NASTY, BOMB) | st.sampled_from([*NASTY, BOMB]))
def test_params(content):
    with TemporaryDirectory() as folder:
        path = Path(folder, "params.yaml")
        path.write_bytes(content)
        found = outcome(params.read, "study", "data", "student", path=path)
    if found is not None:
        assert found.student.epochs >= 1 and 0 < found.data.dev < 1
