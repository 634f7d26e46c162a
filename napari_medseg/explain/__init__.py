"""What a network sees and why: arrays with their place in the image, no drawing.

Every verb takes a segmenter and a `View`, what the network sees at once, and gives overlays,
tables or curves. `catalogue` lists what a model can show, `show` computes an entry of it.
"""
