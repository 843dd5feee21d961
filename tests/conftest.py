"""Profiles of Hypothesis, and what a missing server or client means."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# Its functions assert, and are no tests by name.
pytest.register_assert_rewrite("support_imap_rows")

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile(
    "ci",
    max_examples=60,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))


def pytest_collection_finish() -> None:
    """Let the collector leave out the tests themselves, which stay: a fortieth of the time goes there."""
    gc.freeze()
