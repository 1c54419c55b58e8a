/** Votes: values times their weights for a class, added up by map. */

/**
 * The sum of the votes of each map for a class; null if the walk has no votes for it.
 * @param {Walk} walk
 * @param {number} label
 */
export function voteSums(walk, label) {
  const { layer } = walk.data.votes;
  const values = walk.activation(layer)?.values;
  const weights = walk.array(`votes ${label}`)?.values;
  if (!values || !weights) return null;
  const [count, rows, columns] = walk.layer(layer).shape;
  return Array.from({ length: count }, (_, map) => {
    let sum = 0;
    const end = (map + 1) * rows * columns;
    for (let i = map * rows * columns; i < end; i++) sum += values[i] * weights[i];
    return sum;
  });
}
