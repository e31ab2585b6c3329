"""The sample corpus's film reviews, from our own templates: sentences of five grades and longer reviews of two classes.

Negation, degree and contrast decide the grade, so that a bag of words is not enough.
"""

from random import Random

# Adjectives by strength, from -2 to 2; what is said of a film in one word.
ADJECTIVES = {
    2: "superb brilliant dazzling magnificent stunning triumphant".split(),
    1: "pleasant decent amusing solid charming nice".split(),
    -1: "uneven slow thin predictable flat clumsy".split(),
    -2: "dreadful unbearable insulting disastrous lifeless horrible".split(),
}
# How much a degree word changes an adjective's strength; a negation turns it round and weakens it.
DEGREES = {"": 1.0, "utterly": 1.4, "truly": 1.3, "rather": 0.8, "mildly": 0.4, "a bit": 0.4}
NEGATIONS = ["not", "never", "hardly", "anything but", "far from"]
NEGATION_FACTOR = -0.6

ASPECTS = (
    "the plot,the script,the dialogue,the camera work,the score,the lead performance,the supporting cast,the ending,"
    "the pacing,the editing,the humor,the romance,the direction,the opening hour,the final act,the production design"
).split(",")
GENRES = "thriller drama comedy western musical documentary mystery fable romance satire".split()
PEOPLE = (
    "a retired sailor,an older sister,a young teacher,a village doctor,a lonely pianist,an old thief,a border guard,"
    "a failed boxer,a night nurse,an honest clerk,a stubborn farmer,a traveling salesman"
).split(",")
DEEDS = (
    "returns to a small harbor town,inherits a ruined hotel,searches for a missing brother,crosses a desert on foot,"
    "plans one last robbery,falls in love on a train,hides a stranger in the cellar,loses everything in one night,"
    "learns to live with the past,finds a box of old letters,takes a job at a lighthouse,joins a circus for a summer"
).split(",")
TAILS = ["", "from the first scene to the last", "in this {genre}"]

# Clauses joined so that one of the two decides: the template, and the weights of its two opinions.
CONTRASTS = [
    ("{first} , but {second}", 0.2, 0.9),
    ("{first} , yet in the end {second}", 0.2, 0.9),
    ("although {first} , {second}", 0.2, 0.9),
    ("{first} , even if {second}", 0.9, 0.2),
    ("{first} , though some will say that {second}", 0.9, 0.1),
    ("{first} and {second}", 0.6, 0.6),
]
# Grades 0 to 4 begin at these scores, and come with these shares.
GRADE_LIMITS = (-1.3, -0.45, 0.45, 1.3)
GRADE_SHARES = (0.15, 0.26, 0.19, 0.25, 0.15)
SENTENCE_NOISE = 0.10
REVIEW_NOISE = 0.09

OPENINGS = [
    "{person} {deed} , and {person2} {deed2} : that is the whole story of this {genre} .",
    "the film begins when {person} {deed} .",
    "in this {genre} , {person} {deed} while {person2} {deed2} .",
    "i saw this {genre} last week on a rainy evening with some friends .",
]
# What a reviewer concludes, without the adjectives above.
VERDICTS = {
    1: [
        "i would gladly watch it again tomorrow .",
        "do yourself a favor and go see it .",
        "by the end nobody in the room wanted to leave .",
        "it stayed with me for days , and i mean that as praise .",
        "i bought a ticket for my mother the next morning .",
    ],
    -1: [
        "i want those two hours back .",
        "do yourself a favor and stay at home .",
        "by the end half of the room had left .",
        "it stayed with me for days , and i do not mean that as praise .",
        "i would not send my worst enemy to see it .",
    ],
}
OTHERS_VERDICTS = {
    1: ["my friends loved it .", "the critics could not praise it enough .", "my neighbor says he cried with joy ."],
    -1: ["my friends hated it .", "the critics tore it to pieces .", "my neighbor fell asleep after ten minutes ."],
}


def write_sentence(rng: Random) -> tuple[tuple[str, ...], float]:
    """A sentence of some 8 to 14 words and its grade, 0 (worst) to 4; about a tenth of the grades are noise."""
    wanted = rng.choices(range(5), GRADE_SHARES)[0]
    grade = None
    while grade != wanted:
        text, score = _graded_sentence(rng)
        grade = sum(score >= limit for limit in GRADE_LIMITS)
    if rng.random() < SENTENCE_NOISE:
        neighbors = [grade - 1, grade + 1] if rng.random() < 0.7 else [0, 1, 2, 3, 4]
        grade = rng.choice([other for other in neighbors if 0 <= other <= 4 and other != grade])
    return (text,), float(grade)


def write_review(rng: Random) -> tuple[tuple[str, ...], float]:
    """A review of some 40 to 80 words and its class, 0 or 1; most of its opinions go the same way, not all."""
    sign = rng.choice([-1, 1])
    opinions = []
    for _ in range(4):
        leaning = sign if rng.random() < 0.72 else -sign
        clause, score = _opinion(rng)
        while score * leaning < 0.3:
            clause, score = _opinion(rng)
        opinions.append(f"{clause} .")
    others = [rng.choice(OTHERS_VERDICTS[rng.choice([-1, 1])])] if rng.random() < 0.5 else []
    verdict = rng.choice(VERDICTS[sign])
    body = [*opinions, *others]
    rng.shuffle(body)
    # A verdict at the end only would be found by its place.
    body.insert(rng.choice([0, len(body)]), verdict)
    text = " ".join([_fill(rng, rng.choice(OPENINGS)), *body])
    label = (sign + 1) // 2
    return (text,), float(1 - label if rng.random() < REVIEW_NOISE else label)


def _graded_sentence(rng: Random) -> tuple[str, float]:
    kind = rng.random()
    if kind < 0.1:
        return _fill(rng, "{person} {deed} and {person2} {deed2} ."), 0.0
    if kind < 0.25:
        hoped, found = rng.choice(list(ADJECTIVES)), rng.choice(list(ADJECTIVES))
        first, second = (_with_article(rng.choice(ADJECTIVES[strength])) for strength in (hoped, found))
        return f"i expected {first} {rng.choice(GENRES)} and got {second} one .", float(found)
    if kind < 0.75:
        clause, score = _opinion(rng)
        return f"{clause} {_fill(rng, rng.choice(TAILS))}".strip() + " .", score
    first, second = _opinion(rng), _opinion(rng)
    template, first_weight, second_weight = rng.choice(CONTRASTS)
    text = template.format(first=first[0], second=second[0])
    return f"{text} .", first[1] * first_weight + second[1] * second_weight


def _opinion(rng: Random) -> tuple[str, float]:
    strength = rng.choice(list(ADJECTIVES))
    adjective = rng.choice(ADJECTIVES[strength])
    if rng.random() < 0.22:
        return f"{rng.choice(ASPECTS)} is {rng.choice(NEGATIONS)} {adjective}", strength * NEGATION_FACTOR
    degree = rng.choice(list(DEGREES))
    return " ".join(f"{rng.choice(ASPECTS)} is {degree} {adjective}".split()), strength * DEGREES[degree]


def _with_article(adjective: str) -> str:
    return f"{'an' if adjective[0] in 'aeiou' else 'a'} {adjective}"


def _fill(rng: Random, template: str) -> str:
    person, person2 = rng.sample(PEOPLE, 2)
    deed, deed2 = rng.sample(DEEDS, 2)
    return template.format(person=person, person2=person2, deed=deed, deed2=deed2, genre=rng.choice(GENRES))
