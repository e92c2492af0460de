"""What users and plug-ins test with: targets, boundary cases, properties of one's own views, and small examples.

Needs the extra ``parity``. Places to begin: ``EngineConformance`` in ``diptych.testing.conformance`` for an engine of one's
own, ``Exam`` in ``diptych.testing.boundaries`` for the boundary cases of a view, ``search`` in ``diptych.testing.owned``
for random histories of it, ``smallest`` in ``diptych.testing.shrink`` and ``pasted`` in ``diptych.testing.paste`` for
what to do with a difference, and ``check_example`` in ``diptych.testing.example`` for the test that comes of it.
"""
