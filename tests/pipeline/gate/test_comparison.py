"""What a comparison takes from params.yaml."""

from pipeline.config.params import load_params
from pipeline.gate.comparison import expectations
from tests.tiny import REPOSITORY


def test_every_task_has_a_margin_and_an_expected_seed_deviation():
    gate = load_params(REPOSITORY / "params.yaml").gate
    margins, seed_sd = expectations(gate, ["sst", "para", "sts", "cfimdb", "new"])
    assert margins == {"sst": 0.02, "para": 0.005, "sts": 0.015, "cfimdb": 0.02, "new": gate.default_margin}
    assert seed_sd["para"] == gate.seed_sd["para"] and seed_sd["new"] == gate.default_seed_sd
