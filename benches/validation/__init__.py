"""The cases that accuracy is measured on, the measuring, and the table of it."""
