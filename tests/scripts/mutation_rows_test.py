#!/usr/bin/env python3
"""Every row of tests/judge/mutation_list.py breaks something: its file still holds the text that it replaces.
Whether the tests notice takes hours: tests/judge/mutations.py."""
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "judge"))
sys.dont_write_bytecode = True

from mutation_list import MUTATIONS  # noqa: E402  (found by the path above)


class MutationRows(unittest.TestCase):
    def test_files_hold_what_is_replaced(self):
        for name, text, becomes, _ in MUTATIONS:
            with self.subTest(file=name, text=text):
                if text not in (ROOT / "kernels" / name).read_text(encoding="utf-8"):
                    self.fail(f"kernels/{name} has no {text!r}")
                self.assertNotEqual(text, becomes)


if __name__ == "__main__":
    unittest.main()
