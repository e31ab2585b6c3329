"""The sample corpus's sentence pairs, from our own templates: question paraphrases, and scenes edited step by step."""

from random import Random

# What one can do, by kind; two things of one kind are alike.
ACTIVITIES = {
    "learn": "chess,spanish,algebra,the guitar,the piano,drawing,sewing,swimming".split(","),
    "visit": "lisbon,toronto,nairobi,kyoto,dublin,warsaw,cairo,oslo".split(","),
    "repair": "a laptop,a phone,a printer,a camera,a bicycle,a radio,a boat,a piano".split(","),
    "cook": "rice,lentils,salmon,pancakes,mushrooms,dumplings,soup,eggs".split(","),
    "raise": "a horse,a goat,a parrot,a rabbit,a turtle,a duck,a cat,a donkey".split(","),
}
# What is asked of it. Wordings of one row mean the same.
QUESTIONS = [
    ["how do i {do}", "what is the best way to {do}", "what are the steps to {do}"],
    ["how much does it cost to {do}", "what is the price to {do}", "is it expensive to {do}"],
    ["why should i {do}", "what are the benefits if i {do}", "is it worth it to {do}"],
    ["when should i {do}", "which month is best to {do}", "is there a right time to {do}"],
    ["is it dangerous to {do}", "what are the risks if i {do}", "can i get hurt if i {do}"],
]
# One question is asked again and again. In this share of pairs the first is it; then duplicates have it twice, most
# others once. So either question alone says nothing and both say much, even as two vectors side by side.
POPULAR = QUESTIONS[0]
POPULAR_SHARE = 0.85
# Wordings of one circumstance; the empty one stands for none.
CIRCUMSTANCES = [[""], ["these days", "nowadays"], ["in general", "as a rule"], ["in the winter", "in the cold months"]]
DUPLICATE_SHARE = 0.36
# Of pairs that do not ask the same: those that ask the same of another thing of the kind.
OTHER_THING_SHARE = 0.12
QUESTION_NOISE = 0.08

# Scenes. Each group holds wordings of one meaning. Few of each, so that some hundred pairs show all of them.
SUBJECTS = [
    ["man", "guy"], ["woman", "lady"], ["child", "kid"], ["doctor", "physician"], ["singer", "vocalist"],
    ["teacher", "tutor"],
]  # fmt: skip
LOOKS = [["old", "elderly"], ["tired", "exhausted"], ["happy", "cheerful"], ["rich", "wealthy"]]
PLACES = [
    ["in the kitchen"], ["near the river", "by the river"], ["in the street", "on the road"],
    ["in the forest", "in the woods"], ["on the beach", "at the seaside"],
]  # fmt: skip
# What can be done with the same objects: two verbs, each with its wordings.
ACTIONS = [
    ([["slicing", "cutting up"], ["washing", "rinsing"]], ["a tomato", "an onion", "some bread"]),
    ([["playing", "performing on"], ["repairing", "fixing"]], ["a guitar", "a piano", "a flute"]),
    ([["carrying", "transporting"], ["painting", "coloring"]], ["a chair", "a table", "a box"]),
    ([["throwing", "tossing"], ["looking for", "searching for"]], ["a ball", "a hat", "a shoe"]),
    ([["feeding", "giving food to"], ["brushing", "grooming"]], ["a horse", "a dog", "a cat"]),
]
# What an edit of the second sentence costs on the scale of 5.
COSTS = {"drop_look": 0.6, "look": 1.0, "place": 1.2, "subject": 1.5, "object": 1.5, "verb": 1.5, "negate": 1.6}
SCORE_STEP = 0.2
# Times the spread of a sum of three uniforms, .5, this gives a standard deviation of .4.
SCORE_JITTER = 0.8


def write_question_pair(rng: Random) -> tuple[tuple[str, ...], float]:
    """Two questions and whether they ask the same (1) or not (0); those that do not are near misses.

    Most of these ask something else of the same thing, some the same of another thing.
    """
    kind = rng.choice(list(ACTIVITIES))
    question = POPULAR if rng.random() < POPULAR_SHARE else rng.choice(QUESTIONS[1:])
    wordings, (thing, other_thing) = rng.sample(question, 2), rng.sample(ACTIVITIES[kind], 2)
    duplicate = rng.random() < DUPLICATE_SHARE
    if duplicate:
        other_thing = thing
    elif rng.random() < OTHER_THING_SHARE:
        # The wording may stay, so that a near miss is no further in words than a paraphrase.
        wordings[1] = rng.choice(wordings)
    else:
        other = rng.choice([row for row in QUESTIONS[1:] if row is not question])
        other_thing, wordings[1] = thing, rng.choice(other)
    rng.shuffle(wordings)
    circumstance, things = rng.choice(CIRCUMSTANCES), (thing, other_thing)
    first, second = (
        _ask(rng, wording, f"{kind} {each}", circumstance) for wording, each in zip(wordings, things, strict=True)
    )
    return (first, second), float(duplicate != (rng.random() < QUESTION_NOISE))


def write_scene_pair(rng: Random) -> tuple[tuple[str, ...], float]:
    """Two sentences and how alike they are, 0 to 5 in steps of .2, by what was changed from the one to the other."""
    first = _draw_scene(rng)
    if rng.random() < 0.12:
        second, cost = _draw_scene(rng), 4.6
    else:
        second, cost = dict(first), 0.0
        for edit in rng.sample(sorted(COSTS), rng.choice([0, 1, 1, 2, 2, 3, 4])):
            cost += _edit(rng, second, edit)
    jitter = (rng.random() + rng.random() + rng.random() - 1.5) * SCORE_JITTER
    score = min(5.0, max(0.0, 5.0 - cost + jitter))
    return (_tell(rng, first), _tell(rng, second)), round(round(score / SCORE_STEP) * SCORE_STEP, 1)


def _ask(rng: Random, wording: str, activity: str, circumstance: list[str]) -> str:
    text = f"{wording.format(do=activity)} {rng.choice(circumstance)}".strip()
    return f"{text[0].upper()}{text[1:]}?"


def _draw_scene(rng: Random) -> dict:
    action = rng.choice(ACTIONS)
    return {
        "look": rng.choice(LOOKS),
        "subject": rng.choice(SUBJECTS),
        "action": action,
        "verb": rng.choice(action[0]),
        "object": rng.choice(action[1]),
        "place": rng.choice(PLACES),
        "negated": False,
    }


def _edit(rng: Random, scene: dict, edit: str) -> float:
    """Change one thing in `scene` and give its cost; a look that was dropped cannot change and costs nothing."""
    verbs, objects = scene["action"]
    choices = {"look": LOOKS, "place": PLACES, "subject": SUBJECTS, "object": objects, "verb": verbs}
    if edit == "negate":
        scene["negated"] = True
    elif edit == "drop_look":
        scene["look"] = None
    elif scene[edit] is None:
        return 0.0
    else:
        scene[edit] = rng.choice([choice for choice in choices[edit] if choice != scene[edit]])
    return COSTS[edit]


def _tell(rng: Random, scene: dict) -> str:
    look = rng.choice(scene["look"]) if scene["look"] else ""
    who = f"{look} {rng.choice(scene['subject'])}".strip()
    article = "an" if who[0] in "aeiou" else "a"
    verb = f"is not {rng.choice(scene['verb'])}" if scene["negated"] else f"is {rng.choice(scene['verb'])}"
    text = f"{article} {who} {verb} {scene['object']} {rng.choice(scene['place'])}"
    return f"{text[0].upper()}{text[1:]}."
