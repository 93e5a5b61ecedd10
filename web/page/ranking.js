/**
 * @typedef {{label: string, index: number, probability: number, threshold: number | null, present: boolean}} Finding -
 *   `index` is that of the label among the network's K. A finding is present if its probability reaches the threshold;
 *   of exclusive labels, which have no threshold (null), the most probable one is
 */

/**
 * All findings, those present first, then by probability.
 *
 * @param facts of the network
 * @param {Float32Array} probabilities (K,)
 * @returns {Finding[]}
 */
export function ranked({ labels, threshold, exclusive }, probabilities) {
  const mostProbable = probabilities.indexOf(Math.max(...probabilities)); // the first of equal ones
  const findings = labels.map((label, index) => {
    const [probability, limit] = [probabilities[index], threshold[label]];
    const present = exclusive ? index === mostProbable : probability >= limit;
    return { label, index, probability, threshold: limit, present };
  });
  return findings.sort((one, other) => other.present - one.present || other.probability - one.probability);
}
