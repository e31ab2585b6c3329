"""params.yaml is read as DVC reads it, or refused: the oracle is the parser that DVC uses."""

import math

import pytest
from ruamel.yaml import YAML, YAMLError

from pipeline.config.yaml_file import read_yaml

READ = """
1 -1 +1 0 -0 32 1.0 1. .5 -.5 +.5e-3 5e-05 1e-5 1E-5 1e5 1.e-3 1.0e-5 1.5e+3 12e03 0.0 01.5 00.5 0e0
true True TRUE false False FALSE null Null NULL ~ 1e 1e-x e5 1.2.3 a1 pcgrad tRUE nULL yEs y n 0X10 1-2 -- - x:y 0xg .e5
'010' "1e-5" "yes" 'true' "null" ''
""".split()
REFUSED = """
010 -010 +07 08 00 0x10 0o10 0o7 0b1 0b11 1_000 _1 1__0 1:30 190:20:30.15 1_0.5 1_0e5 ._5 .5e3 .5E10
yes Yes YES no NO on On off OFF .inf -.Inf .NaN 2020-01-01 2020-1-1 =
""".split()


@pytest.fixture
def read(tmp_path):
    def read(text):
        (tmp_path / "file.yaml").write_text(text)
        return read_yaml(tmp_path / "file.yaml")

    return read


def is_same(one, other):
    return type(one) is type(other) and (one == other or (one != one and other != other))


@pytest.mark.parametrize("scalar", READ)
def test_a_scalar_has_the_value_that_dvc_gives_it(read, scalar):
    for text in (f"key: {scalar}\n", f"key: [{scalar}]\n"):
        if scalar != "-" and (scalar != "x:y" or "[" not in text):  # no items of a flow list
            assert is_same(str(read(text)), str(YAML(typ="safe").load(text))), text


@pytest.mark.parametrize("scalar", REFUSED)
def test_a_scalar_that_is_read_in_two_ways_is_refused_with_line_and_key(read, scalar):
    with pytest.raises(ValueError, match=r"file.yaml: line 2: a.key: ") as error:
        read(f"a:\n  key: {scalar}\n")
    assert scalar in str(error.value)
    assert ("true or false" in str(error.value)) == (scalar.isalpha())
    assert read(f"key: '{scalar}'\n") == {"key": scalar}


@pytest.mark.parametrize("text", ["[x:y]", "{b: [1, https://a/b]}", "{x:y: 1}", "[{b: 'c:d', e: a:b}]"])
def test_a_colon_in_a_plain_text_of_a_flow_collection_is_refused_as_by_dvc(read, text):
    with pytest.raises(YAMLError):
        YAML(typ="safe").load(f"a: {text}\n")
    with pytest.raises(ValueError, match=r"file.yaml: line 1: a.*: text with a colon has to be in quotes"):
        read(f"a: {text}\n")
    assert read("a: ['x:y', {b: \"c:d\"}]\nb:\n- https://a/b\n") == {"a": ["x:y", {"b": "c:d"}], "b": ["https://a/b"]}


ALPHABET = "019_.:eExo+-"


def test_no_short_scalar_is_read_otherwise(read):
    """Every scalar of up to three characters of an alphabet of numbers: the value that DVC reads, or refused."""
    ruamel, letters = YAML(typ="safe"), ["", *ALPHABET]
    texts = {a + b + c for a in ALPHABET for b in letters for c in letters}
    for text in sorted(texts):
        line = f"key: {text}\n"
        try:
            found = read(line)
        except ValueError:
            continue
        expected = ruamel.load(line)
        assert is_same(found["key"], expected["key"]), text


def test_numbers_are_floats(read):
    assert read("[5e-05, 1e-5, 1.e-3]") == [5e-05, 1e-5, 1e-3]
    assert all(isinstance(number, float) and math.isfinite(number) for number in read("[5e-05, 1e5, 1.e-3]"))


def test_a_key_written_twice_is_named_with_both_lines(read):
    with pytest.raises(ValueError) as error:
        read("a:\n  b: 1\n  c: 2\n  b: 3\nd: 1\nd: 1\n")
    assert str(error.value).splitlines()[0].endswith("line 4: a.b: is there twice, first in line 2")
    assert str(error.value).splitlines()[1].endswith("line 6: d: is there twice, first in line 5")


def test_merge_keys_work_and_may_be_overridden(read):
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n"
    assert read(text) == YAML(typ="safe").load(text) == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}}


@pytest.mark.parametrize("text", ["a: !!int '010'", "a: !!str 5", "a: !!float 1", "a: !other x"])
def test_a_tag_is_refused(read, text):
    with pytest.raises(ValueError, match=r"line 1: a: .* without a tag"):
        read(text)


def test_an_empty_file_and_a_list_that_holds_itself(read):
    assert read("") is None
    found = read("&a [*a, 1]")
    assert found[0] is found


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "1_0" * 3000, "1:" * 3000 + "1"])
def test_a_number_of_thousands_of_digits_is_refused_and_with_a_letter_it_is_text(read, number):
    with pytest.raises(ValueError, match="line 1: a: "):
        read(f"a: {number}")
    assert read(f"a: {number}x") == {"a": f"{number}x"}


def nest(kind: str, depth: int) -> str:
    """A list whose items double with every level, or a mapping that merges the one before it twice."""
    first, item = ("[a, a]", "[*x{0}, *x{0}]") if kind == "list" else ("{a: 1}", "{{<<: [*x{0}, *x{0}]}}")
    return f"x0: &x0 {first}\n" + "".join(f"x{n}: &x{n} {item.format(n - 1)}\n" for n in range(1, depth))


@pytest.mark.parametrize("kind", ["list", "mapping"])
def test_aliases_that_double_are_refused_before_they_are_followed(read, kind):
    assert len(read(nest(kind, 8))) == 8
    with pytest.raises(ValueError, match=r"file.yaml: .* more than 100000 values"):
        read(nest(kind, 60))


@pytest.mark.parametrize("number", ["9007199254740993", "-9007199254740993", "1e999", "-1e999"])
def test_a_number_that_json_does_not_hold_is_refused(read, number):
    with pytest.raises(ValueError, match=r"file.yaml: line 1: a: .* is too large; allowed: "):
        read(f"a: {number}")
    assert read("a: [9007199254740992, 1.7e308]") == {"a": [2**53, 1.7e308]}


def test_half_of_a_surrogate_pair_which_no_file_can_hold_is_refused(read):
    with pytest.raises(ValueError, match="file.yaml: line 1: a: .* no text"):
        read(r'a: "\ud83d"')
    assert read("a: \U0001f3ac") == {"a": "\U0001f3ac"}
