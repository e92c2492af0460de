from diptych.testing.store_conformance import StoreConformance


class TestEmbeddedValkey(StoreConformance):
    """The `store` fixture of this folder: one Valkey out of the wheel."""
