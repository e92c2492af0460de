"""Row expressions over arrays: typed columns with validity, conversions from and to Arrow, one evaluator."""
