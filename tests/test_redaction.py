"""What is promised of the cut: nothing unlisted survives, nothing listed changes, untouched bytes stay untouched."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connectors.redaction import RULE_VERSION, CutResult, JsonAllowList, NotJson

NAMES = ["a", "b", "c", "d", "nik", "01/02/2023"]
NUMBERS = ["0", "-0", "7", "72193.440000000001", "1e5", "12345678901234567890123", "-1.50", "0.10"]


class Number(str):
    """A number's digits, told apart from a text."""


@st.composite
def allow_lists(draw: st.DrawFn) -> tuple[dict[str, Any], JsonAllowList]:
    dotted = st.lists(st.sampled_from(NAMES[:4]), min_size=1, max_size=3).map(".".join)
    rows_path = tuple(draw(st.lists(st.sampled_from(NAMES[:4]), max_size=2)))
    arguments: dict[str, Any] = {
        "rows_path": rows_path,
        "envelope": draw(st.sets(dotted, max_size=3)) if rows_path else set(),
        "fields": draw(st.sets(dotted, max_size=4)),
        "patterns": draw(st.sampled_from([(), (r"^\d{2}/\d{2}/\d{4}$",), (r"[ab]",)])),
    }
    try:
        return arguments, JsonAllowList(**arguments)
    except ValueError:
        assume(False)
        raise


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=4).map(tuple)


leaves = st.one_of(
    st.none(), st.booleans(), st.sampled_from(NUMBERS).map(Number), st.sampled_from(["", "x", 'é\n"', "127101"])
)
bodies = st.recursive(leaves, lambda v: objects(v) | st.lists(v, max_size=3), max_leaves=25)


def render(value: Any, blank: str) -> str:
    """JSON text; an object is a tuple of pairs, so that keys may repeat."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, tuple):
        return "{" + f",{blank}".join(f"{json.dumps(k)}:{blank}{render(v, blank)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + f"{blank},".join(render(v, blank) for v in value) + "]"
    return json.dumps(value)


def parse(text: bytes) -> Any:
    return json.loads(text, object_pairs_hook=tuple, parse_int=Number, parse_float=Number)


def keys_in(value: Any, path: tuple[str, ...] = (), depth: int = 0) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every key's path with its value, all of a repeated key; [] marks an array within an array."""
    if isinstance(value, tuple):
        for key, inner in value:
            yield (*path, key), inner
            yield from keys_in(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from keys_in(inner, (*path, "[]") if depth else path, depth + 1)


def leaves_in(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every scalar with its full way, array places included; the last of a repeated key."""
    if isinstance(value, tuple):
        for key, inner in dict(value).items():
            yield from leaves_in(inner, (*way, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves_in(inner, (*way, place))
    else:
        yield way, value


class Oracle:
    """Which key paths are allowed, told from the arguments alone."""

    def __init__(self, rows_path: tuple[str, ...], envelope: set[str], fields: set[str], patterns: tuple[str, ...]):
        self.rows, self.patterns = rows_path, patterns
        listed = [tuple(e.split(".")) for e in envelope] + [(*rows_path, *f.split(".")) for f in fields]
        self.scalars = {*listed, *((*rows_path, f) for f in fields), *((e,) for e in envelope)}
        self.objects = {path[:n] for path in [*listed, (*rows_path, "")] for n in range(len(path))}

    def scalar(self, path: tuple[str, ...]) -> bool:
        row_key = len(path) == len(self.rows) + 1 and path[:-1] == self.rows
        pattern = row_key and (
            ("ab" in "".join(self.patterns) and path[-1] in "ab")
            or ("d{2}" in "".join(self.patterns) and "/" in path[-1])
        )
        return path in self.scalars or (pattern and path not in self.objects)

    def listed_leaf(self, way: tuple[Any, ...]) -> bool:
        path = tuple(step for step in way if isinstance(step, str))
        arrays_in_arrays = any(isinstance(a, int) and isinstance(b, int) for a, b in pairwise(way))
        return self.scalar(path) and isinstance(way[-1], str) and not arrays_in_arrays


@settings(max_examples=400)
@given(allow_lists(), bodies, st.sampled_from(["", " ", "\n\t"]))
def test_nothing_unlisted_survives_and_nothing_listed_changes(
    listed: tuple[dict[str, Any], JsonAllowList], value: Any, blank: str
) -> None:
    arguments, rule = listed
    oracle = Oracle(**arguments)
    body = render(value, blank).encode()
    result = rule.cut(body)
    kept = parse(result.body)

    for path, inner in keys_in(kept):
        if oracle.scalar(path):
            assert not isinstance(inner, tuple | list) or not inner, path
        else:
            assert path in oracle.objects, path
    for way, leaf in leaves_in(kept):
        path = tuple(step for step in way if isinstance(step, str))
        assert oracle.scalar(path) or leaf in (None, True, False, ""), way

    before = {w: v for w, v in leaves_in(value) if w and oracle.listed_leaf(w)}
    after = {w: v for w, v in leaves_in(kept) if w and oracle.listed_leaf(w)}
    assert before == after
    assert {w: type(v) for w, v in before.items()} == {w: type(v) for w, v in after.items()}

    again = rule.cut(result.body)
    assert (again.body, again.unknown_fields) == (result.body, ())
    assert (result.body == body) or result.unknown_fields
    if not result.unknown_fields:
        assert result.body == body


@settings(max_examples=200)
@given(allow_lists(), st.lists(bodies, max_size=4))
def test_ndjson_is_cut_line_by_line(listed: tuple[dict[str, Any], JsonAllowList], values: list[Any]) -> None:
    _, rule = listed
    lines = [render(v, " ").encode() for v in values]
    result = rule.cut_ndjson(b"\n".join(lines))
    one_by_one = [rule.cut(line) for line in lines]
    assert result.body == b"\n".join(r.body for r in one_by_one)
    assert set(result.unknown_fields) == {name for r in one_by_one for name in r.unknown_fields}


PRICES = JsonAllowList(rows_path=("data",), envelope={"status", "meta.total"}, fields={"variant_id", "harga"})


def test_a_leaking_answer_keeps_its_prices_and_loses_the_enumerator() -> None:
    body = b'{"data": [{"variant_id": 1, "harga": 72193.440000000001, "petugas": {"nik": "1"}, "nip": 2}], "x": 1}'
    result = PRICES.cut(body)
    assert result.body == b'{"data":[{"variant_id":1,"harga":72193.440000000001}]}'
    assert result.unknown_fields == ("data.nip", "data.petugas", "x")


def test_content_below_a_declared_value_is_emptied_and_reported() -> None:
    result = PRICES.cut(b'{"data":[{"variant_id":{"nik":"1"},"harga":["a",{"b":1}]}],"status":{},"meta":"1271"}')
    assert json.loads(result.body) == {"data": [{"variant_id": {}, "harga": []}], "status": {}, "meta": None}
    assert result.unknown_fields == ("data.harga.*", "data.variant_id.*", "meta")


def test_a_repeated_key_hides_nothing() -> None:
    result = PRICES.cut(b'{"data":[{"harga":{"nik":"1271"},"harga":5}],"data":[]}')
    assert b"1271" not in result.body
    assert PRICES.cut(b'{"data":[{"harga":4,"harga":5}]}').body == b'{"data":[{"harga":4,"harga":5}]}'


def test_an_escaped_key_is_the_key_it_spells() -> None:
    assert PRICES.cut(rb'{"data":[{"n\u0069k":"1"}]}').body == b'{"data":[{}]}'
    same = rb'{"data":[{"h\u0061rga":"1"}]}'
    assert PRICES.cut(same).body == same


def test_rows_inside_an_unexpected_array_are_looked_at_too() -> None:
    rule = JsonAllowList(rows_path=("data", "rows"), fields={"a"}, patterns=[r"\d+"])
    assert rule.cut(b'{"data":[{"rows":[{"a":1,"12":2,"nik":3}]}]}').body == b'{"data":[{"rows":[{"a":1,"12":2}]}]}'
    assert rule.cut(b'[{"data":{"rows":{"nik":3}}}]').body == b'[{"data":{"rows":{}}}]'


def test_wide_grid_allows_date_columns_by_pattern() -> None:
    rule = JsonAllowList(rows_path=("data",), fields={"no", "name"}, patterns=[r"^\d{2}/\d{2}/\d{4}$"])
    body = b'{"data":[{"no":"I","name":"Beras","27/02/2023":"13,250"},{"no":1,"name":"x","28/02/2023":"-"}]}'
    assert rule.cut(body).body is body
    result = rule.cut(body.replace(b'"28/02/2023"', b'"28/02/2023 catatan"'))
    assert json.loads(result.body)["data"][1] == {"no": 1, "name": "x"}
    assert result.unknown_fields == ("data.##/##/#### catatan",)


def test_lines_are_held_to_patterns_below_the_top_too() -> None:
    rule = JsonAllowList(rows_path=("data",), patterns=[r"\d{4}"])
    assert rule.cut_ndjson(b'{"data":{"2024":1,"nik":2}}\n').body == b'{"data":{"2024":1}}\n'


def test_a_pattern_is_matched_against_the_whole_key() -> None:
    rule = JsonAllowList(fields={"a"}, patterns=[r"\d{4}"])
    assert (
        rule.cut(b'{"2024":1,"1271012345678901":2,"2024\\n":3,"\xd9\xa2\xd9\xa0\xd9\xa2\xd9\xa4":4}').body
        == b'{"2024":1}'
    )


def test_nested_bill_is_allowed_by_dotted_names() -> None:
    rule = JsonAllowList(
        rows_path=("data",),
        envelope={"status", "message"},
        fields={"nopol", "tagihan.rincian.pkb.pokok", "tagihan.rincian.is_opsen"},
    )
    body = (
        b'{"status":true,"message":"ok","data":{"nopol":"BK 1 A","tagihan":'
        b'{"rincian":[{"is_opsen":true,"pkb":{"pokok":"Rp 72.193,44"}}]}}}'
    )
    assert rule.cut(body) == type(rule.cut(body))(body, ())
    leaking = body.replace(b'"pkb":{', b'"pkb":{"pemilik":"x",')
    assert rule.cut(leaking) == type(rule.cut(body))(body, ("data.tagihan.rincian.pkb.pemilik",))


def test_a_wire_name_with_a_dot_in_it_can_be_allowed() -> None:
    rule = JsonAllowList(fields={"No. Polisi"})
    assert rule.cut(b'[{"No. Polisi":"BK 1 A","nik":1}]').body == b'[{"No. Polisi":"BK 1 A"}]'


def test_reported_names_never_carry_data() -> None:
    result = JsonAllowList(fields={"a"}).cut(b'[{"1271012345678901":1,"budi@example.invalid":2}]')
    assert result.unknown_fields == ("################", "budi?example?invalid")
    many = json.dumps({f"k{chr(97 + n % 26)}{chr(97 + n // 26)}": 1 for n in range(300)}).encode()
    assert len(JsonAllowList(fields={"a"}).cut(many).unknown_fields) == 50


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><html>NIK 1271</html>",
        b'{"data": [',
        b'{"data": []} x',
        b'{"data": [{"nik": NaN}]}',
        b'{"data": [{"harga": "\xff"}]}',
        b'{"data": [{"nik": "\xff"}]}',
        b'{"data": [{"nik": "\\ud800"}]}',
        b'{"nik":' + b"[" * 3000 + b"]" * 3000 + b"}",
        '{"data": []}'.encode("utf-16"),
    ],
)
def test_what_is_not_json_is_refused_without_quoting_it(body: bytes) -> None:
    with pytest.raises(NotJson) as refused:
        PRICES.cut(body)
    assert "1271" not in str(refused.value)
    assert isinstance(refused.value, ValueError)


def test_a_broken_line_is_named_by_its_number() -> None:
    with pytest.raises(NotJson, match="line 2"):
        JsonAllowList(fields={"a"}).cut_ndjson(b'{"a":1}\n{"a":')
    with pytest.raises(NotJson, match="line 1"):
        JsonAllowList(fields={"a"}).cut_ndjson(b'{"a":1} {"a":2}\n')


def test_ndjson_keeps_the_bytes_of_clean_lines_and_an_empty_log() -> None:
    rule = JsonAllowList(fields={"t", "id"})
    assert rule.cut_ndjson(b"").body == b""
    clean = b'{"t": "2026-11-20T00:00:00Z", "id": 1}\r\n\n{"t" :null}\n'
    assert rule.cut_ndjson(clean).body == clean
    mixed = rule.cut_ndjson(clean + b'{"id":2, "ip":"10.0.0.1"}\n')
    assert mixed.body == clean + b'{"id":2}\n'
    assert mixed.unknown_fields == ("ip",)


def test_a_byte_order_mark_is_left_out_and_everything_else_stays() -> None:
    assert PRICES.cut(b'\xef\xbb\xbf{"data": []}').body == b'{"data": []}'


def test_an_ambiguous_list_is_an_error() -> None:
    with pytest.raises(ValueError, match="tagihan"):
        JsonAllowList(fields={"tagihan", "tagihan.total"})
    with pytest.raises(ValueError, match="envelope"):
        JsonAllowList(envelope={"status"}, fields={"a"})


def test_the_fingerprint_names_the_list_whatever_its_order() -> None:
    one = JsonAllowList(rows_path=("data",), fields=["b", "a"])
    assert one.fingerprint == JsonAllowList(rows_path=("data",), fields=["a", "b"]).fingerprint
    assert one.fingerprint != JsonAllowList(rows_path=("data",), fields=["a"]).fingerprint
    assert RULE_VERSION >= 1


def test_a_body_is_plain_only_with_every_key_in_every_row_and_no_other() -> None:
    allowed = JsonAllowList(rows_path=("data",), envelope=["status"], fields=["a", "b"])
    for body, plain in [
        ('{"status": "ok", "data": [{"a": 1, "b": "x"}, {"b": null, "a": ""}]}', True),
        ('{"data": []}', True),
        ('{"data": [{"a": 1}]}', False),
        ('{"data": [{"a": 1, "b": 2, "c": 3}]}', False),
        ('{"data": [{"a": 1.5, "b": 2}]}', False),
        ('{"data": [{"a": true, "b": 2}]}', False),
        ('{"data": [{"a": 9223372036854775808, "b": 2}]}', False),
        ('{"data": [{"a": {}, "b": 2}]}', False),
        ('{"data": {"a": 1, "b": 2}}', False),
        ('{"data": [], "lain": 1}', False),
        ('{"data": [', False),
    ]:
        assert allowed.is_plain(body.encode()) is plain, body
        if plain:
            assert allowed.cut(body.encode()) == CutResult(body.encode(), (), plain=True)
