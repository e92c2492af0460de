"""Offline: engines that compute views over history, and the training sets that are put together from them."""
