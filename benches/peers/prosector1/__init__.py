"""The parts of the PyTorch twin of the model in the box; `benches/peers/prosector1.py` is its command."""
