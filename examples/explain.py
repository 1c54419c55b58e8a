"""Train a small net and ask why it answers as it does, down to single pixels.

python examples/explain.py [REPORT.html]

With a name, the page in which every number opens is written there.
"""

import sys
from pathlib import Path

import piecewise as pw

drawn, unseen = pw.make_xo(1_000, size=9, seed=0), pw.make_xo(1, size=9, seed=1)
net = pw.Network(
    "conv 8 3, relu, pool 2, full",
    input=(1, 9, 9),
    classes=["X", "O"],
    preprocessor=drawn.preprocessor,
)
pw.train(net, drawn.inputs, drawn.labels, pw.Recipe(epochs=10, learning_rate=0.1))

picture = unseen.inputs[0]
walk = net.walk(picture)  # the activations of every layer
ledger = walk.ledger()  # the votes for the predicted class
print(f"predicted {net.classes[ledger.label]}, with a logit of {ledger.logit:.4f}")
strongest = ledger.sorted()[0]
print(f"strongest vote: {strongest.value:.4f} x {strongest.weight:.4f} at {strongest.position}")
print(walk.why(*strongest.position))  # the arithmetic of that value
for attribution in pw.attributions(net, picture):
    row, column = divmod(int(abs(attribution.values).argmax()), 9)
    print(f"{attribution.method}: row {row}, column {column} matters most")
if len(sys.argv) > 1:
    Path(sys.argv[1]).write_text(pw.explain_html(net, picture, name="a drawing"), "utf-8")
