"""What the filter looks for, without anything of the host, so that tests run it as it is."""

import string

# Lower case of ASCII alone, so that places stay those of the original.
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class Words:
    """The words that a tenant listed."""

    def __init__(self, config):
        self.words = [word.strip().translate(LOWER) for word in config.get("words", ["scam"])]
        if "" in self.words:
            raise ValueError("`words` has an empty word")

    def find(self, text):
        """Every place of a listed word, in order: its first character, one past its last, and the word."""
        lower = text.translate(LOWER)
        places = []
        for word in self.words:
            at = lower.find(word)
            while at >= 0:
                places.append((at, at + len(word), word))
                at = lower.find(word, at + len(word))
        return sorted(places)
