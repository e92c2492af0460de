"""The main job on real data: the flights that left New York in 2013, trained, served and compared."""
