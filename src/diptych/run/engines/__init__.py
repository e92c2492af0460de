"""The offline engines, one module each; a driver is imported only in its own module."""
