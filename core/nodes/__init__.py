"""The node API (`api`, `types`, `spec`, `registry`) and the nodes, one module per family."""
