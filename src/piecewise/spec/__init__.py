"""The description of a network: its layers, architecture, parameters, notation and augmentation."""
