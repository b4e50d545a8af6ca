import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "src"))

from words import Words  # noqa: E402


class WordsTest(unittest.TestCase):
    def test_a_listed_word_is_found_where_it_stands(self):
        self.assertEqual(Words({"words": ["refund"]}).find("你好, Refund now"), [(4, 10, "refund")])

    def test_other_messages_have_none(self):
        self.assertEqual(Words({}).find("see you at noon"), [])

    def test_an_empty_word_is_refused(self):
        with self.assertRaisesRegex(ValueError, "empty word"):
            Words({"words": [" "]})


if __name__ == "__main__":
    unittest.main()
