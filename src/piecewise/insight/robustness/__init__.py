"""How shifts, scaling, rotation and stroke width change predictions, and training against it."""
