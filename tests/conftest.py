"""What every test begins with."""

from __future__ import annotations

import pytest

from oom_review import ledger
from oom_review.variants import loading


@pytest.fixture(autouse=True)
def nobody_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers load what a user has named: a package that an earlier test had made is gone by then."""
    monkeypatch.setattr(loading, "_GIVEN", {})
    monkeypatch.setattr(ledger, "_GIVEN", {})
