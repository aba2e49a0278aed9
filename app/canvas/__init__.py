"""The canvas: a document painted with NodeGraphQt's items, and the gestures that edit it."""
