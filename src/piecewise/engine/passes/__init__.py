"""The passes: one a layer, or several layers in one: what runs, in order, forward and back.

ReLU is done where its input is stored, by whichever pass stores it, and on the way back where its
gradient is stored, by a look at the same numbers: above zero or not. A largest-value pooling whose
windows do not overlap is done while the rows of the convolution before it are still near.
(Whichever of the two comes first: the largest of what ReLU lets through is what ReLU lets through
of the largest.)
"""
