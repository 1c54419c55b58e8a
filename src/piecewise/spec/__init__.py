"""The specification of a network: layers, architecture, parameters, notation, augmentation."""
