"""The study's machinery: profiles, ledger, seal, runner, verification, page roles, lint.

A notebook needs one name: `open_chapter`.
"""

from pinpoint.study.chapter import Chapter, open_chapter
from pinpoint.study.ledger import Entry

__all__ = ["Chapter", "Entry", "open_chapter"]
