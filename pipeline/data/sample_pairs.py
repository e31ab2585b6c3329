"""The sample corpus's sentence pairs, from our own templates: question paraphrases, and scenes edited step by step."""

from random import Random

ENTITIES = {
    "skill": "python,chess,spanish,the guitar,drawing,swimming,algebra,photography,welding,sewing".split(","),
    "city": "lisbon,toronto,nairobi,kyoto,lima,dublin,warsaw,seoul,cairo,oslo".split(","),
    "job": "nurse,pilot,lawyer,plumber,teacher,designer,firefighter,chef,farmer,journalist".split(","),
    "device": "laptop,phone,printer,camera,tablet,dishwasher,bicycle,sewing machine,drone,fridge".split(","),
    "food": "rice,bread,yogurt,lentils,salmon,pancakes,mushrooms,dumplings,soup,cheese".split(","),
    "animal": "parrot,rabbit,horse,goat,turtle,hamster,cat,donkey,snake,duck".split(","),
}
# A relation is a list of wordings that mean the same; relations of one kind share their words where they can.
RELATIONS = {
    "skill": [
        ["how can i learn {a}", "what is the best way to learn {a}", "which steps should i take to study {a}"],
        ["how long does it take to learn {a}", "how many months are needed to learn {a}", "can {a} be learned quickly"],
        ["how much does it cost to learn {a}", "what is the price of lessons in {a}", "is it expensive to study {a}"],
        ["who can teach me {a}", "where do i find a good teacher of {a}", "how do i get a tutor for {a}"],
        ["why should i learn {a}", "what are the benefits of studying {a}", "is {a} worth learning"],
        ["is {a} harder than {b}", "is it more difficult to learn {a} than {b}", "is {b} easier to learn than {a}"],
    ],
    "city": [
        ["what is the best time to visit {a}", "when should i travel to {a}", "in which month is {a} most pleasant"],
        ["what is the best place to visit in {a}", "where should i go in {a}", "which sights must i see in {a}"],
        ["how expensive is it to live in {a}", "what is the cost of living in {a}", "is {a} a costly place to live"],
        ["is it safe to live in {a}", "how dangerous is {a}", "how much crime is there in {a}"],
        [
            "how do i get from {a} to {b}",
            "which is the fastest way to travel from {a} to {b}",
            "how can i reach {b} when i start in {a}",
        ],
        ["is {a} bigger than {b}", "do more people live in {a} than in {b}", "is {b} a smaller city than {a}"],
    ],
    "job": [
        ["how do i become a {a}", "what does it take to work as a {a}", "which training does a {a} need"],
        ["how much does a {a} earn", "what is the salary of a {a}", "is a {a} well paid"],
        ["what does a {a} do all day", "what is the daily work of a {a}", "what are the duties of a {a}"],
        ["why do people stop working as a {a}", "what makes a {a} quit", "why would a {a} leave the job"],
        [
            "can a {a} become a {b}",
            "how do i move from being a {a} to being a {b}",
            "is it possible to train as a {b} after working as a {a}",
        ],
        [
            "does a {a} earn more than a {b}",
            "is a {a} better paid than a {b}",
            "is the salary of a {b} below that of a {a}",
        ],
    ],
    "device": [
        ["how do i repair a {a}", "what should i do when my {a} is broken", "how can a {a} be fixed"],
        ["how do i clean a {a}", "what removes dirt from a {a}", "how can i get the dust out of my {a}"],
        ["which {a} should i buy", "what is the best {a} on the market", "can you recommend a good {a}"],
        ["how do i sell a {a}", "where can i get money for my old {a}", "what is the best site for selling a {a}"],
        ["how long does a {a} last", "after how many years must a {a} be replaced", "what is the life span of a {a}"],
        [
            "should i buy a {a} before a {b}",
            "do i need a {a} more than a {b}",
            "is a {a} a more useful thing to own than a {b}",
        ],
    ],
    "food": [
        ["how do i cook {a}", "what is a simple recipe for {a}", "how is {a} prepared at home"],
        ["how do i store {a}", "what is the best way to keep {a} fresh", "how should {a} be kept so that it lasts"],
        ["how healthy is {a}", "is {a} good for me", "what are the health benefits of {a}"],
        ["how many calories are in {a}", "is {a} fattening", "can eating {a} make me gain weight"],
        ["how do i grow or make {a} to sell", "can i earn money with {a}", "is selling {a} a good business"],
        ["can i use {a} instead of {b}", "is {a} a substitute for {b}", "may {b} be replaced by {a}"],
    ],
    "animal": [
        ["how do i feed a {a}", "what does a {a} eat", "which food is right for a {a}"],
        ["how long does a {a} live", "what is the life span of a {a}", "how old can a {a} get"],
        ["can a {a} be kept as a pet", "is a {a} a good animal to have at home", "should i get a {a} as a pet"],
        [
            "why does my {a} make noise at night",
            "how do i stop my {a} from being loud",
            "what keeps a {a} quiet at night",
        ],
        ["is a {a} smarter than a {b}", "is a {b} less intelligent than a {a}", "does a {a} learn faster than a {b}"],
        ["will a {a} attack a {b}", "is a {a} dangerous to a {b}", "should i protect my {b} from a {a}"],
    ],
}
# Wordings of one circumstance; the empty one stands for none.
CIRCUMSTANCES = [
    [""],
    ["these days", "nowadays"],
    ["according to experts", "in the opinion of experts"],
    ["in the winter", "during the cold months"],
    ["in general", "as a rule"],
    ["for real", "in reality"],
]
DUPLICATE_SHARE = 0.37
QUESTION_NOISE = 0.09

# Scenes. Each group holds wordings of one meaning.
SUBJECTS = [
    ["man", "guy"], ["woman", "lady"], ["boy", "lad"], ["farmer", "grower"], ["doctor", "physician"],
    ["soldier", "trooper"], ["police officer", "cop"], ["singer", "vocalist"], ["child", "kid"], ["teacher", "tutor"],
]  # fmt: skip
LOOKS = [
    ["old", "elderly"], ["tired", "exhausted"], ["happy", "cheerful"], ["angry", "furious"], ["rich", "wealthy"],
    ["thin", "skinny"], ["tall", "very tall"],
]  # fmt: skip
PLACES = [
    ["in the kitchen"], ["near the river", "by the river"], ["in the street", "on the road"],
    ["in the garden", "in the back yard"], ["on the beach", "at the seaside"], ["at the market", "at the bazaar"],
    ["in the forest", "in the woods"], ["behind the school", "at the back of the school"],
]  # fmt: skip
TIMES = [
    ["in the morning", "before noon"], ["at night", "after dark"], ["in the rain", "in rainy weather"],
    ["on sunday", "on a sunday"], ["in the summer", "during summer"],
]  # fmt: skip
# What can be done with the same objects: two verbs, each with its wordings.
ACTIONS = [
    ([["slicing", "cutting up"], ["washing", "rinsing"]], ["a tomato", "an onion", "a melon", "some bread"]),
    ([["playing", "performing on"], ["tuning", "adjusting"]], ["a guitar", "a violin", "a piano", "a flute"]),
    ([["reading", "looking through"], ["tearing up", "ripping apart"]], ["a newspaper", "a letter", "a map", "a book"]),
    ([["carrying", "transporting"], ["painting", "coloring"]], ["a ladder", "a chair", "a table", "a box"]),
    ([["repairing", "fixing"], ["stealing", "taking away"]], ["a car", "a motorcycle", "a radio", "a boat"]),
    ([["throwing", "tossing"], ["looking for", "searching for"]], ["a ball", "a stick", "a hat", "a shoe"]),
    ([["feeding", "giving food to"], ["brushing", "grooming"]], ["a horse", "a dog", "a goat", "a cat"]),
    ([["selling", "offering for sale"], ["weighing", "measuring"]], ["some fish", "some apples", "some rice"]),
]
# What an edit of the second sentence costs on the scale of 5.
COSTS = {"drop_look": 0.5, "drop_time": 0.5, "look": 0.8, "time": 0.8, "place": 1.0, "subject": 1.4, "object": 1.4,
         "verb": 1.5, "negate": 1.6}  # fmt: skip
SCORE_STEP = 0.2
# Times the spread of a sum of three uniforms, .5, this gives a standard deviation of .4.
SCORE_JITTER = 0.8


def write_question_pair(rng: Random) -> tuple[tuple[str, ...], float]:
    """Two questions and whether they ask the same (1) or not (0); most of those that do not are near misses."""
    kind = rng.choice(list(ENTITIES))
    relation = rng.randrange(len(RELATIONS[kind]))
    a, b, other = rng.sample(ENTITIES[kind], 3)
    circumstance = rng.choice(CIRCUMSTANCES)
    first_wording, second_wording = rng.sample(RELATIONS[kind][relation], 2)
    first = _ask(rng, first_wording, a, b, circumstance)
    duplicate = rng.random() < DUPLICATE_SHARE
    if duplicate:
        second = _ask(rng, second_wording, a, b, circumstance)
    else:
        # The wording may stay or change, so that a near miss is no closer in words than a paraphrase.
        wording = rng.choice([first_wording, second_wording])
        miss = rng.random()
        if "{b}" in first_wording and miss < 0.5:
            second = _ask(rng, wording, b, a, circumstance)
        elif miss < 0.4:
            second = _ask(rng, wording, other, b, circumstance)
        elif miss < 0.85:
            others = [number for number in range(len(RELATIONS[kind])) if number != relation]
            second = _ask(rng, rng.choice(RELATIONS[kind][rng.choice(others)]), a, b, circumstance)
        else:
            kind = rng.choice([name for name in ENTITIES if name != kind])
            second = _ask(rng, rng.choice(rng.choice(RELATIONS[kind])), *rng.sample(ENTITIES[kind], 2), circumstance)
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


def _ask(rng: Random, wording: str, a: str, b: str, circumstance: list[str]) -> str:
    text = f"{wording.format(a=a, b=b)} {rng.choice(circumstance)}".strip()
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
        "time": rng.choice(TIMES),
        "negated": False,
    }


def _edit(rng: Random, scene: dict, edit: str) -> float:
    """Change one thing in `scene` and give its cost; what was dropped before cannot change again and costs nothing."""
    verbs, objects = scene["action"]
    choices = {"look": LOOKS, "time": TIMES, "place": PLACES, "subject": SUBJECTS, "object": objects, "verb": verbs}
    if edit == "negate":
        scene["negated"] = True
    elif edit.startswith("drop_"):
        slot = edit.removeprefix("drop_")
        if scene[slot] is None:
            return 0.0
        scene[slot] = None
    elif scene[edit] is None:
        return 0.0
    else:
        scene[edit] = rng.choice([choice for choice in choices[edit] if choice != scene[edit]])
    return COSTS[edit]


def _tell(rng: Random, scene: dict) -> str:
    look, time = (rng.choice(scene[slot]) if scene[slot] else "" for slot in ("look", "time"))
    who = f"{look} {rng.choice(scene['subject'])}".strip()
    article = "an" if who[0] in "aeiou" else "a"
    verb = f"is not {rng.choice(scene['verb'])}" if scene["negated"] else f"is {rng.choice(scene['verb'])}"
    what = f"{article} {who} {verb} {scene['object']} {rng.choice(scene['place'])}"
    # Where the time stands changes nothing in the meaning.
    text = f"{time}, {what}" if time and rng.random() < 0.3 else f"{what} {time}".strip()
    return f"{text[0].upper()}{text[1:]}."
