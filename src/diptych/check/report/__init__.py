"""What a run found, for people: one HTML page to open, and Markdown for a pull request."""

from diptych.check.report.page import html
from diptych.check.report.pullrequest import markdown
from diptych.check.report.saved import BadRun, read, write

__all__ = ["BadRun", "html", "markdown", "read", "write"]
