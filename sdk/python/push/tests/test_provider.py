import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "src"))

import provider  # noqa: E402


class ProviderTest(unittest.TestCase):
    def test_each_answer_stands_for_an_outcome(self):
        outcomes = [provider.outcome(status, {"retry-after": "7"}, b"no") for status in (200, 410, 429, 400)]
        self.assertEqual(outcomes, [("accepted", None), ("gone", None), ("retry", 7_000), ("rejected", "400: no")])

    def test_a_request_carries_the_notification(self):
        message = json.loads(provider.body("1", '{"device": "d-1"}', "安", "", 1, None))
        self.assertEqual((message["to"]["device"], message["title"]), ("d-1", "安"))


if __name__ == "__main__":
    unittest.main()
