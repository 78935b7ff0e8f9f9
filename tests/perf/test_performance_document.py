"""docs/performance.md says what was last measured."""

from __future__ import annotations

from ratios import DOCUMENT, document, stored


def test_document_is_made_of_the_stored_numbers_and_all_meet_their_targets() -> None:
    findings = stored()
    assert DOCUMENT.read_text(encoding="utf-8") == document(findings)
    assert len(findings) == 7
    assert all(finding.value <= finding.target for finding in findings)
