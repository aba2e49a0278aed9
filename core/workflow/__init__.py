"""The document and the formats of workflow files. Never imports torch."""
