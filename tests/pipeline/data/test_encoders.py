"""What an encoder's own files say of it, against what its row says."""

import pytest

from pipeline.config.schema import EncoderRow
from pipeline.data.encoders import make_encoder_config, read_encoder
from pipeline.files.atomic import write_json

SHAPE = {"hidden_size": 8, "num_layers": 1, "num_heads": 2, "intermediate_size": 16}
ROW = EncoderRow(**SHAPE)


@pytest.fixture
def folder(tmp_path):
    write_json(tmp_path / "config.json", make_encoder_config(ROW))
    return tmp_path


def test_a_row_says_what_no_file_says(folder):
    facts = read_encoder("mine", EncoderRow(**SHAPE, cased=True, pooling="cls"), folder)
    assert (facts.hidden_size, facts.max_positions, facts.lowercase, facts.pooling) == (8, 512, False, "cls")
    facts = read_encoder("mine", ROW, folder)
    assert (facts.lowercase, facts.pooling) == (True, None)


def test_the_files_say_it_where_they_are_there(folder):
    write_json(folder / "tokenizer_config.json", {"do_lower_case": False})
    pooling = {"word_embedding_dimension": 8, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    write_json(folder / "1_Pooling" / "config.json", pooling)
    facts = read_encoder("mine", EncoderRow(), folder)
    assert (facts.hidden_size, facts.lowercase, facts.pooling) == (8, False, "mean")
    read_encoder("mine", EncoderRow(cased=True, pooling="mean", **SHAPE), folder)  # what agrees may be repeated


def test_a_row_that_says_otherwise_is_refused_with_both(folder):
    write_json(folder / "tokenizer_config.json", {"do_lower_case": True})
    with pytest.raises(ValueError) as error:
        read_encoder("mine", EncoderRow(**SHAPE | {"hidden_size": 6}, cased=True), folder)
    shape, cased = str(error.value).splitlines()
    assert [part for part in ("encoders.mine.hidden_size: 6", "config.json", "8") if part not in shape] == []
    assert [part for part in ("encoders.mine.cased: True", "do_lower_case") if part not in cased] == []


@pytest.mark.parametrize("modes", [{}, {"max_tokens": True}, {"cls_token": True, "mean_tokens": True}])
def test_a_pooling_that_is_not_here_is_refused(folder, modes):
    write_json(folder / "1_Pooling" / "config.json", {f"pooling_mode_{name}": value for name, value in modes.items()})
    with pytest.raises(ValueError, match="1_Pooling/config.json: it pools by .*allowed: one of pooling_mode_cls_token"):
        read_encoder("mine", ROW, folder)


def test_a_config_without_a_shape_is_refused(folder):
    write_json(folder / "config.json", {"hidden_size": 8})
    with pytest.raises(ValueError, match="config.json: no whole number max_position_embeddings"):
        read_encoder("mine", EncoderRow(), folder)
