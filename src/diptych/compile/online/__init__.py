"""Views as programs for the kernel: the layout of state, packing, reading and folding; bytes in, bytes and arrays out."""
