"""Word lists that sort the names of Unicode CLDR into categories and attributes."""

from __future__ import annotations

OCCUPATIONS = (
    "artist",
    "astronaut",
    "cook",
    "factory worker",
    "farmer",
    "firefighter",
    "health worker",
    "judge",
    "mechanic",
    "office worker",
    "pilot",
    "scientist",
    "singer",
    "student",
    "teacher",
    "technologist",
)
"""The occupations that Unicode writes as a person joined to a tool: one drawing a gender and tone."""

GENDERED_CONCEPTS = {
    "prince": "man",
    "princess": "woman",
    "merman": "man",
    "mermaid": "woman",
    "merperson": "person",
    "boy": "man",
    "girl": "woman",
    "child": "person",
    "old man": "man",
    "old woman": "woman",
    "older person": "person",
    "breast-feeding": "woman",
    "Santa Claus": "man",
    "Mrs. Claus": "woman",
    "Mx Claus": "person",
    **dict.fromkeys(OCCUPATIONS, "person"),
    **dict.fromkeys(("police officer", "detective", "guard", "construction worker"), "person"),
    **dict.fromkeys(("superhero", "supervillain", "mage", "fairy", "vampire"), "person"),
    **dict.fromkeys(("elf", "genie", "zombie"), "person"),
}
"""Gender of names without the words woman, man and person; ``person`` where gendered forms exist."""

AGE_WORDS = {
    "baby": "baby",
    "baby angel": "baby",
    "child": "child",
    "boy": "child",
    "girl": "child",
    "older person": "older",
    "old man": "older",
    "old woman": "older",
}

CONCEPTS = {
    **dict.fromkeys(("man", "woman"), "person"),
    **dict.fromkeys(("pregnant man", "pregnant woman"), "pregnant person"),
    **dict.fromkeys(("deaf man", "deaf woman"), "deaf person"),
    **dict.fromkeys(("old man", "old woman"), "older person"),
    **dict.fromkeys(("boy", "girl"), "child"),
    **dict.fromkeys(("merman", "mermaid"), "merperson"),
    **dict.fromkeys(("prince", "princess", "person with crown"), "royalty"),
    **dict.fromkeys(("Santa Claus", "Mrs. Claus", "Mx Claus"), "Claus"),
}
"""Concept of the names whose gender is not a leading word."""

HAIR_WORDS = ("red hair", "curly hair", "white hair", "blond hair", "bald", "beard")

FANTASY_CONCEPTS = frozenset(
    [
        "superhero",
        "supervillain",
        "mage",
        "fairy",
        "vampire",
        "merperson",
        "elf",
        "genie",
        "zombie",
        "troll",
        "Claus",
        "baby angel",
        "hairy creature",
    ]
)
FANTASY_SMILEYS = frozenset(
    ["alien", "alien monster", "ghost", "goblin", "ogre", "robot", "skull", "skull and crossbones"]
)
ANIMAL_SMILEYS = frozenset(["hear-no-evil monkey", "see-no-evil monkey", "speak-no-evil monkey"])

NAMED_ACTIVITIES = frozenset(("snowboarder", "skier", "in bed", "in lotus position", "in steamy room"))
NOT_ACTIVITIES = frozenset(("wearing turban",))

GROUP_NAMES = (
    "family",
    "couple with heart",
    "kiss",
    "people ",
    "women ",
    "men ",
    "woman and man holding hands",
)
"""Beginnings of the names of images with several persons."""

SPECIAL_CATEGORIES = {
    "bust in silhouette": "symbol",
    "busts in silhouette": "symbol",
    "speaking head": "symbol",
    "footprints": "symbol",
    "fingerprint": "symbol",
    "handshake": "body part",
    "nail polish": "body part",
    "selfie": "body part",
    "family": "symbol",
    "fight cloud": "symbol",
}
"""Names of the group "People & Body" (and beyond) that show no whole person."""

BODY_WORDS = frozenset(
    [
        "hand",
        "hands",
        "finger",
        "fingers",
        "fist",
        "thumbs",
        "ear",
        "ears",
        "eye",
        "eyes",
        "nose",
        "mouth",
        "lip",
        "tongue",
        "tooth",
        "foot",
        "leg",
        "arm",
        "brain",
        "heart",
        "lungs",
        "bone",
        "biceps",
        "index",
        "backhand",
        "palm",
        "palms",
        "gesture",
        "salute",
        "horns",
    ]
)

PLANTS = frozenset(
    [
        "blossom",
        "bouquet",
        "cactus",
        "cherry blossom",
        "deciduous tree",
        "evergreen tree",
        "fallen leaf",
        "four leaf clover",
        "herb",
        "hibiscus",
        "hyacinth",
        "leaf fluttering in wind",
        "leafless tree",
        "lotus",
        "maple leaf",
        "mushroom",
        "palm tree",
        "potted plant",
        "rose",
        "seedling",
        "shamrock",
        "sheaf of rice",
        "sunflower",
        "tulip",
        "white flower",
        "wilted flower",
    ]
)
NON_ANIMALS = frozenset(
    [
        "rosette",
        "spiral shell",
        "spider web",
        "feather",
        "wing",
        "paw prints",
        "empty nest",
        "nest with eggs",
        "coral",
        "pig nose",
    ]
)

GROUP_CATEGORIES = {
    "Objects": "object",
    "Food & Drink": "food",
    "Travel & Places": "place or vehicle",
    "Activities": "game or event",
    "Symbols": "symbol",
    "Flags": "flag",
    "Component": "symbol",
}
