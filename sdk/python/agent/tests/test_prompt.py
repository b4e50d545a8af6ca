import pathlib
import sys
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "src"))

import prompt  # noqa: E402


class PromptTest(unittest.TestCase):
    def test_the_model_is_told_what_the_knowledge_base_has(self):
        passage = types.SimpleNamespace(source="Handbook", text="We open at nine.")
        text = prompt.instructions(prompt.Settings("{}"), [passage])
        self.assertTrue(text.endswith("From Handbook:\nWe open at nine."), text)

    def test_what_is_no_setting_is_refused_with_a_sentence(self):
        for config in ("{", "[]", '{"model": " "}', '{"passages": "5"}'):
            with self.assertRaises(ValueError):
                prompt.Settings(config)


if __name__ == "__main__":
    unittest.main()
