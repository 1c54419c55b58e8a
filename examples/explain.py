"""Train a small net and ask why it answers as it does, down to single pixels.

python examples/explain.py [REPORT.html]

With a name, the page in which every number opens is written there.
"""

import sys
from pathlib import Path

import piecewise as pw

drawn, unseen = pw.draw(1_000, size=9, seed=0), pw.draw(1, size=9, seed=1)
net = pw.Network(
    "conv 8 3, relu, pool 2, full",
    input=(1, 9, 9),
    classes=["X", "O"],
    preparation=drawn.preparation,
)
pw.train(net, drawn.pictures, drawn.labels, pw.Recipe(epochs=10, learning_rate=0.1))

picture = unseen.pictures[0]
walk = net.walk(picture)  # the activations of every layer
ledger = walk.ledger()  # the votes for the predicted class
print(f"predicted {net.classes[ledger.label]}, with a logit of {ledger.logit:.4f}")
strongest = ledger.sorted()[0]
print(f"strongest vote: {strongest.value:.4f} x {strongest.weight:.4f} at {strongest.place}")
print(walk.why(*strongest.place))  # the arithmetic of that value
for attribution in pw.what_mattered(net, picture):
    row, column = divmod(int(abs(attribution.values).argmax()), 9)
    print(f"{attribution.method}: row {row}, column {column} matters most")
if len(sys.argv) > 1:
    Path(sys.argv[1]).write_text(pw.explain_page(net, picture, name="a drawing"), "utf-8")
