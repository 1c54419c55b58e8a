"""What a prediction depends on: saliency maps, receptive fields, best matching patches."""
