"""Sphinx: furo, reference pages from docstrings, state diagrams from the state tables."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import mailproto

project = "mailproto"
author = "The mailproto authors"
copyright = "2026, the mailproto authors"
release = version = mailproto.__version__
extensions = [
    *("sphinx.ext.autodoc", "sphinx.ext.napoleon"),
    *("draw_states", "limits_table", "quirks_table", "value_docstrings"),
]
html_theme = "furo"
html_title = "mailproto"
default_role = "code"
autodoc_default_options = {"members": True, "undoc-members": False, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
suppress_warnings = ["ref.python"]  # two classes may have an attribute of one name
exclude_patterns = ["_build"]
