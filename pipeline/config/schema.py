"""What params.yaml may say: every key, its type, its unit and its bounds."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

# A name stands in file names and in the names of DVC's stages, where `-` separates the parts.
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$", max_length=100)]
Rows = Annotated[str, Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*(_\*)?$")]
Count = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


Rate = Annotated[float, Field(gt=0, lt=1)]
Weight = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Score = Annotated[float, Field(ge=-1, le=1)]


def _check_choice(choice: Any) -> Any:
    name, options = next(iter(choice.items())) if isinstance(choice, dict) and len(choice) == 1 else (choice, {})
    if not isinstance(name, str) or not isinstance(options, dict):
        raise ValueError(f"{choice!r} is no choice; allowed: NAME or {{NAME: {{option: value}}}}")
    return choice


# A file of a registry in model/ or pipeline/training/ by its name, or {name: {option: value}}.
Choice = Annotated[str | dict[str, dict[str, Any]], BeforeValidator(_check_choice)]


class Section(BaseModel):
    """A mapping that refuses keys which it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, section: Any) -> Any:
        """As `extra` does, but saying what is allowed."""
        unknown = [key for key in section if key not in cls.model_fields] if isinstance(section, dict) else []
        if unknown:
            raise ValueError(f"unknown key {', '.join(map(repr, unknown))}; allowed: {', '.join(cls.model_fields)}")
        return section


class Train(Section):
    batch_size: Count  # examples of each task per step
    learning_rate: Rate  # per step, the encoder fine-tuned
    frozen_learning_rate: Rate  # per step, the encoder frozen
    precision: Literal["fp32", "bf16"]  # of the encoder's layers
    adamw_form: Literal["course", "torch"]
    beta1: Fraction
    beta2: Fraction
    eps: Rate
    weight_decay: Decay
    pooling: Choice
    head_width: Count | None  # units; null: the encoder's hidden size
    head_dropout: Fraction
    encoder_dropout: Fraction
    keep: Literal["best", "best_on_dev", "last"]
    selection_fraction: Annotated[float, Field(gt=0, lt=0.5)] = 0.05  # of the training examples, to choose an epoch by
    learning_rate_schedule: Choice = "constant"
    rates: Choice = "uniform"
    decay_all: bool = True  # false: biases and weights of LayerNorm do not decay
    clip_norm: Weight | None = None  # of the gradient of all that a step trains; null: as long as it is
    accumulate: Count = 1  # parts that a step's batches are computed in
    world_size: Count = 1  # processes that share a training
    average: Choice | None = None  # of the weights
    patience: Count | None = None  # epochs without a better score that end a leg
    mixing: Choice = "repeat"
    mixout: Fraction = 0.0  # probability of a weight of the encoder's linear layers to be the published one in a step
    regulariser: Choice | None = None
    augmentation: Choice | None = None
    log_every: Count  # steps
    evaluation_tokens: Count  # tokens


# What a profile, a part-1 task or mode, a recipe or a row may say of `train`: any of its keys, null only where Train
# allows it. The default None stands for a key that is not there.
TrainOverride = create_model(
    "TrainOverride",
    __base__=Section,
    **{name: (field.rebuild_annotation(), None) for name, field in Train.model_fields.items()},
)


class Sizes(Section):
    train: Count  # examples
    dev: Count
    test: Count


class Subset(Section):
    """A task's training examples by a committed list (pipeline/data/subset.py), from whichever file can be had."""

    ids: str  # path of the list, from the project's root
    files: Annotated[list[str], Field(min_length=1)]  # assets, of which one is read


class Data(Section):
    corpus: Literal["sample", "course"]
    max_length: Annotated[int, Field(ge=3, le=512)]  # word pieces, [CLS] and [SEP] among them
    sizes: dict[Name, Sizes] = {}  # with corpus sample: the tasks whose files the generator writes
    subsets: dict[Name, Subset] = {}  # by task: the training examples, where they are not all of its file


class Profile(Section):
    note: str = ""
    caveat: str = ""  # stands under every table of this profile
    tasks: Annotated[list[Name], Field(min_length=1)]  # those it has data of
    data: Data
    encoder: Name
    max_train: dict[Name, Count] = {}  # examples
    part1_epochs: Count
    curve_examples: Count  # examples per task and split
    floors: dict[Name, dict[Name, Score]] = {}  # row -> task -> the lowest mean score that `make check` lets pass
    may_collapse: dict[Name, list[Name]] = {}  # row -> tasks: the only cells whose collapse `make check` lets pass
    num_seeds: dict[Rows, Count] = {}  # row, or `beginning_*` -> it runs with the first so many of `seeds` only
    seed_sd: dict[Name, Rate] = {}  # by task: where this profile's seeds move a score otherwise than gate.seed_sd says
    train: TrainOverride = TrainOverride()


class AssetRow(Section):
    sources: list[str]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    git_blob: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    size: Count | None = None  # bytes

    @model_validator(mode="after")
    def _one_pin(self) -> "AssetRow":
        if (self.sha256 is None) == (self.git_blob is None):
            raise ValueError("exactly one of sha256 and git_blob pins an asset")
        return self


class Adapt(Section):
    """Masked language modelling on the sentences of the profile's training sets (pipeline/training/pretraining.py)."""

    tasks: Annotated[list[Name], Field(min_length=1)]  # whose training sets
    epochs: Count
    batch_size: Count  # sentences
    learning_rate: Rate
    learning_rate_schedule: Choice = "constant"
    masked_fraction: Rate = 0.15  # of the word pieces (Devlin et al. 2019)


class EncoderRow(Section):
    """An encoder; what its own published files say (config.json, tokenizer_config.json, 1_Pooling) may be left out.

    One that is `adapted_from` another is that one further pre-trained; it has no files and no shape of its own.
    """

    first_layers_of: Name | None = None  # whose files these are, the first num_layers layers of them; null: its own
    hidden_size: Count | None = None
    num_layers: Count | None = None
    num_heads: Count | None = None
    intermediate_size: Count | None = None
    vocab_size: Count = 30522
    max_positions: Count = 512
    layer_norm_eps: Rate = 1e-12
    activation: str = "gelu"
    cased: bool = False  # whether its vocabulary knows upper case
    pooling: Name | None = None  # what it was trained with: what `pooling: own` stands for
    caveat: str = ""  # stands under every table that shows this encoder
    adapted_from: Name | None = None  # a published encoder; null: it is one itself
    adapt: Adapt | None = None  # how it is further pre-trained

    @model_validator(mode="after")
    def _what_goes_together(self) -> "EncoderRow":
        if self.first_layers_of and not self.num_layers:
            raise ValueError("num_layers: missing; with first_layers_of it says how many layers are kept")
        if (self.adapted_from is None) != (self.adapt is None):
            raise ValueError("adapted_from and adapt: allowed: both, from which encoder and how, or neither")
        return self


class Files(Section):
    train: str
    dev: str
    test: str


class Task(Section):
    files: Files
    sentences: Annotated[list[str], Field(min_length=1, max_length=2)]  # columns
    label: str  # column
    num_classes: Annotated[int, Field(ge=2)] | None = None
    label_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    cleaning: str
    head: Choice
    metric: Name

    @model_validator(mode="after")
    def _one_kind_of_label(self) -> "Task":
        if (self.num_classes is None) == (self.label_range is None):
            raise ValueError("exactly one of num_classes and label_range describes a label")
        if self.label_range is not None and not self.label_range[0] < self.label_range[1]:
            raise ValueError(f"label_range is {self.label_range}; allowed: two numbers, the smaller one first")
        return self


Paper = dict[Name, float]


class Part1Task(Section):
    train: TrainOverride = TrainOverride()


class Part1Mode(Section):
    encoder: Literal["frozen", "finetuned"]
    paper: Paper = {}
    train: TrainOverride = TrainOverride()


class Part1(Section):
    tasks: dict[Name, Part1Task]
    modes: dict[Name, Part1Mode]


class Leg(Section):
    """One stretch of training: these tasks together, for so many epochs."""

    tasks: Annotated[list[Name], Field(min_length=1)]
    epochs: Count
    encoder: Literal["frozen", "finetuned"] = "finetuned"
    combine: Choice = "sum"
    loss_weights: dict[Name, Weight] = {}  # by task: a factor of its loss; 1 where it is not named


class Recipe(Section):
    note: str = ""
    heads: dict[Name, Choice] = {}  # task -> kind of head, where it is not the task's own
    schedule: Annotated[list[Leg], Field(min_length=1)]
    encoder: Name | None = None  # null: the profile's
    train: TrainOverride = TrainOverride()


class Iteration(Recipe):
    """A row of table 2: it trains what its schedule says, or it averages what other rows have trained."""

    schedule: list[Leg] = []  # []: nothing is trained
    control: Name | None = None
    start: Name = "encoder"
    pseudo_labels: dict[Name, dict[str, Any]] = {}  # task -> options (pipeline/training/pseudo_labels.py)
    tasks: Annotated[list[Name], Field(min_length=1)] | None = None  # evaluated; null: those of the schedule
    paper: Paper = {}
    average: Literal["outputs", "weights"] | None = None  # of the rows in `of`, in the place of a training
    of: Annotated[list[Name], Field(min_length=1)] | None = None
    over: Literal["seeds"] | None = None  # all seeds of these rows together; null: each seed by itself

    @model_validator(mode="after")
    def _trains_or_averages(self) -> "Iteration":
        if self.average:
            if others := sorted(self.model_fields_set - AVERAGE_KEYS):
                allowed = ", ".join(sorted(AVERAGE_KEYS))
                raise ValueError(f"an average trains nothing, so it has no {', '.join(others)}; allowed: {allowed}")
            if not self.of:
                raise ValueError("an average says of which rows: `of: [...]`")
        elif self.of or self.over:
            raise ValueError("`of` and `over` are an average's: `average: outputs` or `average: weights`")
        elif "schedule" not in self.model_fields_set:
            raise ValueError("schedule: missing")
        elif not self.schedule and not self.tasks:
            raise ValueError("a row whose schedule is empty says which tasks it evaluates: `tasks: [...]`")
        return self


AVERAGE_KEYS = {"note", "control", "paper", "average", "of", "over"}


class Figures(Section):
    phase1: Name | None
    phase2: Name | None


class Gate(Section):
    """The regression gate (pipeline/gate/), in units of a task's metric."""

    margins: dict[Name, Rate] = {}  # by task: a smaller drop is acceptable
    default_margin: Rate = 0.02  # of a task that is not named
    seed_sd: dict[Name, Rate] = {}  # by task: the standard deviation between seeds, expected before any is seen
    default_seed_sd: Rate = 0.007


class Params(Section):
    profile: Name
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    rows: Annotated[list[Name], Field(min_length=1)]  # of `iterations`, those that run, in the tables' order
    averages: list[Name] = []  # of `iterations`, those that average rows; they come after the rows
    profiles: dict[Name, Profile]
    assets: dict[str, AssetRow]
    encoders: dict[Name, EncoderRow]
    tasks: dict[Name, Task]
    train: Train
    part1: Part1
    phase1: dict[Name, Recipe]
    iterations: Annotated[dict[Name, Iteration], Field(min_length=1)]
    figures: Figures
    gate: Gate = Gate()
