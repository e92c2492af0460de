"""What users and plug-ins test with: strategies for hypothesis, and the suite that every engine must pass.

Needs the extra ``parity``. ``EngineConformance`` in ``diptych.testing.conformance`` is the place to begin.
"""
