"""The suites that prove the team's training and serving values equal."""
