"""Why two sides differ: recompute a mismatch with one thing changed at a time, and see what gives the wrong answer."""

from diptych.check.causes.derived import diagnose_derived
from diptych.check.causes.diagnose import Clock, diagnose
from diptych.check.causes.evidence import Answered, Diagnosis, Evidence, Key, Row

__all__ = ["Answered", "Clock", "Diagnosis", "Evidence", "Key", "Row", "diagnose", "diagnose_derived"]
